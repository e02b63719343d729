"""Small files that somebody wrote: TOML and JSON, read with one set of checks."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bestiary.errors import UserError

# Far beyond any that was written by a person; a device has no end.
MOST_BYTES = 10 * 10**6


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """What a TOML file states.

    Args:
        path: The file, or a pipe of a shell.
        what: What it is, for a complaint: `the study`.

    Raises:
        UserError: it cannot be read, is not TOML in UTF-8, too long or nested too deeply.
    """
    found: dict[str, Any] = _read(path, what, "TOML", tomllib.loads)
    return found


def read_json(path: Path, what: str) -> Any:
    """What a JSON file states; arguments and complaints are those of `read_toml`."""
    return _read(path, what, "JSON", json.loads)


def _read(path: Path, what: str, language: str, parse: Callable[[str], Any]) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {what} {path}: {error.strerror}; check the path") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{what} {path} must be at most {MOST_BYTES // 10**6} MB; check the path")
    try:
        # Editors of one system begin a file with a mark of its bytes' order.
        return parse(content.decode("utf-8-sig"))
    except RecursionError:
        raise UserError(f"{what} {path} is nested too deeply; write it with fewer levels") from None
    except ValueError as error:  # not the language, no UTF-8, or a number of thousands of digits
        raise UserError(f"{what} {path} is not {language}: {error}") from None
