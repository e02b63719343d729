"""Studies as an older Bestiary wrote them: with upper limits of what is tuned, and no ranges."""

import json
from typing import Any

import msgspec

from bestiary.errors import UserError
from bestiary.specs import FOREIGN_RANGES, Feasible, Study


def read_study(text: str) -> Study:
    """The study of a stored text, of this Bestiary or of an older one.

    Where ranges are missing, a grid keeps the limit it had, and any other number has the range that
    goes by its name.

    Raises:
        UserError: a newer one wrote it, with what is not known here.
    """
    plain = json.loads(text)
    for candidate in plain["candidates"]:
        if "ranges" not in candidate:
            candidate["ranges"] = _ranges(candidate, candidate.pop("limits", {}))
    try:
        return msgspec.convert(plain, Study)
    except msgspec.ValidationError as error:
        raise UserError(
            f"a study must be what this Bestiary knows, got one that a newer wrote ({error}); "
            "install the newest Bestiary to read it"
        ) from None


def is_older(text: str) -> bool:
    """Whether the text was written before ranges were."""
    return any("ranges" not in candidate for candidate in json.loads(text)["candidates"])


def as_older(study: Study) -> Study:
    """A study as it would come back from an older Bestiary's file: what that did not write is lost.

    So that a study can be gone on with whose file does not know the ranges.
    """
    plain = msgspec.to_builtins(study)
    for candidate in plain["candidates"]:
        ranges = candidate.pop("ranges")
        ends = {name: ranges[name].get("high") for name in candidate["grid"] if name in ranges}
        candidate["limits"] = {name: end for name, end in ends.items() if end is not None}
    return read_study(json.dumps(plain))


def _ranges(candidate: dict[str, Any], limits: dict[str, float]) -> dict[str, Any]:
    start, grid = candidate["start"], candidate["grid"]
    values = {name: row[0] for name, row in grid.items() if row} | start
    return {
        name: msgspec.to_builtins(_range(name, name in grid, limits.get(name)))
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _range(name: str, is_tuned: bool, limit: float | None) -> Feasible:
    known = FOREIGN_RANGES.get(name, Feasible())
    return known if not is_tuned or known.high == limit else Feasible(high=limit)
