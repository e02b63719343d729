"""Numbers as people read them. One place, so that the table and the page agree."""

from collections.abc import Iterable
from html import escape

from bestiary.answers.report import Row
from bestiary.specs import DASH, Configuration, Estimate
from bestiary.specs import DATA_RATIO as DATA_RATIO
from bestiary.specs import NATS as NATS
from bestiary.specs import NON_EMBEDDING as NON_EMBEDDING
from bestiary.specs import duration as duration
from bestiary.specs import quantity as quantity
from bestiary.specs import size_of as size_of

NOTHING = DASH
EXTRAPOLATED = "†"
UNBRACKETED = "‡"


def loss(row: Row) -> str:
    """Mean loss and its standard deviation between seeds: `1.5321 ± 0.0040`."""
    if row.loss.value is None:
        return "diverged" if row.diverged else ("pending" if row.pending else NOTHING)
    spread = "" if row.loss_deviation is None else f" ± {row.loss_deviation:.4f}"
    return f"{row.loss.value:.4f}{spread}"


def in_nats(what: str) -> str:
    """The title of an axis of losses."""
    return f"{what} ({NATS})"


def coordinate(name: str) -> str:
    """A hyperparameter in words: `learning rate`."""
    return name.replace("_", " ")


def cell(size: str, at: float) -> str:
    """A cell in words: `65k at 2x`."""
    return f"{size} at {ratio(at)}"


def seeds(row: Row) -> str:
    """How many seeds stand behind a loss: `3 seeds`, `2 of 3 seeds`."""
    done, all_of_them = sum(one.loss is not None for one in row.seeds), len(row.seeds) + row.pending
    count = f"{done}" if done == all_of_them else f"{done} of {all_of_them}"
    return f"{count} seed{'' if all_of_them == 1 else 's'}"


def told(row: Row) -> str:
    """What a marker says of itself: cell, loss and seeds, in HTML."""
    return escape(f"{cell(row.size, row.ratio)}: loss {loss(row)}, {seeds(row)}")


def tokens_verdict(row: Row) -> str:
    """What the verdict means in tokens: `fewer tokens`."""
    if row.verdict == "slower" and row.loss.value is None:
        return "diverged"
    return {"faster": "fewer tokens", "slower": "more tokens"}.get(row.verdict, row.verdict)


def time_verdict(row: Row) -> str:
    """What the interval of the time speedup means: `less time`; empty where it decides nothing."""
    if row.verdict == "baseline":
        return ""
    return {1: "less time", -1: "more time"}.get(row.time_speedup.side(1.0), "")


def verdict(row: Row) -> str:
    """Both, apart: `fewer tokens, more time`."""
    return ", ".join(part for part in (tokens_verdict(row), time_verdict(row)) if part)


def speedup(estimate: Estimate) -> str:
    """A factor with its interval, marked where it was read beyond the data: `1.43×† [1.3, 1.5]`."""
    if estimate.value is None:
        return NOTHING
    return estimate.times(EXTRAPOLATED if estimate.extrapolated else "")


def tuned(row: Row) -> str:
    """The tuned coordinates, those on an edge marked, or where they were inherited from."""
    if (source := row.inherited_from) is not None:
        mark = UNBRACKETED if row.unbracketed else ""
        return f"as at {source.size} {ratio(source.ratio)}{mark}"
    chosen = {name: row.configuration[name] for name in row.tuned if name in row.configuration}
    return settings(chosen, marked=row.unbracketed)


def settings(configuration: Configuration, *, marked: Iterable[str] = ()) -> str:
    """Hyperparameters by name: `learning_rate 0.016, weight_decay 0.1`."""
    edges = set(marked)
    parts = [
        f"{name} {_setting(value)}{UNBRACKETED if name in edges else ''}"
        for name, value in configuration.items()
    ]
    return ", ".join(parts) or NOTHING


def _setting(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ratio(value: float) -> str:
    """A data-to-model ratio: `2x`."""
    return f"{value:g}x"
