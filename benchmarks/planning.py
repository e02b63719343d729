"""What a result costs the planner, and what planning and status cost, at up to 100,000 results.

The study is made up: many tuned cells, three optimizers, tuning runs without end in sight. Losses
are a function of the configuration; nothing is trained.
"""

import contextlib
import io
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from bestiary.launch import LocalExecutor
from bestiary.launch._driver import Driver
from bestiary.launch._outlook import Outlook
from bestiary.launch._snapshot import Silent
from bestiary.launch._standing import FILE, Publisher
from bestiary.specs import (
    Candidate,
    Cell,
    DataSpec,
    ModelSpec,
    Planned,
    RunResult,
    Study,
    Tuning,
)
from bestiary.store import StudyStore
from bestiary.studies import STUDIES
from bestiary.tune import Caps, Planner, _forecast, _run

CELLS = (28, 280, 2_800)
OPTIMIZERS = ("adamw", "muon", "soap", "lion")
NO_TEXT = DataSpec(name="made up", digest="0" * 64)
LATE = 200
NEWER = 100
MODEL = ModelSpec(
    layers=1, hidden=16, intermediate=32, heads=1, key_value_heads=1, context=16, vocabulary=64
)


def study(cells: int) -> Study:
    """Cells at as many ratios, with about ten tuning runs of every optimizer in each."""
    ratios = tuple(1.0 + index / 100 for index in range(cells))
    return Study(
        name="planning",
        question="what does planning cost?",
        candidates=tuple(
            Candidate(
                name=name,
                label=name,
                family="scalar",
                start={"learning_rate": 0.008, "beta1": 0.9},
                grid={"learning_rate": (0.004, 0.008, 0.016), "beta1": (0.8, 0.9, 0.95, 0.98)},
            )
            for name in OPTIMIZERS
        ),
        sizes={"tiny": MODEL},
        ratios=ratios,
        data=NO_TEXT,
        batch_size=4,
        tuning=Tuning(
            cells=tuple(Cell(size="tiny", ratio=ratio) for ratio in ratios), runs_per_cell=40
        ),
        seeds=(1, 2),
    )


def result(planned: Planned, identity: str) -> RunResult:
    """A loss from the configuration alone."""
    rate = float(planned.configuration["learning_rate"])
    loss = 2 + abs(rate / 0.012 - 1) + abs(float(planned.configuration["beta1"]) - 0.92)
    return RunResult(
        run_id=identity,
        state="done",
        tokens=planned.run.tokens,
        seconds=1.0,
        loss={"selection": loss, "report": loss},
    )


def run() -> list[dict[str, Any]]:
    """One row for every number of cells, and one for the phases of the paper's study."""
    return [*(_measure(cells) for cells in CELLS), _paper()]


def _paper() -> dict[str, Any]:
    """Seconds of a core that the published study's planning takes, phase III apart.

    Losses are made up over scale and learning rate, so that laws are fitted and some of them, as
    of the published ones, do not converge.
    """
    planner, law = Planner(STUDIES["paper"].build(NO_TEXT), {}), 0.0
    import scipy.optimize  # noqa: F401 - what a first law waits for, whoever fits it

    while (one := next(planner.waiting(), None)) is not None:
        made = _of_scale(one.planned, one.run_id)
        begun = time.process_time()
        planner.take(made)
        planner.fresh()
        if any(campaign.predictions for campaign in planner.campaigns.values()):
            law += time.process_time() - begun
    _forecast._study_law.cache_clear()
    begun = time.process_time()
    Planner(planner.study, planner.results)
    return {
        "benchmark": "planning",
        "results": len(planner.results),
        "case": "paper, three phases",
        "s from the first prediction on": law,
        "s to plan anew": time.process_time() - begun,
    }


def _of_scale(planned: Planned, identity: str) -> RunResult:
    """A loss whose best learning rate falls with size and ratio."""
    size, ratio = planned.run.model.matrix_parameters, planned.cell.ratio
    best = 0.004 * (size / 1e8) ** -0.3 * ratio**-0.1
    loss = 2 + 0.05 * math.log(float(planned.configuration["learning_rate"]) / best) ** 2
    for name, value in planned.configuration.items():
        if isinstance(value, float) and name != "learning_rate" and value > 0:
            loss += 1e-3 * abs(math.log(value / (0.1 * ratio**0.2)))
    both = {"selection": loss, "report": loss}
    tokens = planned.run.tokens
    return RunResult(run_id=identity, state="done", tokens=tokens, seconds=1.0, loss=both)


def _measure(cells: int) -> dict[str, Any]:
    planner, known = Planner(study(cells), {}), {}
    outlook = Outlook(planner, known, slots=8, began=0.0)
    spent: list[float] = []
    while (one := next(planner.waiting(), None)) is not None:
        made = result(one.planned, one.run_id)
        known[one.run_id] = one.planned
        begun = time.perf_counter()
        planner.take(made)
        planner.fresh()
        outlook.take(made)
        outlook.snapshot([])
        next(planner.waiting(), None)
        spent.append(time.perf_counter() - begun)
    late = sorted(spent[-LATE:])
    begun = time.perf_counter()
    Planner(planner.study, planner.results)
    anew = time.perf_counter() - begun
    return {
        "benchmark": "planning",
        "results": len(spent),
        "ms a result, median of all": 1e3 * sorted(spent)[len(spent) // 2],
        f"ms a result, worst of the last {LATE}": 1e3 * late[-1],
        "ms a result, worst": 1e3 * max(spent),
        "s to plan anew, warm": anew,
        **_status(planner, outlook, known),
    }


def _status(planner: Planner, outlook: Outlook, known: dict[str, Planned]) -> dict[str, float]:
    """Seconds of a core to publish how a study stands, and of `bestiary status` on its store.

    The last results came after what was published, as beside a driver at work.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study"
        with StudyStore.create(path, planner.study) as store, store.driving():
            store.plan(known.values())
            _commit(store, dict(list(planner.results.items())[:-NEWER]))
            mark = store.mark()
            begun = time.process_time()
            Publisher(store, planner, outlook).publish(mark, ())
            published = time.process_time() - begun
            _commit(store, dict(list(planner.results.items())[-NEWER:]))
        found = {
            "s to start a driver": _started(path),
            "s to publish": published,
            "s of status": _told(path),
            "as JSON": _told(path, True),
        }
        path.joinpath(FILE).unlink()
        return found | {"s of status, unpublished": _told(path)}


def _started(path: Path) -> float:
    """Seconds of a core until a new driver knows what is needed, with no run's identity known."""
    _run._remembered.cache_clear()
    begun = time.process_time()
    with StudyStore.open(path) as store, store.driving() as held:
        executor = LocalExecutor("none", workers=1)
        driver = Driver(store, held, executor, Silent(), attempts=3, caps=Caps())
        assert not driver.needs_more
    return time.process_time() - begun


def _told(path: Path, as_json: bool = False) -> float:
    from bestiary.cli import main

    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        main(["status", str(path), *(["--json"] if as_json else [])])
    return time.process_time() - begun


def _commit(store: StudyStore, results: dict[str, RunResult]) -> None:
    """All results in one transaction: what is measured is reading."""
    from bestiary.store._connection import transaction
    from bestiary.store._seals import seal

    rows = [
        (identity, 1, one.state, msgspec.json.encode(one).decode())
        for identity, one in results.items()
    ]
    with transaction(store._connection):
        store._connection.executemany("INSERT INTO results VALUES (?, ?, ?, ?)", rows)
        seal(store._connection, "results", [row[0] for row in rows])
