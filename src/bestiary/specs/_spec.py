"""The base of every spec: frozen data that refuses unknown fields and has one canonical JSON."""

import hashlib
import json
import math
import re
from typing import Any, TypeVar

import msgspec

from bestiary.errors import UserError, shortened

S = TypeVar("S", bound="Spec")
# What msgspec says of a value that does not fit, and the steps to its place.
_EXPECTED = re.compile(r"Expected (.*?)(?:, got `(.*)`)? - at `\$((?:\.\w+|\[[\d.]+\])+)`")
_STEP = re.compile(r"\.(\w+)|\[([\d.]+)\]")
_QUOTED = 80
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frozen plain data. Bounds live in the field types and are enforced by `checked`.

    Equal specs hash alike, whatever the order of their dictionaries, so any spec can be a key. (Of
    equal specs an integer in one may be a float in the other: `run_id` tells those apart.)
    """

    def __hash__(self) -> int:
        try:
            return msgspec.Struct.__hash__(self)
        except TypeError:  # it holds a dictionary or a list
            return hash((type(self), *map(_hashable, msgspec.structs.astuple(self))))


def checked(spec: S) -> S:
    """Validate a spec built in Python exactly as if it had been read from a file.

    Integers given for float fields become floats, so equal specs have equal bytes.

    Raises:
        UserError: a field has the wrong type, is out of range, or is not a finite number.
    """
    return from_builtins(type(spec), msgspec.to_builtins(spec))


def from_builtins(kind: type[S], value: Any) -> S:
    """Build a spec from plain dictionaries, lists and numbers (TOML and JSON give these).

    Raises:
        UserError: an unknown field, a wrong type, a value out of range or not finite.
    """
    if not _is_finite(value):
        _refuse_non_finite(value, "$")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise UserError(f"{kind.__name__}: {shortened(_in_words(str(error), value))}") from None


def _in_words(message: str, value: Any) -> str:
    """What msgspec says of a value, as `steps must be int >= 0, got -1`, where it says the place.

    Args:
        message: As `Expected `int` >= 0 - at `$.steps``.
        value: Plain data that it is about.
    """
    found = _EXPECTED.fullmatch(message)
    if not found:
        return message
    rule, kind, place = found.groups()
    for name, index in _STEP.findall(place):
        if index == "...":  # some value of a dictionary
            return f"{place[1:]} must be {rule.replace('`', '')}, got {kind}"
        value = value[name] if name else value[int(index)]
    plain = value is None or isinstance(value, str | int | float)
    got = str(value)[:_QUOTED] if plain else kind
    return f"{place[1:]} must be {rule.replace('`', '')}, got {got}"


def canonical_json(spec: Spec) -> str:
    """The one JSON text of a spec: sorted keys, no spaces, shortest float form, no NaN."""
    return _CANONICAL.encode(msgspec.to_builtins(checked(spec)))


def digest(spec: Spec) -> str:
    """The sha256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(spec).encode()).hexdigest()


def _hashable(value: Any) -> Any:
    """What equal values of a spec have in common."""
    if isinstance(value, dict):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    return value


def _is_finite(value: Any) -> bool:
    """Whether every number is finite; planning asks this of every run, so it builds no path."""
    kind = type(value)
    if kind is dict:
        return all(map(_is_finite, value.values()))
    if kind is list or kind is tuple:
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _refuse_non_finite(value: Any, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"numbers must be finite, got {value} at {path}")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{path}.{key}")
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{path}[{index}]")
