"""A study as flat facts, so that two studies which differ in one thing are seen to."""

from collections.abc import Iterable

import msgspec

from bestiary.specs import Study

# What is compared elsewhere, or says what a study is called rather than what it does.
_APART = ("name", "question", "schema", "data", "baseline", "ratios", "sizes", "seeds")
_LABELS = ("name", "label", "family")


def design_of(study: Study) -> dict[str, str]:
    """Every choice of a study by its place: `muon schedule` -> `linear`.

    Args:
        study: The study.
    """
    plain = msgspec.to_builtins(study)
    parts = {name: plain[name] for name in plain if name not in (*_APART, "candidates")}
    facts = dict(_flat("", parts))
    for size, model in plain["sizes"].items():
        facts |= _flat(size, model)
    for one in plain["candidates"]:
        rest = {name: value for name, value in one.items() if name not in _LABELS}
        facts |= _flat(one["name"], rest)
    return facts


def _flat(place: str, value: object) -> Iterable[tuple[str, str]]:
    """The leaves of nested data, lists as one leaf each."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{place} {name}".strip(), inner)
    elif isinstance(value, list | tuple):
        yield place, ", ".join(_shown(one) for one in value)
    else:
        yield place, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(
            f"{inner:g}" if isinstance(inner, float) else str(inner) for inner in value.values()
        )
    return f"{value:g}" if isinstance(value, float) else str(value)
