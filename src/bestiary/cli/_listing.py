"""Listings: the same records as a table for people or as JSON for programs."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bestiary.cli._printable import printable

Record = Mapping[str, Any]
# Of output that no terminal shows, where COLUMNS does not say.
PIPED_COLUMNS = 160


def show(
    records: Sequence[Record],
    columns: Mapping[str, str],
    *,
    as_json: bool,
    title: str = "",
) -> None:
    """Print records, one a row.

    Args:
        records: Plain data; JSON gets every field.
        columns: The fields a table shows, with their headings.
        as_json: Whether to print a JSON array instead.
        title: A line above the table.

    Where no terminal shows it no word is cut, though lines be longer than COLUMNS.
    """
    if as_json:
        print_json(list(records))
        return
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        pad_edge=False,
        collapse_padding=True,
    )
    to = console()
    for index, (field, heading) in enumerate(columns.items()):
        numeric = all(_is_number(record.get(field)) for record in records)
        # The first column names its row: narrow terminals fold the others.
        table.add_column(
            heading,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=index == 0,
            min_width=None if to.is_terminal else _longest_word(records, field, heading),
        )
    for record in records:
        table.add_row(*(Text(shown(record.get(field))) for field in columns))
    to.print(table, crop=to.is_terminal)


def console() -> Console:
    """The terminal; where the output is piped, a page as wide as COLUMNS says, or very wide.

    Wide, so that no cell is cut for a program that reads it.
    """
    terminal = Console()
    stated = os.environ.get("COLUMNS", "").isdecimal()
    return terminal if terminal.is_terminal or stated else Console(width=PIPED_COLUMNS)


def is_live(console: Console) -> bool:
    """Whether it can redraw what it shows: a terminal that moves its cursor."""
    return console.is_terminal and not console.is_dumb_terminal


def print_json(value: Any) -> None:
    """Print one JSON document; no NaN can be in it."""
    # The same text as json's own indenting, which takes three times as long for a large study.
    print(msgspec.json.format(json.dumps(value, allow_nan=False), indent=2))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _longest_word(records: Sequence[Record], field: str, heading: str) -> int:
    """Columns that it takes."""
    cells = [heading, *(shown(record.get(field)) for record in records)]
    return max((cell_len(word) for cell in cells for word in cell.split()), default=0)


def shown(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        # Between commas, thousands have none.
        return ", ".join(shown(item).replace(",", "") for item in value)
    return printable(str(value))
