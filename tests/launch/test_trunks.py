"""Runs of one trunk are trained in turn, each from where the one before left, and clear up."""

from pathlib import Path
from typing import Any

import msgspec
from tests.tune.study import outcome, study

from bestiary.launch import AbstractExecutor, Finished, Job, drive
from bestiary.specs import Study, run_id, stable_steps, trunk_id
from bestiary.store import StudyStore


def in_trunks() -> Study:
    plain = study(runs_per_cell=5, seeds=(1,))
    candidates = []
    for one in plain.candidates:
        start = {k: v for k, v in one.start.items() if k != "warmup_fraction"}
        start |= {"warmup_steps": 2.0, "decay_fraction": 0.2}
        candidates.append(msgspec.structs.replace(one, schedule="wsd", start=start))
    return msgspec.structs.replace(plain, candidates=tuple(candidates), ratios=(1.0, 2.0, 4.0))


class Leaving(AbstractExecutor):
    """Leaves what is asked for, and answers one job at a time, the newest first."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.seen: list[Job] = []

    @property
    def slots(self) -> int:
        return 8

    def submit(self, job: Job) -> None:
        keys = {trunk_id(one.runs[0]) for one in self.jobs if stable_steps(one.runs[0])}
        assert trunk_id(job.runs[0]) not in keys
        assert all(list(Path(folder).glob("trunk/*")) for folder in job.trunks)
        self.jobs.append(job)
        self.seen.append(job)

    def events(self, timeout: float) -> list[Any]:
        job = self.jobs.pop()
        if job.leave_at:
            (Path(job.folder) / "trunk" / str(job.leave_at)).mkdir(parents=True)
        return [Finished(job=job.number, results=(outcome(job.runs[0]),))]

    def stop(self) -> None:
        raise AssertionError("nobody asked")

    def close(self) -> None:
        pass


def test_each_run_begins_where_the_shorter_ones_left_and_nothing_stays(tmp_path: Path) -> None:
    executor, question = Leaving(), in_trunks()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor)
        reports = {run_id(one.runs[0]): one for one in executor.seen if one.runs[0].seed == 1}
        assert len(reports) == len(question.candidates) * len(question.cells)
    by_trunk: dict[str, list[Job]] = {}
    for job in reports.values():
        by_trunk.setdefault(trunk_id(job.runs[0]), []).append(job)
    assert len(by_trunk) == len(question.candidates) * len(question.sizes)
    for jobs in by_trunk.values():
        assert [len(one.trunks) for one in jobs] == [0, 1, 2]
        left = [stable_steps(one.runs[0]) for one in jobs]
        assert [one.leave_at for one in jobs] == [left[0], left[1], 0]
        assert left == sorted(left)
        assert all(step <= one.leave_at for one in jobs for step in one.evaluate_also)
    assert not list(tmp_path.glob("runs/*/*/trunk"))


def test_a_study_that_was_killed_before_it_cleared_up_is_cleared_by_the_next_driver(
    tmp_path: Path,
) -> None:
    with StudyStore.create(tmp_path, in_trunks()) as store:
        drive(store, Leaving())
        reports = [run_id(p.run) for p in store.planned().values() if p.purpose == "report"]
        for identity in reports:
            (store.run_folder(identity) / "attempt-1" / "trunk" / "5").mkdir(parents=True)
        drive(store, Leaving())
        assert reports
        assert not list(tmp_path.glob("runs/*/*/trunk"))
