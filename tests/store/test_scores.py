"""Scores beside a run: what was written, or nothing."""

from pathlib import Path

import pytest

from bestiary.errors import BestiaryError
from bestiary.specs import Score, Scores, TaskScore
from bestiary.store import kept_scores, read_scores, write_scores

RUN = "ab" * 32
TASK = TaskScore(
    task="arc_easy",
    few_shot=10,
    version="1.0",
    harness="lm_eval 0",
    documents=5,
    available=9,
    questions="0" * 64,
    metrics={"acc": Score(value=0.25, error=0.1), "acc_norm": Score(value=None)},
)
SCORES = Scores(run_id=RUN, tasks={TASK.name: TASK})


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    path = write_scores(tmp_path, SCORES)
    assert read_scores(tmp_path, RUN) == SCORES
    assert kept_scores(tmp_path) == [SCORES]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert (TASK.name, TASK.headline) == ("arc_easy:10", "acc_norm")


def test_without_any_there_are_none(tmp_path: Path) -> None:
    assert read_scores(tmp_path, RUN) == Scores(run_id=RUN)
    assert kept_scores(tmp_path / "nowhere") == []


@pytest.mark.parametrize("damage", ["", "{}", "cut", "edited"])
def test_what_was_not_written_is_not_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = write_scores(tmp_path, SCORES)
    text = path.read_text()
    edited = text.replace("0.25", "0.85")
    path.write_text({"cut": text[:60], "edited": edited}.get(damage, damage))
    assert read_scores(tmp_path, RUN) == Scores(run_id=RUN)
    assert "is not what was written" in caplog.text
    write_scores(tmp_path, SCORES)
    assert read_scores(tmp_path, RUN) == SCORES


def test_a_disk_that_refuses_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_scores(tmp_path, SCORES)
    before = path.read_bytes()
    path.unlink()
    path.mkdir()  # nothing can replace it
    with pytest.raises(BestiaryError, match=r"cannot be written to .*: "):
        write_scores(tmp_path, SCORES)
    path.rmdir()
    path.write_bytes(before)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
