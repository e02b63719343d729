"""Which share of its steps a planned run takes itself, where shorter runs share its trunk."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from bestiary.errors import UserError
from bestiary.specs import Candidate, Cell, Configuration, RunSpec, Study, stable_steps, trunk_id
from bestiary.tune._campaign import Campaign
from bestiary.tune._planner import Planner
from bestiary.tune._run import cell_runs

# What decides where a run leaves its trunk.
_ENDS: Final = ("schedule", "decay_fraction", "warmup_steps")


class OwnShare(NamedTuple):
    """Bounds on the share of its steps that a run takes itself."""

    least: float = 1.0
    most: float = 1.0


class _Branch(NamedTuple):
    """Where a run leaves its trunk, sortable by when."""

    stable: int
    steps: int
    trunk: str


def share_in_tuning(planner: Planner, campaign: Campaign, cell: Cell) -> OwnShare:
    """Of the tuning runs of a candidate in a cell.

    Which configurations two cells have in common shows when they are tuned, so that the upper bound
    counts whole runs; the lower one those of the start, wherever these are tuned.
    """
    candidate, study = campaign.candidate, planner.study
    if not _has_trunk(candidate):
        return OwnShare()
    tuning = campaign.tunings.get(cell)
    if tuning is not None and tuning.optimum is not None and tuning.trials:
        found = sum(one.result.own_share for one in tuning.trials) / len(tuning.trials)
        return OwnShare(found, found)
    ends, near = list(_ends(candidate)), _of_size(planner.tuned, cell)
    pool = [one for values in ends for one in _tuned(study, candidate, near, values)]
    own = [one for values in ends for one in _tuned(study, candidate, [cell], values)]
    return OwnShare(least=1.0 - max((_shared(one, pool) for one in own), default=0.0))


def share_in_reports(planner: Planner, campaign: Campaign, cell: Cell) -> OwnShare:
    """Of the runs that report a candidate's winner in a cell.

    Cells that report one winner share its trunks for certain; others only where they happen to have
    the same winner.
    """
    candidate = campaign.candidate
    if not _has_trunk(candidate):
        return OwnShare()
    near = _of_size(planner.reported, cell)
    same = [one for one in near if campaign.source(one) == campaign.source(cell)]
    tuning = campaign.chosen(cell)
    if tuning is not None and tuning.winner is not None:
        alternatives = [tuning.winner.planned.configuration]
    else:
        alternatives = list(_ends(candidate))
    certain, possible = [], []
    for values in alternatives:
        for own in _reported(campaign, [cell], values):
            certain.append(_shared(own, _reported(campaign, same, values)))
            possible.append(_shared(own, _reported(campaign, near, values)))
    return OwnShare(1.0 - max(possible, default=0.0), 1.0 - min(certain, default=0.0))


def _has_trunk(candidate: Candidate) -> bool:
    kinds = {candidate.start.get("schedule", candidate.schedule)}
    kinds |= set(candidate.grid.get("schedule", ()))
    return not kinds.isdisjoint(("wsd", "constant"))


def _of_size(cells: Iterable[Cell], cell: Cell) -> list[Cell]:
    return [one for one in cells if one.size == cell.size]


def _ends(candidate: Candidate) -> Iterator[Configuration]:
    """The start with every end of a run that the grid has."""
    tuned = [name for name in _ENDS if name in candidate.grid]
    rows = (dict.fromkeys((candidate.start[name], *candidate.grid[name])) for name in tuned)
    for values in itertools.product(*rows):
        yield {**candidate.start, **dict(zip(tuned, values, strict=True))}


def _tuned(
    study: Study, candidate: Candidate, cells: Iterable[Cell], values: Configuration
) -> Iterator[_Branch]:
    for cell in cells:
        try:
            yield _branch(cell_runs(study, candidate, cell).tuning(values).planned.run)
        except UserError:  # it cannot run there, so nothing begins from it
            continue


def _reported(
    campaign: Campaign, cells: Iterable[Cell], values: Configuration
) -> Iterator[_Branch]:
    for cell in cells:
        for one in campaign.reported(cell, values)[:1]:  # the same of every seed
            yield _branch(one.planned.run)


def _branch(run: RunSpec) -> _Branch:
    stable = stable_steps(run)
    return _Branch(stable, run.steps, trunk_id(run) if stable else "")


def _shared(own: _Branch, others: Iterable[_Branch]) -> float:
    """The share of a run's steps that those which leave its trunk before it have taken."""
    before = (one.stable for one in others if one.trunk == own.trunk and one < own)
    return max(before, default=0) / own.steps
