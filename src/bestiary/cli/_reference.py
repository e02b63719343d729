"""The reference page docs/cli.md, made from the flags: `python -m bestiary.cli._reference`."""

import importlib
import re
import textwrap

from bestiary.cli._commands import COMMANDS
from bestiary.specs import Spec

INTRODUCTION = """\
# The command line

Made by `python -m bestiary.cli._reference`; a test compares. Exit codes: 0 done, 1 a failure, 2 a
mistake in what was asked (one line, nothing created), 130 stopped by Ctrl-C. `--json` prints plain
data, made to be read by programs; progress and messages go to stderr.

| command | what it does |
|---|---|
"""


def reference() -> str:
    """The whole page."""
    rows = [f"| [`{name}`](#{name}) | {command.summary} |\n" for name, command in COMMANDS.items()]
    return INTRODUCTION + "".join(rows) + "".join(map(_section, COMMANDS))


def _section(name: str) -> str:
    command = COMMANDS[name]
    kind = importlib.import_module(command.module).Flags
    positional, options = [], []
    for field, meaning, default in described(kind):
        if "Positional" in repr(kind.__annotations__.get(field, "")):
            positional.append((field.upper(), meaning, default))
        else:
            options.append((f"--{field.replace('_', '-')}", meaning, default))
    shown = " ".join(f"[{place}]" for place, _, _ in positional)
    usage = " ".join(filter(None, [f"bestiary {name}", shown, "[OPTIONS]"]))
    table = [_row(*one) for one in [*positional, *options]]
    head = f"\n## {name}\n\n{command.summary}\n\n    {usage}\n"
    return head + "\n| option | meaning | default |\n|---|---|---|\n" + "".join(table)


def _row(name: str, meaning: str, default: object) -> str:
    shown = "" if default in ("", None, (), False) else f"`{default}`"
    return f"| `{name}` | {meaning} | {shown} |\n"


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


if __name__ == "__main__":
    print(reference(), end="")
