"""Rows that are points of a run: one result with a curve, whose end is the run's."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.errors import UserError
from bestiary.store import (
    ForeignImport,
    ForeignResult,
    foreign_imports,
    import_file,
    import_into,
    mapping,
)

HEADER = "run,optimizer,step,tokens,loss\n"
LINES = (
    "a,adamw,20,1000,3.0\n",
    "a,adamw,10,500,3.5\n",
    "b,muon,10,500,3.4\n",
    "b,muon,20,1000,3.1\n",
    "b,muon,15,750,\n",
)


def stated(**changes: Any) -> dict[str, Any]:
    columns = {name: name for name in ("optimizer", "tokens", "loss")} | {"progress": "step"}
    return {
        "origin": {"source": "ours"},
        "unit": {"name": "nats_per_token"},
        "columns": columns,
        "constants": {"size": "ours", "parameters": 50},
        "empty": "unfinished",
        "non_finite": "diverged",
        "tags": ["run"],
    } | changes


def read(folder: Path, *lines: str, **changes: Any) -> ForeignImport:
    (folder / "runs.csv").write_text(HEADER + "".join(lines))
    return import_file(folder / "runs.csv", mapping(stated(**changes)))


def test_points_become_runs_and_come_back_from_the_store(tmp_path: Path) -> None:
    imported = read(tmp_path, *LINES)
    adamw, muon = imported.results
    assert adamw.curve == ((10.0, 3.5), (20.0, 3.0))
    assert muon.curve == ((10.0, 3.4), (20.0, 3.1))
    assert (adamw.loss, adamw.tokens, adamw.ratio, adamw.row) == (3.0, 1000, 1.0, 2)
    import_into(tmp_path, imported)
    assert foreign_imports(tmp_path) == (imported,)


@given(st.permutations(LINES))
def test_the_order_of_the_rows_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    found = read(tmp_path_factory.mktemp("order"), *lines).results
    assert {one.optimizer: (one.loss, one.curve) for one in found} == {
        "adamw": (3.0, ((10.0, 3.5), (20.0, 3.0))),
        "muon": (3.1, ((10.0, 3.4), (20.0, 3.1))),
    }


def test_a_run_that_diverges_on_the_way_is_diverged(tmp_path: Path) -> None:
    run: ForeignResult = read(tmp_path, *LINES[:2], "a,adamw,30,1500,nan\n").results[0]
    assert (run.state, run.loss) == ("diverged", None)
    assert run.curve == ((10.0, 3.5), (20.0, 3.0))


def test_a_run_ends_where_its_last_loss_is(tmp_path: Path) -> None:
    (run,) = read(tmp_path, *LINES[:2], "a,adamw,30,1500,\n").results
    assert (run.state, run.loss, run.tokens) == ("done", 3.0, 1000)


def test_a_stated_ratio_tells_runs_apart(tmp_path: Path) -> None:
    columns = stated()["columns"] | {"ratio": "tokens"}
    found = read(tmp_path, *LINES[:2], columns=columns).results
    assert [(one.ratio, len(one.curve)) for one in found] == [(1000.0, 1), (500.0, 1)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,adamw,10,500,3.6\n", "runs.csv row 7 is at progress 10 as row 3, of the same run"),
        ("a,adamw,-1,500,3.6\n", "row 7 column 'step': progress must be finite, 0 or more"),
        ("a,adamw,,500,3.6\n", "row 7 column 'step': progress must be a number, got ''"),
    ],
)
def test_a_bad_point_is_refused_by_row(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, *LINES, line)
    assert message in str(caught.value)
