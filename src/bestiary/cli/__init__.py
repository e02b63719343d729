"""The command line: one thin file per command, imported only when that command is called."""

from bestiary.cli._main import main as main
