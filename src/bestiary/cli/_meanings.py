"""What each option means, and what help and the docs say where it was not given."""

import functools
import re
import textwrap
from typing import Annotated

import tyro

from bestiary.specs import Spec

DERIVED = "derived"
# How a docstring says that a default follows from something else.
_FOLLOWS = re.compile(r"\bby default\b|(^|[ ,;])0 (?!for no)")

_PART_OF_A_NAMED_SIZE = "shape."


def described(kind: type[Spec], prefix: str = "") -> list[tuple[str, str, object]]:
    """Every flag with its meaning, read from the docstring, and its default."""
    attributes = (kind.__doc__ or "").partition("Attributes:\n")[2]
    text = textwrap.dedent(attributes)
    meanings = {
        found[1]: re.sub(r"\s+", " ", found[2]).strip()
        for found in re.finditer(r"^(\w+): (.*?)(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    }
    flags: list[tuple[str, str, object]] = []
    for field, value in zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True):
        if isinstance(value, Spec):
            flags += described(type(value), f"{prefix}{field}.")
        else:
            flags.append((prefix + field, meanings[field], value))
    return flags


def default_in_words(name: str, meaning: str, default: object) -> str:
    """Of an option that was not given: its value, `derived`, or nothing.

    Args:
        name: The option.
        meaning: What its docstring says.
        default: The value that stands for none.
    """
    if default is False or default == ():
        return ""
    if default in ("", None) or default == 0:
        if name.startswith(_PART_OF_A_NAMED_SIZE) or _FOLLOWS.search(meaning):
            return DERIVED
        return "" if default in ("", None) else "0"
    return str(default)


@functools.cache
def explain(kind: type[Spec], prefix: str = "") -> None:
    """Have the help of these flags say what the docs say: tyro reads it from the annotations."""
    meanings = {name: meaning for name, meaning, _ in described(kind)}
    defaults = zip(kind.__struct_fields__, kind.__struct_defaults__, strict=True)
    for field, default in list(defaults):
        if isinstance(default, Spec):
            explain(type(default), f"{field}.")
            continue
        hint = kind.__annotations__[field]
        told = default_in_words(prefix + field, meanings[field], default)
        kind.__annotations__[field] = Annotated[
            hint,
            tyro.conf.arg(
                metavar=_metavar(field, hint, default),
                help_behavior_hint=None if default == () else _in_brackets(told),
            ),
        ]


def _in_brackets(told: str) -> str:
    return f"({told})" if told == DERIVED else f"(default: {told})" if told else ""


def _metavar(field: str, hint: object, default: object) -> str | None:
    """The name of a place, or of a number that may be left out; else tyro's own."""
    if "Positional" in repr(hint):
        return field.upper()
    if default is None:
        return "FLOAT" if "float" in repr(hint) else "INT"
    return None
