"""Where two studies differ, for a user who took them for one."""

from typing import Any

import msgspec

from bestiary.specs import Study

SHOWN = 60


def difference(held: Study, wanted: Study) -> str:
    """The first place in which they differ: `candidates.1.start.beta1 is 0.9, not 0.95`."""
    return _first(msgspec.to_builtins(held), msgspec.to_builtins(wanted), "")


def _first(held: Any, wanted: Any, path: str) -> str:
    """The first difference in the order of the fields, as deep as both have the same form."""
    before, after = _items(held), _items(wanted)
    if before and after:
        for key in {**before, **after}:
            if before.get(key) != after.get(key):
                return _first(before.get(key), after.get(key), f"{path}.{key}" if path else key)
        return "a grid is in another order"  # which compares as equal
    return f"{path} is {_short(held)}, not {_short(wanted)}"


def _items(value: Any) -> dict[str, Any]:
    """What a value is made of, by name; nothing for a number or a text."""
    if isinstance(value, list | tuple):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
