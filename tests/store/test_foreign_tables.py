"""Foreign results in the study file: what is kept comes back, and a failure changes nothing."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import Candidate, Cell, DataSpec, ModelSpec, Study, Tuning
from bestiary.store import (
    ForeignImport,
    ForeignResult,
    ImportOrigin,
    StudyStore,
    foreign_imports,
    import_into,
)

ROW = ForeignResult(optimizer="adamw", size="130m", ratio=1.0, loss=3.5, file="ours.csv", row=2)


def imported(source: str = "ours", loss: float = 3.5) -> ForeignImport:
    rows = (ROW, ForeignResult(optimizer="muon", state="diverged", file="ours.csv", row=3))
    if loss != 3.5:
        rows = rows[1:]
    return ForeignImport(origin=ImportOrigin(source=source), results=rows, notes=("one size",))


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


def test_a_file_of_the_schema_before_is_read_and_goes_on(tmp_path: Path) -> None:
    import_into(tmp_path, imported())
    with sqlite3.connect(tmp_path / "study.sqlite") as connection:
        connection.execute("UPDATE foreign_schema SET version = 1")
        for column in ("baseline", "target"):
            connection.execute(f"ALTER TABLE foreign_sources DROP COLUMN {column}")
        connection.execute("UPDATE foreign_sources SET digest = 'of fewer fields'")
    assert foreign_imports(tmp_path) == (imported(),)
    assert import_into(tmp_path, imported()) == 0
    import_into(tmp_path, imported("theirs"))
    import_into(tmp_path, imported("third"))
    (version,) = connection.execute("SELECT version FROM foreign_schema").fetchone()
    connection.close()
    assert (version, len(foreign_imports(tmp_path))) == (4, 3)


@pytest.mark.parametrize("beside", [True, False])
def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    if beside:
        import_into(folder, imported())

    def full(*arguments: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    before = contents(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("bestiary.store._foreign_tables._insert", full)
        with pytest.raises(BestiaryError, match="disk is full"):
            import_into(folder, imported("theirs"))
    assert contents(tmp_path) == before
    assert import_into(folder, imported("theirs")) == 2


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*places: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    assert import_into(tmp_path / "study", imported()) == 2
    assert foreign_imports(tmp_path / "study") == (imported(),)


DIE = """
import os, signal, sys
from pathlib import Path
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin, _foreign_tables
class Fatal(tuple):
    def __iter__(self):
        for index, row in enumerate(super().__iter__()):
            if index == 2000:
                os.kill(os.getpid(), signal.SIGKILL)
            yield row
rows = tuple(ForeignResult(optimizer="adamw", file="x" * 400, row=row) for row in range(4000))
_foreign_tables.import_into(
    Path(sys.argv[1]), ForeignImport(origin=ImportOrigin(source="dies"), results=Fatal(rows))
)
"""


@pytest.mark.parametrize("beside", [True, False])
def test_an_importer_killed_half_way_leaves_nothing(tmp_path: Path, beside: bool) -> None:
    kept = (imported(),) if beside else ()
    for one in kept:
        import_into(tmp_path, one)
    died = subprocess.run([sys.executable, "-c", DIE, str(tmp_path)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert foreign_imports(tmp_path) == kept
    assert import_into(tmp_path, imported("theirs")) == 2


def test_two_importers_at_once_both_keep_theirs(tmp_path: Path) -> None:
    names = [f"source {index}" for index in range(6)]
    start = threading.Barrier(len(names))

    def work(name: str) -> None:
        start.wait()
        import_into(tmp_path / "shared", imported(name))

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.origin.source for one in foreign_imports(tmp_path / "shared")] == names
    assert os.listdir(tmp_path / "shared") == ["study.sqlite"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and the empty folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


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
