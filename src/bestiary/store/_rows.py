"""Rows of somebody's CSV, JSON or JSON-lines file: flat dictionaries, each with its row number."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bestiary.errors import UserError

Row = dict[str, Any]


def read_rows(path: Path) -> list[tuple[int, Row]]:
    """All rows of a file, by its suffix; nested JSON objects are flattened with dots.

    Row numbers are what a person sees: the header of a CSV file is row 1, so its first data row
    is 2; items of a JSON list and lines of a JSON-lines file count from 1.

    Raises:
        UserError: no such file, an unknown suffix, text that does not parse, or no rows.
    """
    readers = {".csv": _csv, ".json": _json, ".jsonl": _json_lines}
    if path.suffix not in readers:
        raise UserError(f"results must be .csv, .json or .jsonl, got {path.name}; convert them")
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} must be readable UTF-8 text: {error}") from None
    rows = list(readers[path.suffix](path.name, text))
    if not rows:
        raise UserError(f"{path.name} has no rows; export the results again")
    return rows


def _csv(name: str, text: str) -> Iterator[tuple[int, Row]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        repeated = sorted({column for column in header if header.count(column) > 1})
        if repeated:
            raise UserError(f"{name}: columns must differ, got {repeated[0]!r} twice; rename one")
        for number, cells in enumerate(reader, start=2):
            if cells and len(cells) != len(header):
                raise UserError(
                    f"{name} row {number}: expected {len(header)} columns as in the header, "
                    f"got {len(cells)}; quote values that contain commas"
                )
            if cells:
                yield number, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise UserError(f"{name} row {reader.line_num}: not CSV: {error}") from None


def _json(name: str, text: str) -> Iterator[tuple[int, Row]]:
    items = _parsed(name, 0, text)
    if not isinstance(items, list):
        raise UserError(f"{name} must hold a list of objects, got {type(items).__name__}")
    for number, item in enumerate(items, start=1):
        yield number, _flat(name, number, item)


def _json_lines(name: str, text: str) -> Iterator[tuple[int, Row]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _flat(name, number, _parsed(name, number, line))


def _parsed(name: str, number: int, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f" row {number}" if number else f" line {error.lineno}"
        raise UserError(f"{name}{where}: not JSON: {error.msg}") from None


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
