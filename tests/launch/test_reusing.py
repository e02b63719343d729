"""Nothing is paid for twice: what another study has is taken over, with where it is from."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.launch.test_drive import Log, store_results
from tests.tune.study import outcome, study

from bestiary.launch import LocalExecutor, ReusingExecutor, drive
from bestiary.specs import RunResult, Study
from bestiary.store import TAKEN_FROM, StudyStore, results_elsewhere
from bestiary.tune import needed

Make = Callable[..., LocalExecutor]
HERE = {"jax": "1", "code": "a"}


def answered(folder: Path, question: Study, environment: dict[str, str]) -> None:
    """A study of somebody's, answered without training."""
    with StudyStore.create(folder, question) as store, store.driving():
        while waiting := needed(question, store.results()):
            store.plan(waiting)
            for planned in waiting:
                result = msgspec.structs.replace(outcome(planned.run), environment=environment)
                store.commit(result, store.begin_attempt(result.run_id))


@pytest.mark.slow
def test_one_seed_more_trains_only_what_is_new(tmp_path: Path, executor: Make) -> None:
    answered(tmp_path / "old", study(5, (1,)), HERE | {"cores": "2"})
    known = results_elsewhere([tmp_path / "old"], HERE)
    more, log = study(5, (1, 2)), Log()
    with StudyStore.create(tmp_path / "new", more) as store:
        drive(store, ReusingExecutor(executor("quick"), known), log)
    results = store_results(tmp_path / "new")
    taken = [one for one in results if TAKEN_FROM in one.environment]
    assert {one.run_id for one in taken} == {one.run_id for one in store_results(tmp_path / "old")}
    assert len(taken) < len(results)
    found = HERE | {"cores": "2", "phase": "tune", TAKEN_FROM: str(tmp_path / "old")}
    assert taken[0].environment == found
    assert [line for line in log.notices if "--fresh" in line]


@pytest.mark.parametrize("other", [{"jax": "2", "code": "a"}, {"jax": "1", "code": "b"}, {}])
def test_another_program_is_no_equal(tmp_path: Path, other: dict[str, str]) -> None:
    answered(tmp_path, study(2, (1,)), other)
    assert results_elsewhere([tmp_path], HERE) == {}


def test_what_failed_and_what_is_gone_counts_for_nothing(tmp_path: Path) -> None:
    question = study(2, (1,))
    with StudyStore.create(tmp_path / "a", question) as store, store.driving():
        first = needed(question, {})[0]
        store.plan([first])
        failed = RunResult(run_id=outcome(first.run).run_id, state="failed", environment=HERE)
        store.commit(failed, store.begin_attempt(failed.run_id))
    assert results_elsewhere([tmp_path / "a", tmp_path / "gone"], HERE) == {}


def test_the_first_place_of_a_result_stays_known(tmp_path: Path) -> None:
    answered(tmp_path, study(2, (1,)), HERE | {TAKEN_FROM: "/first"})
    found = results_elsewhere([tmp_path], HERE)
    assert {one.environment[TAKEN_FROM] for one in found.values()} == {"/first"}
