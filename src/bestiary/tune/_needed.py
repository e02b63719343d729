"""From a study and the results so far to the runs still needed: the whole plan, every time anew.

There is no tuner state to save or lose. Whatever the order in which results came, and whatever was
killed in between, the same results give the same plan, and the same plan the same final table.
"""

from collections.abc import Iterator, Mapping

from bestiary.specs import Cell, Planned, RunResult, Study
from bestiary.tune._run import Identified, cell_runs, model_of
from bestiary.tune._tuning import CellTuning, tune_all
from bestiary.tune._winner import winners_of


def needed(study: Study, results: Mapping[str, RunResult]) -> list[Planned]:
    """The runs that can be started now and whose results are missing, in the order to run them.

    Tuning runs of every cell, and the fresh-seed runs of the winners of cells that are tuned. Call
    it again after each result; `[]` means that the study is answered. Cheap cells come first, so
    that a first answer is there early; within a cell the candidates take turns.

    Args:
        study: The question.
        results: Whatever results there are, by run id; others than the study's do no harm.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    tunings = tune_all(study, results)
    waiting = [
        (turn, run)
        for tuning in tunings.values()
        for turn, run in enumerate(tuning.wanted, start=len(tuning.trials))
    ]
    waiting += [
        (turn, run.planned) for turn, run in _reports(study, tunings) if run.run_id not in results
    ]
    place = {candidate.name: index for index, candidate in enumerate(study.candidates)}

    def rank(item: tuple[int, Planned]) -> tuple[float, bool, int, int, int]:
        turn, planned = item
        reports = planned.purpose == "report"
        cost = _cost(study, planned.cell)
        return cost, reports, turn, -planned.run.tokens, place[planned.optimizer]

    return [run for _, run in sorted(waiting, key=rank)]


def _reports(
    study: Study, tunings: dict[tuple[str, Cell], CellTuning]
) -> Iterator[tuple[int, Identified]]:
    """Every run that reports a winner, and whose turn it is: the first seed of all comes first."""
    for (optimizer, cell), winner in winners_of(study, tunings).items():
        runs = cell_runs(study, study.candidate(optimizer), cell)
        for turn, seed in enumerate(study.seeds):
            yield turn, runs.report(winner.configuration, seed=seed)


def _cost(study: Study, cell: Cell) -> float:
    """Model FLOPs of a run of the cell, up to a constant."""
    model = model_of(study, cell)
    return model.matrix_parameters * cell.ratio * model.flops_per_token
