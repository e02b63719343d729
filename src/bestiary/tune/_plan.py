"""How much is to be trained, at least and at most: what a user wants to know beforehand."""

import contextlib
import math
import sys
from collections.abc import Mapping

import msgspec

from bestiary.errors import UserError
from bestiary.specs import Candidate, Cell, Phases, Purpose, RunResult, Spec, Study
from bestiary.tune._axis import is_number
from bestiary.tune._branches import OwnShare, share_in_reports, share_in_tuning
from bestiary.tune._campaign import Campaign
from bestiary.tune._planner import Place, Planner
from bestiary.tune._run import cell_runs, model_of
from bestiary.tune._tuning import CellTuning


class PlannedCost(Spec, frozen=True, kw_only=True):
    """The runs of one candidate in one cell for one purpose.

    Attributes:
        optimizer: Name of the candidate.
        cell: Where.
        purpose: A phase of tuning, or reporting.
        runs: How many in all, an upper bound while tuning goes on.
        least: A lower bound on them.
        done: How many of them have a result.
        tokens: Training tokens of one run from its start.
        flops: Model FLOPs of one run from its start.
        own_share: The share of its steps that a run takes itself, at least and at most: those of
            its trunk a shorter run may have taken before.
    """

    optimizer: str
    cell: Cell
    purpose: Purpose
    runs: int
    least: int
    done: int
    tokens: int
    flops: int
    own_share: OwnShare = OwnShare()

    def least_of(self, each: float) -> float:
        """At least how much all runs take of what one takes from its start."""
        return self.least * self.own_share.least * each

    def most_of(self, each: float) -> float:
        """At most how much."""
        return self.runs * self.own_share.most * each

    @property
    def left(self) -> int:
        """Runs without a result, at most."""
        return self.runs - self.done


def plan(study: Study, results: Mapping[str, RunResult]) -> tuple[PlannedCost, ...]:
    """Bounds on the runs of a study, by candidate, cell and purpose; starts nothing.

    While a cell is tuned, its upper bound is the budget, or every point of the grid where those are
    fewer, and its lower one a search that finds nothing better than where it began; once its search
    has ended, both are what was run.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    return plan_of(Planner(study, results))


def plan_of(planner: Planner) -> tuple[PlannedCost, ...]:
    """The same from what is decided already."""
    rows = (plan_at(planner, place) for place in places_of(planner))
    return tuple(row for row in rows if row is not None)


def places_of(planner: Planner) -> list[Place]:
    """Where a study trains, in the order of its plan: what is tuned, then what is reported."""
    names = planner.campaigns
    tuned = [(name, cell, False) for cell in planner.tuned for name in names]
    return tuned + [(name, cell, True) for cell in planner.reported for name in names]


def plan_at(planner: Planner, place: Place) -> PlannedCost | None:
    """The row of a candidate's tuning, or of its reports, in a cell; None where there is none.

    Args:
        planner: What is decided.
        place: A place that the planner names (`Planner.touched`).
    """
    name, cell, reports = place
    phases, campaign = _phases(planner.study), planner.campaigns[name]
    if reports:
        row = _reports(planner, phases, name, cell)
        return _with(row, share_in_reports(planner, campaign, cell))
    if cell not in planner.tuned:
        return None
    row = _tuning(planner.study, phases, campaign, cell)
    return _with(row, share_in_tuning(planner, campaign, cell))


def _phases(study: Study) -> Phases:
    return study.phases if isinstance(study.phases, Phases) else Phases()


def _with(row: PlannedCost | None, share: OwnShare) -> PlannedCost | None:
    return None if row is None else msgspec.structs.replace(row, own_share=share)


def _tuning(study: Study, phases: Phases, campaign: Campaign, cell: Cell) -> PlannedCost | None:
    """The tuning of a candidate in a cell; None where it will not be tuned there."""
    tuning = campaign.tunings.get(cell)
    if tuning is None:
        return _awaited(study, phases, campaign, cell)
    done = len(tuning.trials)
    bound, least = min(tuning.runs, _grid_points(tuning)), _first_round(study, cell, tuning)
    if tuning.optimum is not None:
        bound = least = done
    return _cost(
        study,
        tuning.candidate,
        cell,
        purpose=tuning.purpose,
        runs=max(bound, done),
        least=max(done, min(least, bound)),
        done=done,
    )


def _awaited(study: Study, phases: Phases, campaign: Campaign, cell: Cell) -> PlannedCost | None:
    """A cell of a phase that has not begun; None where the candidate will not get there."""
    follows = cell in phases.followed
    if not _gets_there(phases, campaign, cell):
        return None
    alone = phases.protocol == "study" and not follows
    runs = phases.followed_runs if follows else 1 if alone else phases.confirming_runs
    return _cost(
        study,
        campaign.candidate,
        cell,
        purpose="follow" if follows else "confirm",
        runs=runs,
        least=1,
        done=0,
    )


def _gets_there(phases: Phases, campaign: Campaign, cell: Cell) -> bool:
    """Whether a candidate may still be tuned in a cell of a later phase."""
    if cell in campaign.tunings:
        return True
    name = campaign.candidate.name
    named = not phases.predicted_candidates or name in phases.predicted_candidates
    if cell in phases.predicted and not named:
        return False
    return campaign.waits and (cell in phases.predicted or campaign.learnt is None)


def _reports(planner: Planner, phases: Phases, name: str, cell: Cell) -> PlannedCost | None:
    study, campaign = planner.study, planner.campaigns[name]
    later = cell in phases.followed or cell in phases.predicted
    if cell not in planner.reported or (later and not _gets_there(phases, campaign, cell)):
        return None
    tuning = campaign.chosen(cell)
    planned = campaign.reports(cell)
    extra = planner.extra_reports(name, cell)
    runs = least = len(study.seeds)
    if tuning is not None and tuning.optimum is not None:
        runs = least = len(planned)
    in_reserve = len(phases.more_seeds) if planner.needed_seeds(cell) else len(extra)
    done = sum(one.run_id in planner.results for one in (*planned, *extra))
    return _cost(
        study,
        campaign.candidate,
        cell,
        purpose="report",
        runs=runs + (in_reserve if runs else 0),
        least=max(least, done),
        done=done,
    )


def _cost(
    study: Study,
    candidate: Candidate,
    cell: Cell,
    *,
    purpose: Purpose,
    runs: int,
    least: int,
    done: int,
) -> PlannedCost:
    model = model_of(study, cell)
    tokens = int(20 * model.matrix_parameters * cell.ratio)
    return PlannedCost(
        optimizer=candidate.name,
        cell=cell,
        purpose=purpose,
        runs=runs,
        least=least,
        done=done,
        tokens=tokens,
        flops=tokens * model.flops_per_token,
    )


def _grid_points(tuning: CellTuning) -> int:
    """Points of the grid with the start; no bound where a coordinate may extend."""
    candidate = tuning.candidate
    if set(candidate.extend) & set(candidate.grid):
        return sys.maxsize
    rows = ({*values, candidate.start[name]} for name, values in candidate.grid.items())
    return math.prod(len(values) for values in rows)


def _first_round(study: Study, cell: Cell, tuning: CellTuning) -> int:
    """Runs of a search that finds nothing better than where it begins."""
    candidate = tuning.candidate
    if tuning.purpose == "confirm":
        return 1
    runs = cell_runs(study, candidate, cell)
    found = {runs.tuning(candidate.start).run_id}
    for name, values in candidate.grid.items():
        real = isinstance(candidate.start[name], float)
        for value in values:
            one = float(value) if real and is_number(value) else value
            with contextlib.suppress(UserError):
                found.add(runs.tuning({**candidate.start, name: one}, tuning.purpose).run_id)
    return len(found)
