"""The command line: one thin file per command."""


def main() -> int:
    """Dispatch to a command."""
    raise NotImplementedError
