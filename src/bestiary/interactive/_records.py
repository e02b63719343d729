"""Rows of plain data, which a notebook shows as a table and pandas takes as they are."""

from collections.abc import Iterable
from html import escape
from importlib import import_module
from typing import Any, TypeGuard

from bestiary.errors import UserError

# Rows that a notebook shows; more would bury the cells around them.
SHOWN = 30


class Records(list[dict[str, Any]]):
    """A list of dictionaries with the same keys, in the order of the report."""

    def pandas(self) -> Any:
        """The same as a `pandas.DataFrame`; a dictionary in a row becomes columns `name.key`.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise UserError(
                "a data frame needs pandas, which is missing; pip install 'bestiary[pandas]'"
            ) from None
        return pandas.DataFrame([_flat(row) for row in self])

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(key for row in self[:SHOWN] for key in row))
        head = "".join(f"<th>{escape(one)}</th>" for one in columns)
        rows = "".join(_html_row([row.get(key) for key in columns]) for row in self[:SHOWN])
        more = f"<p>and {len(self) - SHOWN} more</p>" if len(self) > SHOWN else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        inner = value if isinstance(value, dict) else {"": value}
        flat |= {f"{key}.{name}" if name else key: one for name, one in inner.items()}
    return flat


def _html_row(values: Iterable[Any]) -> str:
    return f"<tr>{''.join(f'<td>{escape(_cell(one))}</td>' for one in values)}</tr>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(one)}" for key, one in value.items())
    if _is_many(value):
        return ", ".join(map(_cell, value))
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _is_many(value: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(value, list | tuple)
