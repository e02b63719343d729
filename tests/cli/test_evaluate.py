"""`bestiary evaluate` on a study: which runs are asked, where scores lie, who shows them."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.measures.test_downstream import task_score
from tests.tune.study import answer, study

import bestiary
from bestiary import downstream, train
from bestiary.cli import main
from bestiary.cli._one_run import weights_of
from bestiary.errors import UserError
from bestiary.specs import RunSpec, Scores, canonical_json, run_id
from bestiary.store import RUN, StudyStore, read_scores, write_scores


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyStore:
    """A finished study in which two of the reported runs left their weights."""
    monkeypatch.chdir(tmp_path)
    question = study(runs_per_cell=2, seeds=(1, 2))
    results, order = answer(question)
    store = StudyStore.create(Path("bestiary-test"), question)
    with store.driving():
        store.plan(order)
        for one in order:
            identity = run_id(one.run)
            store.commit(results[identity], store.begin_attempt(identity))
    reported = [run_id(one.run) for one in order if one.purpose == "report"]
    for identity in reported[:2]:
        store.weights_folder(identity).mkdir(parents=True)
    return store


def asked_runs(store: StudyStore, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Let evaluating write a made-up score; the tokenizers it was given."""
    runs = {store.weights_folder(run_id(one.run)): one.run for one in store.planned().values()}
    seen: list[Path] = []

    def trained(folder: Path) -> list[tuple[RunSpec, Any]]:
        return [(runs[Path(folder)], None)]

    def evaluate(run: RunSpec, params: Any, folder: Path, tasks: Any, **how: Any) -> None:
        seen.append(how["tokenizer"])
        found = task_score(0.4, name="choice")
        write_scores(folder, Scores(run_id=run_id(run), tasks={found.name: found}))

    monkeypatch.setattr(train, "trained", trained)
    monkeypatch.setattr(downstream, "load_tasks", lambda asked: asked)
    monkeypatch.setattr(downstream, "evaluate", evaluate)
    return seen


def test_the_reported_runs_with_weights_are_asked_and_shown(
    finished: StudyStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = asked_runs(finished, monkeypatch)
    assert main(["evaluate", "bestiary-test", "--tasks", "choice", "--json"]) == 0
    said = capsys.readouterr()
    assert len(seen) == 2
    assert all(path.name == "tokenizer.json" and path.parent.is_dir() for path in seen)
    assert "reported runs have no weights" in said.err
    records = json.loads(said.out)
    assert [list(one["tasks"]) for one in records] == [["choice:0"]] * 2
    identity = records[0]["run_id"]
    assert read_scores(finished.scores_folder, identity).tasks["choice:0"].metrics["acc"].value
    rows = bestiary.open("bestiary-test").scores()
    assert {row["run_id"] for row in rows} == {one["run_id"] for one in records}
    assert {(row["task"], row["metric"], row["score"]) for row in rows} == {("choice", "acc", 0.4)}
    assert bestiary.open("bestiary-test").analysis.downstream[0].task == "choice:0"


def test_a_study_without_weights_is_told_how_to_keep_them(
    finished: StudyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (finished.folder / "weights").iterdir():
        path.rmdir()
    assert main(["evaluate", "bestiary-test", "--tasks", "choice"]) == 2
    said = capsys.readouterr().err
    assert "no run of bestiary-test kept its weights; `bestiary run --keep-weights`" in said


def test_of_a_population_the_folder_s_own_run_is_meant(
    finished: StudyStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second, third = list(finished.planned().values())[:3]
    monkeypatch.setattr(train, "trained", lambda _: [(first.run, "a"), (second.run, "b")])
    with pytest.raises(UserError, match=r"holds several runs, and no run\.json says which"):
        weights_of(tmp_path)
    (tmp_path / RUN).write_text(canonical_json(second.run))
    assert weights_of(tmp_path) == (second.run, "b")
    (tmp_path / RUN).write_text(canonical_json(third.run))
    with pytest.raises(UserError, match=r"holds other runs than its run\.json"):
        weights_of(tmp_path)
