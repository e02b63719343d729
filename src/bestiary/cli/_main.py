"""The entry point: find the command, run it, and turn every way it can fail into an exit code."""

import errno
import importlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

from bestiary.cli._commands import COMMANDS, top_help
from bestiary.cli._printable import printable
from bestiary.errors import BestiaryError, StopRequested, UserError, shortened, unknown

DONE, FAILURE, MISTAKE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    0 done; 1 a failure; 2 the user's mistake (one line on stderr, nothing created); 130 Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _write_what_can_be_written()
    try:
        return _dispatch(arguments)
    except UserError as error:
        return _complain(f"error: {error}", MISTAKE)
    except StopRequested as stop:
        return _complain(str(stop), 128 + stop.signal)
    except BestiaryError as error:
        return _complain(f"failed: {error}", FAILURE)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`); Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if (mistake := _odd_path(error)) is not None:
            return _complain(f"error: {mistake}", MISTAKE)
        return _complain(f"failed: {_one_line(error)} ({_keep_traceback()})", FAILURE)


def _odd_path(error: Exception) -> str | None:
    """One line where a path is none to any system; None for every other error."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"a path is too long for this system: {str(error.filename)[:80]}...; shorten it"
    if isinstance(error, ValueError) and "null byte" in str(error):
        return "a path has a NUL character; remove it"
    if isinstance(error, FileNotFoundError) and _is_in_a_removed_folder():
        return "the folder that this shell is in was removed; change to another"
    return None


def _is_in_a_removed_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _write_what_can_be_written() -> None:
    """A terminal or file whose encoding lacks a character gets a `?` for it, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["help"] and arguments[1:2] and not arguments[1].startswith("-"):
        arguments = [arguments[1], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(top_help())
        return DONE
    name, *rest = arguments
    if name in ("-V", "--version"):
        return _print_version()
    if name.startswith("-"):
        raise UserError(
            f"options follow a command, got {name[:80]!r} first; write bestiary COMMAND {name[:80]}"
        )
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS)
    command = importlib.import_module(COMMANDS[name].module)
    # Here, because tyro takes longer to import than `bestiary --help` may.
    from bestiary.cli._flags import parse

    flags = parse(command.Flags, rest, name)
    return DONE if flags is None else (command.run(flags) or DONE)


def _print_version() -> int:
    import importlib.metadata

    print(f"bestiary {importlib.metadata.version('bestiary')}")
    return DONE


def _complain(line: str, code: int) -> int:
    print(f"bestiary: {shortened(printable(line))}", file=sys.stderr)
    return code


def _one_line(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _keep_traceback() -> str:
    """Write the current traceback to a fresh file and say where; the disk may be what failed."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="bestiary-traceback-", suffix=".txt", delete=False
        ) as file:
            traceback.print_exc(file=file)
    except OSError as error:
        return f"no traceback could be kept: {error.strerror}"
    return f"full traceback: {file.name}"
