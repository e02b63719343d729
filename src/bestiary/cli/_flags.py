"""Flags of a command: tyro reads them, and every mistake becomes one line."""

import contextlib
import io
import itertools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
import tyro

from bestiary.cli._commands import COMMANDS
from bestiary.cli._meanings import explain
from bestiary.errors import UserError, unknown
from bestiary.specs import Setting, Spec, checked, from_builtins
from bestiary.store import read_toml

F = TypeVar("F", bound=Spec)

# A yes-or-no flag is written `--json`, without a `--no-json` beside it.
Switch = tyro.conf.FlagCreatePairsOff[bool]
# `--set a=1 --set b=2` collects both.
Repeated = tyro.conf.UseAppendAction[tuple[str, ...]]

# Letters of an argument that a complaint quotes.
_QUOTED = 80
_UNITS = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12, "p": 1e15}


def amount(text: str) -> float:
    """A count as people write it, and as every listing prints it: `3e9`, `3B`, `200b`, `1.5T`.

    Raises:
        ValueError: no number, or an unknown unit.
    """
    unit = text[-1:].lower()
    try:
        return float(text[:-1]) * _UNITS[unit] if unit in _UNITS else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no count; write it as 3e9 or 3B") from None


Amount = Annotated[
    float,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="FLOAT",
        instance_from_str=lambda texts: amount(texts[0]),
        is_instance=lambda value: isinstance(value, float),
        str_from_instance=lambda value: [f"{value:g}"],
    ),
]


# Standard deviation between seeds in nats; 0 where none is stated.
StatedNoise = Annotated[float, msgspec.Meta(ge=0, lt=1)]


def parse(kind: type[F], arguments: list[str], name: str) -> F | None:
    """Read a command's flags, on top of its TOML file where it takes `--config`.

    Args:
        kind: The spec that lists the flags; its docstring is their help.
        arguments: What stands after the command's name.
        name: The command.

    Returns:
        The flags, or None where only help was asked for and printed.

    Raises:
        UserError: an unknown flag (the nearest is named) or a value that does not fit.
    """
    explain(kind)
    _refuse_nul(arguments)
    default = kind()
    flags = _parse_once(kind, default, arguments, name)
    # Where it is one of some words, as of `advise`, it names no file.
    config = getattr(flags, "config", "") if get_type_hints(kind).get("config") is str else ""
    if flags is not None and config:
        stated = _from_toml(kind, Path(config))
        if getattr(flags, "data", ()):  # names other text, where `set` adds to what the file says
            stated = msgspec.structs.replace(stated, data=())
        flags = _parse_once(kind, stated, arguments, name)
    return None if flags is None else in_range(flags)


def _refuse_nul(stated: Any) -> None:
    """Refuse a text with the one character that no path and no name can have, wherever it stands.

    A shell cannot write it, but a TOML file and a program can.
    """
    if isinstance(stated, str) and "\0" in stated:
        raise UserError(f"a text must have no NUL character, got {stated[:_QUOTED]!r}")
    if isinstance(stated, list | tuple | dict):
        for one in stated.values() if isinstance(stated, dict) else stated:
            _refuse_nul(one)


def _parse_once(kind: type[F], default: F, arguments: list[str], name: str) -> F | None:
    complaints = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaints):
            flags, rest = tyro.cli(
                kind,
                prog=f"bestiary {name}",
                description=COMMANDS[name].summary,
                args=arguments,
                default=default,
                return_unknown_args=True,
            )
    except SystemExit as stop:
        if stop.code in (None, 0):
            sys.stdout.flush()
            return None
        cut = [one if len(one) <= _QUOTED else f"{one[: _QUOTED - 3]}..." for one in arguments]
        if cut != arguments:  # a long one is broken over lines, and could not be told from several
            return _parse_once(kind, default, cut, name)
        raise UserError(_without_box(complaints.getvalue()) + _see(name)) from None
    if rest:
        raise _unknown_argument(kind, rest[0], name)
    return flags


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def in_range(flags: F, option: Callable[[str], str] = _option) -> F:
    """The flags, if every value is of its type and in its range; else the one that is not is named.

    Args:
        flags: What was stated, also by a program, which can state what a command line cannot.
        option: What a person calls a field.

    Raises:
        UserError: a value that does not fit, with the rule.
    """
    try:
        return checked(flags)
    except UserError as error:
        if found := re.fullmatch(r"\w+: ([\w.]+) (must be .*)", str(error)):
            raise UserError(f"{option(found[1])} {found[2]}") from None
        if found := re.search(r"Invalid enum value .* - at `\$\.(\w+)`$", str(error)):
            words = ", ".join(map(str, get_args(get_type_hints(type(flags))[found[1]])))
            got = str(getattr(flags, found[1]))[:_QUOTED]
            raise UserError(f"{option(found[1])} must be one of {words}, got {got}") from None
        raise


def _see(name: str) -> str:
    return f"; see `bestiary {name} --help`"


def _unknown_argument(kind: type[Spec], argument: str, name: str) -> UserError:
    if argument.startswith("-"):
        option = argument.split("=")[0]
        if (field := option.strip("-").replace("-", "_")) in positional_names(kind):
            return UserError(f"{field.upper()} is no option: write it without {option}{_see(name)}")
        return unknown("option", option, flag_names(kind))
    return UserError(f"unexpected argument {argument[:_QUOTED]!r}{_see(name)}")


def positional_names(kind: type[Spec]) -> list[str]:
    """The fields of a command that are told by their place."""
    return [one for one, hint in kind.__annotations__.items() if "Positional" in repr(hint)]


def flag_names(kind: type[Spec], prefix: str = "--") -> list[str]:
    """The options of a command as they are written."""
    names, placed = [], positional_names(kind)
    for field, value in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True):
        if field in placed:
            continue
        flag = prefix + field.replace("_", "-")
        nested = isinstance(value, Spec)
        names += flag_names(type(value), f"{flag}.") if nested else [flag]
    return names


def _without_box(text: str) -> str:
    """The message inside tyro's box of several lines, as one line."""
    # Where the output is no UTF-8 the box is drawn with other signs, below its title.
    inside = [line.strip("│| ") for line in text.splitlines()[1:]]
    first = next((i for i, line in enumerate(inside) if not _is_rule(line)), 0)
    parts = itertools.takewhile(lambda line: not _is_rule(line), inside[first:])
    message = re.sub(r"\s+", " ", " ".join(parts)).strip().rstrip(".")
    return message.removeprefix("Error parsing ") or "the options could not be read"


def _is_rule(line: str) -> bool:
    return set(line) <= set("─╰╯-+")


def _from_toml(kind: type[F], path: Path) -> F:
    """The flags that a TOML file states; a table `set` may hold the settings as numbers."""
    table = read_toml(path, "--config")
    _refuse_nul(table)
    for field in table:
        if field not in kind.__struct_fields__:
            raise unknown(f"field in {path}", field, kind.__struct_fields__)
    if isinstance(settings := table.get("set"), dict):
        table["set"] = [f"{key}={_text(value)}" for key, value in settings.items()]
    if isinstance(data := table.get("data"), str):
        table["data"] = [data]
    return from_builtins(kind, table)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def settings_from(pairs: tuple[str, ...]) -> dict[str, Setting]:
    """Read `("learning_rate=0.01", "nesterov=true")` as typed settings; of a name the last wins.

    Raises:
        UserError: a pair without `=`.
    """
    settings: dict[str, Setting] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set takes name=value, got {pair!r}; write --set learning_rate=0.01")
        settings[name] = _value(text)
    return settings


def _value(text: str) -> Setting:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
