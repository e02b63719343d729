"""Foreign results in the study file: what is kept comes back, and a failure changes nothing."""

import sqlite3
from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.specs import Candidate, Cell, DataSpec, ModelSpec, Study, Tuning
from bestiary.store import (
    ForeignImport,
    ForeignResult,
    Origin,
    StudyStore,
    foreign_imports,
    import_into,
)

ROW = ForeignResult(optimizer="adamw", size="130m", ratio=1.0, loss=3.5, file="ours.csv", row=2)


def imported(source: str = "ours", loss: float = 3.5) -> ForeignImport:
    rows = (ROW, ForeignResult(optimizer="muon", state="diverged", file="ours.csv", row=3))
    if loss != 3.5:
        rows = rows[1:]
    return ForeignImport(origin=Origin(source=source), results=rows, notes=("one size",))


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    assert foreign_imports(tmp_path) == ()
    assert import_into(tmp_path / "study", imported("theirs")) == 2
    assert import_into(tmp_path / "study", imported("ours")) == 2
    assert foreign_imports(tmp_path / "study") == (imported("ours"), imported("theirs"))


def test_the_same_again_adds_nothing_and_another_content_is_refused(tmp_path: Path) -> None:
    import_into(tmp_path, imported())
    before = (tmp_path / "study.sqlite").read_bytes()
    assert import_into(tmp_path, imported()) == 0
    with pytest.raises(UserError, match="'ours' is already kept with another"):
        import_into(tmp_path, imported(loss=3.0))
    assert (tmp_path / "study.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "change", ["PRAGMA user_version = 999", "UPDATE foreign_schema SET version = 999"]
)
def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path, change: str) -> None:
    import_into(tmp_path, imported())
    with sqlite3.connect(tmp_path / "study.sqlite") as connection:
        connection.execute(change)
    connection.close()
    before = (tmp_path / "study.sqlite").read_bytes()
    for use in (
        lambda: import_into(tmp_path, imported("theirs")),
        lambda: foreign_imports(tmp_path),
    ):
        with pytest.raises(UserError, match="schema 999"):
            use()
    assert (tmp_path / "study.sqlite").read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "study.sqlite").write_text("not a database, but somebody's text\n" * 40)
    before = (tmp_path / "study.sqlite").read_bytes()
    with pytest.raises(UserError, match="not a study file"):
        import_into(tmp_path, imported())
    assert (tmp_path / "study.sqlite").read_bytes() == before


def study() -> Study:
    shape = {"layers": 1, "hidden": 8, "intermediate": 32, "heads": 1, "key_value_heads": 1}
    return Study(
        name="small",
        question="which?",
        candidates=(Candidate(name="adamw", label="AdamW", family="scalar", start={}, grid={}),),
        sizes={"tiny": ModelSpec(**shape, context=16, vocabulary=256)},
        ratios=(1.0,),
        data=DataSpec(name="text", digest="0" * 64),
        batch_size=2,
        tuning=Tuning(cells=(Cell(size="tiny", ratio=1.0),), runs_per_cell=3),
        seeds=(1,),
    )


@pytest.mark.parametrize("study_first", [True, False])
def test_a_study_and_foreign_results_share_a_file(tmp_path: Path, study_first: bool) -> None:
    if study_first:
        StudyStore.create(tmp_path, study()).close()
    import_into(tmp_path, imported())
    store = StudyStore.create(tmp_path, study())
    assert (store.study, store.results()) == (study(), {})
    store.close()
    assert foreign_imports(tmp_path) == (imported(),)
