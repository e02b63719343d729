"""A part of a study: some of its sizes, optimizers and ratios."""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import UnsetType

from bestiary.errors import UserError, unknown
from bestiary.specs import Cell, Phases, Study


def sliced(
    study: Study,
    *,
    sizes: Sequence[str] = (),
    optimizers: Sequence[str] = (),
    ratios: Sequence[float] = (),
) -> Study:
    """The study with these of its sizes, optimizers and ratios alone, and a name that says so.

    Args:
        study: The whole.
        sizes: Which of its sizes; all where empty.
        optimizers: Which of its candidates; all where empty. The baseline must be one of them.
        ratios: Which of its ratios; all where empty.

    Raises:
        UserError: one that the study has not, or nothing would be tuned.
    """
    if not (sizes or optimizers or ratios):
        return study
    names = [one.name for one in study.candidates]
    _check("size", sizes, study.sizes)
    _check("candidate", optimizers, names)
    _check("ratio", [f"{one:g}" for one in ratios], [f"{one:g}" for one in study.ratios])
    if optimizers and study.baseline not in optimizers:
        raise UserError(
            f"a slice must keep the baseline {study.baseline}, got {', '.join(optimizers)}; add it"
        )
    kept_sizes = {k: one for k, one in study.sizes.items() if not sizes or k in sizes}
    kept_ratios = tuple(one for one in study.ratios if not ratios or one in ratios)

    def kept(cells: Iterable[Cell]) -> tuple[Cell, ...]:
        return tuple(one for one in cells if one.size in kept_sizes and one.ratio in kept_ratios)

    tuning = msgspec.structs.replace(study.tuning, cells=kept(study.tuning.cells))
    if not tuning.cells:
        tuned = ", ".join(f"{one.size} {one.ratio:g}x" for one in study.tuning.cells)
        raise UserError(f"a slice must keep a cell that is tuned, of {tuned}; add one of these")
    candidates = tuple(one for one in study.candidates if not optimizers or one.name in optimizers)
    return msgspec.structs.replace(
        study,
        name="-".join([study.name, *sizes, *optimizers, *(f"{one:g}x" for one in ratios)]),
        candidates=candidates,
        sizes=kept_sizes,
        ratios=kept_ratios,
        tuning=tuning,
        phases=_phases(study, kept, {one.name for one in candidates}),
    )


def _phases(
    study: Study, kept: Callable[[Iterable[Cell]], tuple[Cell, ...]], names: set[str]
) -> Phases | UnsetType:
    """What is left of the phases of a study."""
    phases = study.phases
    if not isinstance(phases, Phases):
        return phases
    predicted = tuple(one for one in phases.predicted_candidates if one in names)
    nobody = bool(phases.predicted_candidates) and not predicted
    return msgspec.structs.replace(
        phases,
        followed=kept(phases.followed),
        predicted=() if nobody else kept(phases.predicted),
        predicted_candidates=predicted,
        grids={name: grid for name, grid in phases.grids.items() if name in names},
    )


def _check(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for one in given:
        if one not in known:
            raise unknown(kind, one, known)
