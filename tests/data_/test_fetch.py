"""Fetching a Hugging Face data set: here one in a local folder, through the same code."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bestiary.data import Wanted, _fetch, fetch, prepare, source
from bestiary.errors import BestiaryError, UserError

ROWS = [f"row {n} " * 40 for n in range(250)]


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A stand-in for the package: a stream of rows, and how many were skipped each time."""
    skips: list[int] = []

    class Stream:
        def __init__(self, rows: list[str]) -> None:
            self._rows = rows

        def skip(self, count: int) -> "Stream":
            skips.append(count)
            return Stream(self._rows[count:])

        def __iter__(self) -> Any:
            return iter([{"text": row, "url": "x", "stars": 3} for row in self._rows])

    class Datasets:
        @staticmethod
        def load_dataset(name: str, subset: Any, **how: Any) -> Stream:
            if how["split"] != "train":
                raise ValueError(f"Bad split: {how['split']}.")
            return Stream(ROWS)

    monkeypatch.setattr(_fetch, "_package", lambda name, cure="": Datasets)
    monkeypatch.setattr(_fetch, "ROWS_A_FILE", 100)
    return skips


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    (tmp_path / "set").mkdir()
    return Wanted(dataset=str(tmp_path / "set"))


def texts(folder: Path) -> list[str]:
    files = sorted(folder.glob("*.jsonl.gz"))
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    return [json.loads(line)["text"] for line in lines]


def test_what_was_fetched_is_a_source(tmp_path: Path, wanted: Wanted, streamed: list[int]) -> None:
    told: list[int] = []
    found = fetch(wanted, tmp_path / "rows", told=told.append)
    assert (found.rows, found.complete, told) == (250, True, [100, 200, 250])
    assert texts(tmp_path / "rows") == ROWS
    corpus = prepare([source(tmp_path / "rows")], tmp_path / "c")
    assert corpus.reading is not None
    assert corpus.reading.sources[0].documents == 250


def test_it_goes_on_where_it_was_killed(
    tmp_path: Path, wanted: Wanted, streamed: list[int]
) -> None:
    def dies(rows: int) -> None:
        if rows == 200:
            raise OSError("the network is gone")

    with pytest.raises(BestiaryError, match=r"stopped \(the network is gone\); the same command"):
        fetch(wanted, tmp_path / "rows", told=dies)
    assert texts(tmp_path / "rows") == ROWS[:200]
    fetch(wanted, tmp_path / "rows")
    assert streamed == [200]
    assert texts(tmp_path / "rows") == ROWS
    fetch(wanted, tmp_path / "rows")
    assert streamed == [200], "what is complete is not asked for again"


def test_more_rows_are_added_to_fewer(tmp_path: Path, wanted: Wanted, streamed: list[int]) -> None:
    assert not fetch(wanted, tmp_path / "rows", rows=30).complete
    fetch(wanted, tmp_path / "rows", rows=20)
    assert texts(tmp_path / "rows") == ROWS[:30]
    assert fetch(wanted, tmp_path / "rows").complete
    assert texts(tmp_path / "rows") == ROWS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"field": "txt"}, "unknown column of .* 'txt'; did you mean 'text'"),
        ({"field": "stars"}, "the text must be a string, got int in the column 'stars'"),
        ({"split": "tain"}, "cannot open the data set .*: Bad split: tain"),
    ],
)
def test_mistakes_leave_nothing(
    tmp_path: Path, wanted: Wanted, streamed: list[int], changes: dict, message: str
) -> None:
    asked = {key: getattr(wanted, key) for key in wanted.__struct_fields__} | changes
    with pytest.raises(UserError, match=message):
        fetch(Wanted(**asked), tmp_path / "rows")
    assert not (tmp_path / "rows").exists()


def test_a_row_that_cannot_be_read_is_told_and_what_was_fetched_stays(
    tmp_path: Path, wanted: Wanted, streamed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(rows: Any) -> Any:
        yield from ({"text": row} for row in ROWS[:150])
        raise ValueError("JSON parse error: Missing a closing quotation mark\nand more")

    stream = type(_fetch._opened(wanted))
    monkeypatch.setattr(stream, "__iter__", damaged)
    with pytest.raises(BestiaryError, match=r"after row 150: JSON parse error: [^\n]*; check"):
        fetch(wanted, tmp_path / "rows")
    assert texts(tmp_path / "rows") == ROWS[:100]


def test_another_data_set_does_not_mix_in(
    tmp_path: Path, wanted: Wanted, streamed: list[int]
) -> None:
    fetch(wanted, tmp_path / "rows")
    with pytest.raises(UserError, match="name another"):
        fetch(Wanted(dataset="other/set"), tmp_path / "rows")


def test_without_the_package_the_cure_is_told(
    tmp_path: Path, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'bestiary\[datasets\]'"):
        fetch(wanted, tmp_path / "rows")


@pytest.mark.slow
def test_the_package_reads_a_local_data_set(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "set").mkdir()
    rows = "".join(json.dumps({"text": row}) + "\n" for row in ROWS)
    (tmp_path / "set" / "train.jsonl").write_text(rows)
    found = fetch(Wanted(dataset=str(tmp_path / "set")), tmp_path / "rows", rows=100)
    assert found.rows == 100
    fetch(Wanted(dataset=str(tmp_path / "set")), tmp_path / "rows")
    assert texts(tmp_path / "rows") == ROWS
