"""The reference page docs/cli.md, made from the flags: `python -m bestiary.cli._reference`."""

import importlib

from bestiary.cli._commands import COMMANDS
from bestiary.cli._meanings import DERIVED, default_in_words, described

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
    told = default_in_words(name, meaning, default)
    shown = told if told in ("", DERIVED) else f"`{told}`"
    return f"| `{name}` | {meaning} | {shown} |\n"


if __name__ == "__main__":
    print(reference(), end="")
