"""`bestiary completion`: what a shell needs to complete commands and their options."""

import importlib
from pathlib import Path
from typing import Literal

import tyro

from bestiary.cli._commands import COMMANDS
from bestiary.cli._flags import flag_names
from bestiary.errors import UserError
from bestiary.specs import Spec

Shell = Literal["bash", "zsh", "fish"]

BASH = """\
_bestiary() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}"
  local known="{commands}"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${{COMP_WORDS[1]}}" in
{cases}
      *) known="" ;;
    esac
    case "$word" in
      -*) ;;
      *) known="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$known" -- "$word"))
}}
complete -o default -F _bestiary bestiary
"""


class Flags(Spec, frozen=True, kw_only=True):
    """Print the completion of a shell, or install it.

    Attributes:
        shell: `bash`, `zsh` or `fish`.
        install: Append a line to the shell's own start-up file that loads it; once.
    """

    shell: tyro.conf.Positional[Shell] = "bash"
    install: tyro.conf.FlagCreatePairsOff[bool] = False


LINES: dict[str, tuple[str, str]] = {
    "bash": (".bashrc", 'eval "$(bestiary completion bash)"'),
    "zsh": (".zshrc", 'eval "$(bestiary completion zsh)"'),
    "fish": (".config/fish/config.fish", "bestiary completion fish | source"),
}


def run(flags: Flags) -> None:
    """Print or install."""
    if not flags.install:
        print(_script(flags.shell), end="")
        return
    name, line = LINES[flags.shell]
    path = Path.home() / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        if line not in before:
            with path.open("a") as file:
                file.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; put into it: {line}") from None
    print(f"{path} loads it in every new {flags.shell}")


def _script(shell: str) -> str:
    options = {
        name: [*flag_names(importlib.import_module(command.module).Flags), "--help"]
        for name, command in COMMANDS.items()
    }
    if shell == "fish":
        return _fish(options)
    cases = "\n".join(f'      {name}) known="{" ".join(own)}" ;;' for name, own in options.items())
    script = BASH.format(commands=" ".join(COMMANDS), cases=cases)
    before = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n"
    return before + script if shell == "zsh" else script


def _fish(options: dict[str, list[str]]) -> str:
    """A line for each command and each option."""
    lines = ["complete -c bestiary -f -n __fish_use_subcommand -a '" + " ".join(options) + "'"]
    for name, own in options.items():
        lines += [
            f"complete -c bestiary -n '__fish_seen_subcommand_from {name}' -l {flag[2:]}"
            for flag in own
        ]
    return "\n".join(lines) + "\n"
