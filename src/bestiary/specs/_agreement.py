"""How far two results of one run agree: in every bit of what was computed, or by how much."""

from collections.abc import Iterator

from bestiary.specs._result import RunResult
from bestiary.specs._spec import Spec

# What a spec decides. Times and the environment are of the machine and the day.
COMPUTED = (
    *("run_id", "state", "loss", "bits_per_byte", "evaluations", "curve"),
    *("last_step", "last_finite_loss", "tokens"),
)


class Agreement(Spec, frozen=True, kw_only=True):
    """What comparing two results found.

    Attributes:
        in_every_bit: Whether all that the spec decides is the same.
        difference: The largest difference of a loss at any step, in nats per token; None where
            there is none, or the results cannot be laid side by side.
        step: The first step at which a loss differs; None likewise.
        fields: What differs, by name.
    """

    in_every_bit: bool
    difference: float | None = None
    step: int | None = None
    fields: tuple[str, ...] = ()


def agreement(before: RunResult, after: RunResult) -> Agreement:
    """Compare two results of one run, all but times and environment."""
    apart = tuple(name for name in COMPUTED if getattr(before, name) != getattr(after, name))
    pairs = [(step, abs(one - two)) for step, one, two in _side_by_side(before, after)]
    differing = [(step, gap) for step, gap in pairs if gap > 0]
    return Agreement(
        in_every_bit=not apart,
        difference=max((gap for _, gap in differing), default=None),
        step=min((step for step, _ in differing), default=None),
        fields=apart,
    )


def _side_by_side(before: RunResult, after: RunResult) -> Iterator[tuple[int, float, float]]:
    """Every loss that both have: its step, and both values."""
    for split in before.loss.keys() & after.loss.keys():
        yield before.last_step, before.loss[split], after.loss[split]
    other = {point.step: point.loss for point in after.curve}
    yield from ((p.step, p.loss, other[p.step]) for p in before.curve if p.step in other)
    evaluated = {one.step: one.loss for one in after.evaluations}
    for one in before.evaluations:
        for split in one.loss.keys() & evaluated.get(one.step, {}).keys():
            yield one.step, one.loss[split], evaluated[one.step][split]
