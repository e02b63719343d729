"""How long reading, importing and analysing a hundred thousand results take, and what memory.

The study is made up: many sizes, ratios and optimizers, thousands of tuning runs for each of them,
and reported runs with evaluations and curves. It is read from a study file, as `bestiary report`
does; the same runs as a table of somebody's are imported, read back and compared.
"""

import contextlib
import csv
import math
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bestiary.answers.report import analyse
from bestiary.evidence import imported_evidence, own_evidence
from bestiary.measures import Measures
from bestiary.specs import (
    SIZES,
    Candidate,
    Cell,
    Configuration,
    DataSpec,
    Evaluation,
    OptimizerSpec,
    Planned,
    RunResult,
    RunSpec,
    ScheduleSpec,
    Study,
    TrainPoint,
    Tuning,
    canonical_json,
    run_id,
)
from bestiary.store import StudyStore, foreign_imports, import_file, import_into, mapping

T = TypeVar("T")

NAMES = ("adamw", "nadamw", "lion", "mars", "cautious", "muon", "scion", "kron", "soap", "sophia")
LADDER = ("16k", "65k", "262k", "1m", "4m")
RATIOS = (1.0, 2.0, 4.0, 8.0)
SEEDS = (1, 2, 3)
TUNED = {
    "learning_rate": [1e-3 * 2**k for k in range(12)],
    "weight_decay": [0.02 * k for k in range(12)],
    "beta2": [0.9 + 0.008 * k for k in range(12)],
}
TABLE: dict[str, Any] = {
    "origin": {"source": "theirs"},
    "unit": {"name": "nats_per_token"},
    "columns": {name: name for name in ("optimizer", "size", "ratio", "seed", "loss")},
    "settings": {name: name for name in (*TUNED, "epsilon")},
    "repeats": "keep",
}
START: Configuration = {"learning_rate": 0.004, "weight_decay": 0.1, "beta2": 0.95}


def run(results: int = 100_000) -> list[dict[str, Any]]:
    """One row for each thing that is done with that many results."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = _study()
        _make(folder, study, results)
        _own(rows, study, folder / "own")
        _theirs(rows, folder / "theirs.csv", folder / "kept")
    return [{"benchmark": "analysis_scale", "results": results, **row} for row in rows]


def _own(rows: list[dict[str, Any]], study: Study, folder: Path) -> None:
    planned, found = _timed(rows, "read a study file", lambda: _read(folder))
    _timed(rows, "analyse, 2000 draws", lambda: analyse(own_evidence(study, planned, found)))


def _theirs(rows: list[dict[str, Any]], table: Path, folder: Path) -> None:
    imported = _timed(rows, "read a CSV table", lambda: import_file(table, mapping(TABLE)))
    _timed(rows, "keep the import", lambda: import_into(folder, imported))
    (kept,) = _timed(rows, "read it back", lambda: foreign_imports(folder))
    _timed(rows, "compare it, 2000 draws", lambda: Measures(imported_evidence(kept)).cells)


def _timed(rows: list[dict[str, Any]], case: str, work: Callable[[], T]) -> T:
    """Do it, and note the time it took and the most memory the process has had so far."""
    began = time.perf_counter()
    done = work()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows.append({"case": case, "seconds": seconds, "peak_MiB": peak})
    return done


def _make(folder: Path, study: Study, results: int) -> None:
    planned, found = _runs(study, results)
    _keep(folder / "own", study, planned, found)
    _write_table(folder / "theirs.csv", planned, found)


def _keep(folder: Path, study: Study, planned: list[Planned], found: dict[str, RunResult]) -> None:
    """A study file as a driver leaves it, without the hundred thousand commits of a driver."""
    with StudyStore.create(folder, study) as store:
        store.plan(planned)
        path = store.path
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO results VALUES (?, 1, 'done', ?)",
            ((name, canonical_json(result)) for name, result in found.items()),
        )


def _read(folder: Path) -> tuple[dict[str, Planned], dict[str, RunResult]]:
    with StudyStore.open(folder, read_only=True) as store:
        return store.planned(), store.results()


def _write_table(path: Path, planned: list[Planned], found: dict[str, RunResult]) -> None:
    settings = list(TABLE["settings"])
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["optimizer", "size", "ratio", "seed", "loss", *settings])
        for one, result in zip(planned, found.values(), strict=True):
            numbers = [one.configuration.get(name, "") for name in settings]
            cell = [one.optimizer, one.cell.size, one.cell.ratio, one.run.seed]
            writer.writerow([*cell, result.loss["report"], *numbers])


def _study() -> Study:
    """Ten optimizers at twenty cells, all tuned."""
    cells = tuple(Cell(size=size, ratio=ratio) for size in LADDER for ratio in RATIOS)
    return Study(
        name="scale",
        question="How long does it take?",
        candidates=tuple(
            Candidate(
                name=name,
                label=name,
                family="scalar",
                start=START,
                grid={key: tuple(values) for key, values in TUNED.items()},
            )
            for name in NAMES
        ),
        sizes={size: SIZES[size] for size in LADDER},
        ratios=RATIOS,
        data=DataSpec(name="made up", digest="ab" * 32),
        batch_size=16,
        tuning=Tuning(cells=cells, runs_per_cell=1_000_000),
        seeds=SEEDS,
    )


def _runs(study: Study, results: int) -> tuple[list[Planned], dict[str, RunResult]]:
    """Planned runs and results: tuning runs at random settings, then the winners on every seed."""
    generator = np.random.default_rng(0)
    planned, found = [], {}
    reported = len(study.cells) * len(NAMES) * len(SEEDS)
    each = math.ceil((results - reported) / (len(study.cells) * len(NAMES)))
    for cell in study.cells:
        for index, name in enumerate(NAMES):
            for number in range(each + len(SEEDS)):
                tune = number < each
                configuration: Configuration = dict(START)
                if tune:
                    for key, values in TUNED.items():
                        configuration[key] = float(values[generator.integers(len(values))])
                    configuration["epsilon"] = 1e-8 * (1 + number)
                seed = 0 if tune else SEEDS[number - each]
                one = _planned(study, name, cell, configuration, seed)
                loss = 0.5 * (cell.ratio * (1 + 0.05 * index)) ** -0.45 + 1.2
                result = _result(one, loss + generator.normal(0, 0.004) + 0.01 * tune)
                planned.append(one)
                found[result.run_id] = result
    return planned, found


def _planned(
    study: Study, name: str, cell: Cell, configuration: Configuration, seed: int
) -> Planned:
    model = study.sizes[cell.size]
    run = RunSpec(
        model=model,
        data=study.data,
        optimizer=OptimizerSpec(name=name, settings=configuration),
        schedule=ScheduleSpec(),
        batch_size=16,
        steps=model.steps(cell.ratio, 16),
        seed=seed,
    )
    return Planned(
        run=run,
        optimizer=name,
        cell=cell,
        purpose="report" if seed else "tune",
        configuration=configuration,
    )


def _result(planned: Planned, loss: float) -> RunResult:
    """A finished run; only a reported one has a curve worth keeping."""
    steps, tokens = planned.run.steps, planned.run.tokens
    marks = range(1, 9) if planned.purpose == "report" else range(8, 9)
    points = 300 if planned.purpose == "report" else 0
    return RunResult(
        run_id=run_id(planned.run),
        state="done",
        loss={"selection": loss, "report": loss},
        bits_per_byte={"selection": loss / math.log(2), "report": loss / math.log(2)},
        evaluations=tuple(
            Evaluation(
                step=max(1, steps * mark // 8),
                tokens=tokens * mark // 8,
                loss={"selection": loss + 0.1 * (8 - mark), "report": loss + 0.1 * (8 - mark)},
            )
            for mark in marks
        ),
        curve=tuple(TrainPoint(step=point + 1, loss=loss) for point in range(points)),
        last_step=steps,
        tokens=tokens,
        seconds=steps * 0.01,
        step_seconds=0.01,
        state_bytes=8 * planned.run.model.parameters,
        environment={"machine": "made up"},
    )


if __name__ == "__main__":
    for row in run(*(int(argument) for argument in sys.argv[1:])):
        print(row)
