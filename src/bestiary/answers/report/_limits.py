"""What a study could not conclude, or only with reserve, in sentences."""

from collections.abc import Iterable, Sequence

from bestiary.answers.report._record import Row
from bestiary.measures import BaselineLaw, Measures, verdicts_changed
from bestiary.specs import NATS

# More places than these are counted, as the page marks each of them.
MOST_NAMED = 8


def limits(measures: Measures, rows: Sequence[Row], laws: Sequence[BaselineLaw]) -> tuple[str, ...]:
    """Every reserve that the numbers themselves give reason for, the gravest first."""
    found = [
        *_lost_runs(rows),
        *_curves(laws),
        *_noise(measures),
        *_tuning(rows),
        *_extrapolation(measures, rows),
        *_scope(measures),
        *measures.evidence.notes,
    ]
    return tuple(sentence for sentence in found if sentence)


def _lost_runs(rows: Sequence[Row]) -> Iterable[str]:
    """Reported runs that diverged or failed."""
    for state in ("diverged", "failed"):
        where = [
            f"{row.label} at {_cell(row)} ({count} of {len(row.seeds)})"
            for row in rows
            if (count := sum(seed.state == state for seed in row.seeds))
        ]
        if where:
            yield f"Reported runs {state}: {', '.join(where)}."


def _curves(laws: Sequence[BaselineLaw]) -> Iterable[str]:
    """What the baseline's laws cannot carry."""
    notes: dict[str, list[str]] = {}
    for law in laws:
        if law.note:
            notes.setdefault(law.note, []).append(law.size)
    return [f"Baseline curve at {', '.join(sizes)}: {note}" for note, sizes in notes.items()]


def _noise(measures: Measures) -> Iterable[str]:
    """Where the seed noise comes from, and its size."""
    noise = measures.evidence.noise
    measured = {size: one for size, one in noise.items() if one.measured}
    if measured:
        told = ", ".join(f"{one.total:.4f} at {size}" for size, one in measured.items())
        yield f"Standard deviation between seeds: {told} {NATS}."
    assumed = [one.total for one in noise.values() if not one.measured]
    if assumed and measures.evidence.found:
        yield (
            f"No cell has two seeds, so a standard deviation of {assumed[0]:g} nats between seeds "
            f"is assumed; every interval scales with it. At half of it {_changed(measures, 0.5)}, "
            f"at twice it {_changed(measures, 2.0)}."
        )


def _changed(measures: Measures, factor: float) -> str:
    """How many verdicts another assumed noise changes, in words."""
    count = verdicts_changed(measures, factor)
    return f"{count or 'no'} verdict{'' if count == 1 else 's'} would differ"


def _tuning(rows: Sequence[Row]) -> Iterable[str]:
    """Optima that are not known to be optima."""
    tuned = [row for row in rows if row.inherited_from is None]
    edges: dict[str, list[str]] = {}
    for row in tuned:
        for coordinate in row.unbracketed:
            edges.setdefault(coordinate, []).append(f"{row.label} at {_cell(row)}")
    if edges:
        told = "; ".join(
            f"{coordinate} {_where(places, f'{len(tuned)} tuned cells')}"
            for coordinate, places in edges.items()
        )
        yield f"Tuned values on the edge of what was tried: {told}."
    inherited = dict.fromkeys(_cell(row) for row in rows if row.inherited_from is not None)
    if inherited:
        yield f"Not tuned there but taken from the nearest tuned cell: {', '.join(inherited)}."


def _extrapolation(measures: Measures, rows: Sequence[Row]) -> Iterable[str]:
    """Speedups that rest on the curve beyond its data."""
    speedups = [row for row in rows if row.optimizer != measures.evidence.baseline]
    beyond = [f"{row.label} at {_cell(row)}" for row in speedups if row.token_speedup.extrapolated]
    if beyond:
        told = _where(beyond, f"{len(speedups)} cells of rivals")
        yield f"Read off the baseline's curve beyond its data: the speedups {told}."


def _scope(measures: Measures) -> Iterable[str]:
    """What no interval here contains."""
    if len(measures.evidence.sizes) == 1:
        yield "One size only: how a speedup changes with size was not measured."
    luck = measures.evidence.tuning_luck
    yield (
        "Intervals are 95% each and hold on this data; they contain seed noise, the baseline's "
        f"curve and its inversion, and an allowance of {luck:.2g} nats for the luck of tuning."
    )


def _where(places: Sequence[str], all_of_them: str) -> str:
    """The places by name, or how many there are where nobody would read the names."""
    if len(places) <= MOST_NAMED:
        return f"of {', '.join(places)}"
    return f"in {len(places)} of {all_of_them}"


def _cell(row: Row) -> str:
    """A cell as people say it."""
    return f"{row.size} {row.ratio:g}x"
