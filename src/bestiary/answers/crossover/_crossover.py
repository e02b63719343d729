"""Where the ranking of two optimizers changes: in model size, in data, or in batch size.

Two losses at a cell, read as data off the baseline's curve, differ by a factor; its log is taken as
linear in log N and log D over the cells measured, and the ranking changes where it is zero. Every
step is repeated for every draw, so the crossing has an interval, open where the draws do
not cross.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from bestiary.answers.crossover._record import Advantage, Crossover, advantage, record
from bestiary.errors import UserError, unknown
from bestiary.evidence import Evidence, Observation
from bestiary.measures import (
    Batches,
    Crossing,
    Drawn,
    Draws,
    Midway,
    ahead_throughout,
    draw,
    estimate,
    log_advantage,
    lowest_by_batch,
    midway,
    over_batches,
    over_cells,
)
from bestiary.specs import DRAWS, Cell

Names = tuple[str, str]
Pair = tuple[Observation, Observation]


def crossover(
    evidence: Evidence, first: str, second: str, *, draws: int = DRAWS, seed: int = 0
) -> Crossover:
    """Where the ranking of two optimizers changes.

    Args:
        evidence: What was seen, by whomever.
        first: One optimizer.
        second: The other.
        draws: Draws behind every interval.
        seed: Decides the draws.

    Raises:
        UserError: an optimizer that is not among the results, or the same one twice.
    """
    for name in (first, second):
        if name not in evidence.contenders:
            raise unknown("optimizer", name, evidence.contenders)
    if first == second:
        raise UserError(f"a crossover needs two different optimizers, got {first!r} twice")
    names, drawn = (first, second), draw(evidence, seed=seed, count=draws)
    own, others = evidence.of(first), evidence.of(second)
    pairs = [(own[cell], others[cell]) for cell in evidence.cells if cell in own and cell in others]
    logs = _log_advantages(drawn, pairs)
    advantages = [_advantage(drawn, pair, names, logs) for pair in pairs]
    crossings = [
        *(
            by_cells(one, advantages, evidence.sizes)
            for one in over_cells(logs, evidence.sizes, names, seed)
        ),
        *_in_batch(drawn, names, seed),
    ]
    moments = midway(evidence, names)
    return record(
        evidence.source,
        names,
        advantages,
        crossings,
        moments,
        tuple(_limits(drawn, logs, crossings, moments)),
    )


def _advantage(drawn: Draws, pair: Pair, names: Names, logs: Mapping[Cell, Drawn]) -> Advantage:
    """Both at one cell."""
    losses, cell = drawn.sizes[pair[0].size].losses, pair[0].cell
    gap = losses[pair[1].key] - losses[pair[0].key]
    return advantage(cell, estimate(gap.value, gap.draws), logs.get(cell), names)


def by_cells(
    one: Crossing, advantages: Sequence[Advantage], sizes: Mapping[str, float]
) -> Crossing:
    """A cut that the plane through all cells leaves open, where each of its cells has one leader.

    If every cell on the cut, tested on its own, has the same optimizer ahead, then it is ahead in
    all of them together at the same confidence (an intersection-union test; Berger 1982), however
    noisy the cells are through which the plane goes too.
    """
    if one.better or one.changes:
        return one
    on_it = [
        each
        for each in advantages
        if one.held in ({"ratio": each.ratio}, {"size": sizes[each.size]})
    ]
    leaders = {each.leader for each in on_it}
    leader = leaders.pop() if len(leaders) == 1 else ""
    if not leader or len(on_it) < 2:
        return one
    return replace(one, better=leader, verdict=ahead_throughout(leader))


def _log_advantages(drawn: Draws, pairs: Sequence[Pair]) -> dict[Cell, Drawn]:
    """Log of the first's advantage in data where the baseline has a curve that falls."""
    found = {}
    for pair in pairs:
        draws = drawn.sizes[pair[0].size]
        if draws.fitted is None:
            continue
        # The baseline, which is not among those read, lies on its own curve.
        read = [draws.read.get(one.key) for one in pair]
        one = log_advantage(draws.fitted, pair[0].ratio, *read)
        if one is not None:
            found[pair[0].cell] = one
    return found


def _in_batch(drawn: Draws, names: Names, seed: int) -> Iterable[Crossing]:
    """At every cell, the lowest loss of each batch size that both were tuned at."""
    tried = {one.key: one for one in drawn.evidence.observations if one.tried}
    for one in tried.values():
        other = tried.get((names[1], one.size, one.ratio))
        if one.optimizer != names[0] or other is None:
            continue
        batches = Batches(lowest_by_batch(one.tried), lowest_by_batch(other.tried))
        own_K = drawn.sizes[one.size].own
        found = over_batches(batches, one.parameters, one.ratio, names, own_K, seed=seed)
        if found is not None:
            yield found


def _limits(
    drawn: Draws,
    logs: Mapping[Cell, Drawn],
    crossings: Sequence[Crossing],
    moments: Sequence[Midway],
) -> Iterable[str]:
    """What a reader must know."""
    evidence = drawn.evidence
    if drawn.rejected:
        yield (
            f"The losses of {evidence.labels[evidence.baseline]} at {', '.join(drawn.rejected)} "
            "lie beside their curve by more than noise: that is in no interval of the data one "
            "needs over the other there, nor of a crossing; differences of losses do not rest on "
            "it."
        )
    if len(logs) < len(evidence.cells):
        yield (
            f"Both have a loss, and the baseline a curve, at {len(logs)} of "
            f"{len(evidence.cells)} cells."
        )
    axes = {one.axis for one in crossings}
    if "size" not in axes:
        yield "One size only: a change with size was not measured."
    if "ratio" not in axes:
        yield "One ratio only: a change with data was not measured."
    if "batch" in axes:
        yield (
            "Batch sizes are compared by the lowest loss of the runs at each, on one seed, where "
            "several learning rates were tried."
        )
    else:
        yield (
            "Nothing is known of batches: they were not both run at two batch sizes with several "
            "learning rates at each."
        )
    if axes & {"size", "ratio"}:
        yield (
            "The log of an advantage is taken as linear in log N and log D; what that gets wrong "
            "counts as noise."
        )
    if not moments:
        yield (
            "The results hold no loss curves of both on one seed, so nothing is said of the course "
            "of training; map a `progress` column to import them."
        )
