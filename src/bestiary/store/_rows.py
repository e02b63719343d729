"""Rows of somebody's table or JSON: flat dictionaries, each with its row number."""

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bestiary.errors import UserError

Row = dict[str, Any]


DELIMITERS = (",", ";", "\t")
MOST_BYTES = 100 * 10**6


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """All rows of a file, by its suffix; nested JSON objects are flattened with dots.

    Row numbers are what a person sees: the header of a CSV file is row 1, so its first data row
    is 2; items of a JSON list and lines of a JSON-lines file count from 1. The delimiter of a
    table is the one of comma, semicolon and tab that gives its header the most columns.

    Raises:
        UserError: no such file, an unknown suffix, text that does not parse, or no rows.
    """
    readers = {".csv": _table, ".tsv": _table, ".json": _json, ".jsonl": _json_lines}
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix not in readers:
        raise UserError(
            f"results must be {', '.join(readers)}, or one of them with .gz, got {path.name}; "
            "convert them"
        )
    rows = list(readers[suffix](path.name, _text(path)))
    if not rows:
        raise UserError(f"{path.name} has no rows; export the results again")
    return rows


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        opened = gzip.open if path.name.lower().endswith(".gz") else open
        with opened(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)  # a small file may hold terabytes of zeros
        if len(content) > MOST_BYTES:
            raise UserError(
                f"{path.name} must hold at most {MOST_BYTES // 10**6} MB of text; split it, or "
                "keep only the columns that are mapped"
            )
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} must be readable UTF-8 text: {error}") from None


def _table(name: str, text: str) -> Iterator[tuple[int, Row]]:
    """The rows of a table; what spreadsheets leave behind is passed over.

    That is: a column without a name, a row without a value, a carriage return alone as line end.
    """
    csv.field_size_limit(MOST_BYTES)  # a log in a column that nobody maps does no harm
    if "\n" not in text:
        text = text.replace("\r", "\n")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        header = [cell.strip() for cell in next(reader, [])]
        repeated = sorted(name for name, times in Counter(header).items() if name and times > 1)
        if repeated:
            raise UserError(f"{name}: columns must differ, got {repeated[0]!r} twice; rename one")
        for number, cells in enumerate(reader, start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{name} row {number}: expected {len(header)} columns as in the header, "
                    f"got {len(cells)}; quote values that contain the delimiter"
                )
            if [cell.strip() for cell in cells] == header:
                raise UserError(f"{name} row {number} is the header again; remove it")
            named = zip(header, cells, strict=True)
            yield number, {column: cell for column, cell in named if column}
    except csv.Error as error:
        raise UserError(f"{name} row {reader.line_num}: not CSV: {error}") from None


def _delimiter(text: str) -> str:
    """The delimiter by which the first line has the most cells."""
    first = text.partition("\n")[0].rstrip("\r")
    return max(DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one), [])))


def _json(name: str, text: str) -> Iterator[tuple[int, Row]]:
    items = _parsed(name, 0, text)
    if not isinstance(items, list):
        raise UserError(
            f"{name} must hold a list of objects, got {type(items).__name__}; put its runs in []"
        )
    for number, item in enumerate(items, start=1):
        yield number, _flat(name, number, item)


def _json_lines(name: str, text: str) -> Iterator[tuple[int, Row]]:
    # A newline alone ends a line: JSON strings may hold other separators of Unicode.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _flat(name, number, _parsed(name, number, line))


def _parsed(name: str, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise UserError(f"{name}: objects are nested too deeply; flatten them") from None
    except json.JSONDecodeError as error:
        where = f"row {number}" if number else f"line {error.lineno}"
        raise UserError(f"{name} {where}: not JSON: {error.msg}") from None
    except ValueError as error:  # a number of thousands of digits
        raise UserError(f"{name}: not JSON: {error}") from None


def _flat(name: str, number: int, item: Any) -> Row:
    if not isinstance(item, dict):
        raise UserError(f"{name} row {number}: must be an object, got {type(item).__name__}")
    flat: Row = {}
    for key, value in item.items():
        nested = isinstance(value, dict)
        inner = _flat(name, number, value) if nested else {}
        flat |= (
            {f"{key}.{below}": leaf for below, leaf in inner.items()} if nested else {key: value}
        )
    return flat
