"""Everything known of where two optimizers change places, as one record with its answer."""

from collections.abc import Sequence

from bestiary.measures import PLURAL, Crossing, Drawn, Midway, factor, magnitude
from bestiary.specs import OPEN, Cell, Estimate, Spec, missing


class Advantage(Spec, frozen=True, kw_only=True):
    """Two optimizers at one cell.

    Attributes:
        loss_gap: The second's loss less the first's, in nats per token; above 0 the first leads.
        factor: The data the second needs over the data of the first, for equal loss.
        leader: The one ahead beyond noise; empty where neither is.
    """

    size: str
    ratio: float
    loss_gap: Estimate
    factor: Estimate
    leader: str


class Crossover(Spec, frozen=True, kw_only=True):
    """Where two optimizers change places.

    Attributes:
        source: Whose results.
        answer: In sentences.
        advantages: Cell by cell.
        crossings: In size at each ratio, in ratio at each size, in batch where both were run at
            two batch sizes.
        midway: The ranking over training, where there are curves of both.
        limits: What could not be said, in sentences.
    """

    source: str
    first: str
    second: str
    answer: tuple[str, ...]
    advantages: tuple[Advantage, ...]
    crossings: tuple[Crossing, ...]
    midway: tuple[Midway, ...]
    limits: tuple[str, ...]


def advantage(cell: Cell, gap: Estimate, known: Drawn | None, names: tuple[str, str]) -> Advantage:
    """The advantage at a cell from the gap of losses and the log of the factor, where known."""
    return Advantage(
        size=cell.size,
        ratio=cell.ratio,
        loss_gap=gap,
        factor=missing("the baseline has no curve to read data off")
        if known is None
        else factor(known.value, known.draws),
        leader=leader(gap, *names),
    )


def leader(gap: Estimate, first: str, second: str) -> str:
    """The optimizer that an interval of the loss gap puts ahead; empty where it puts neither."""
    return {1: first, -1: second, 0: ""}[gap.side(0.0)]


def record(
    source: str,
    names: tuple[str, str],
    advantages: Sequence[Advantage],
    crossings: Sequence[Crossing],
    moments: Sequence[Midway],
    limits: Sequence[str],
) -> Crossover:
    """The record, with its answer in words."""
    answer = [_ahead(names, advantages), *_changes(crossings)]
    if moments:
        answer.append(_misled(moments))
    return Crossover(
        source=source,
        first=names[0],
        second=names[1],
        answer=tuple(answer),
        advantages=tuple(advantages),
        crossings=tuple(crossings),
        midway=tuple(moments),
        limits=tuple(limits),
    )


def _ahead(names: tuple[str, str], advantages: Sequence[Advantage]) -> str:
    """Who leads where, beyond noise."""
    if not advantages:
        return "They share no cell where both have a loss."
    counts = [sum(one.leader == name for one in advantages) for name in names]
    apart = [one for one in advantages if not one.leader]
    told = ", ".join(f"{name} at {count}" for name, count in zip(names, counts, strict=True))
    rest = f"; not told apart at {_places(apart)}" if apart else ""
    return f"Ahead beyond noise: {told} of {len(advantages)} cells{rest}."


def _places(advantages: Sequence[Advantage], most: int = 6) -> str:
    told = ", ".join(f"{one.size} {one.ratio:g}x" for one in advantages[:most])
    return told + (f" and {len(advantages) - most} more" if len(advantages) > most else "")


def _changes(crossings: Sequence[Crossing]) -> list[str]:
    """For each axis, who is ahead over all values measured, and where the ranking changes."""
    found = []
    for axis, plural in PLURAL.items():
        told: dict[str, list[str]] = {}
        for one in crossings:
            if one.axis == axis:
                verdict = one.verdict if one.changes or one.better else "open"
                where = f"{one.where}, {_range(one)}" if one.changes else one.where
                told.setdefault(verdict, []).append(where)
        if told:
            parts = (f"{verdict} ({', '.join(places)})" for verdict, places in told.items())
            found.append(f"Over {plural}: {'; '.join(parts)}.")
    return found


def _range(one: Crossing) -> str:
    """The 95% interval of a crossing: `[4.79, 14.4]`."""
    low, high = (OPEN if end is None else magnitude(end) for end in (one.at.low, one.at.high))
    return f"[{low}, {high}]"


def _misled(moments: Sequence[Midway]) -> str:
    """The cells at which half-finished runs name another winner."""
    wrong = [one for one in moments if one.wrong_beyond_noise_until is not None]
    if not wrong:
        return f"Mid-training misleads at 0 of {len(moments)} cells beyond noise."
    told = "; ".join(_course(one) for one in wrong[:3])
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return f"Mid-training misleads at {len(wrong)} of {len(moments)} cells: {told}{more}."


def _course(one: Midway) -> str:
    doubt = "" if one.certain else " (not beyond noise)"
    return (
        f"{one.size} {one.ratio:g}x, where {one.misleader} leads beyond noise until "
        f"{one.wrong_beyond_noise_until:.0%} and {one.winner} ends ahead{doubt}"
    )
