"""Runs that train until they reach a loss: what is read, and what is refused, in one line."""

from pathlib import Path
from typing import Any

import pytest

from bestiary.errors import UserError
from bestiary.store import (
    TargetLoss,
    foreign_imports,
    import_file,
    import_into,
    load_mapping,
    mapping,
)

ROWS = (
    "adamw,124m,5000,true,0",
    "adamw,124m,5100,true,1",
    "muon,124m,3800,true,0",
    "muon,124m,6000,false,1",
)
COLUMNS = {
    "optimizer": "opt",
    "size": "model",
    "steps_to_target": "took",
    "reached": "ok",
    "seed": "seed",
}
STATED = {
    "origin": {"source": "speedrun"},
    "unit": {"name": "nats_per_token"},
    "target_loss": 3.28,
    "columns": COLUMNS,
}


def table(folder: Path, *rows: str) -> Path:
    path = folder / "speedrun.csv"
    path.write_text("\n".join(("opt,model,took,ok,seed", *rows)) + "\n")
    return path


def without(*fields: str, **more: str) -> dict[str, str]:
    return {field: at for field, at in COLUMNS.items() if field not in fields} | more


def test_runs_say_what_they_took_or_were_trained_for_in_vain(tmp_path: Path) -> None:
    imported = import_file(table(tmp_path, *ROWS), mapping(STATED))
    assert imported.target == TargetLoss(loss=3.28, counted="steps")
    assert [(row.amount, row.reached) for row in imported.results] == [
        (5000.0, True),
        (5100.0, True),
        (3800.0, True),
        (6000.0, False),
    ]
    assert all(row.loss is None for row in imported.results)
    assert any("muon at 124m: 1 of 2 runs never reached" in note for note in imported.notes)
    import_into(tmp_path / "kept", imported)
    assert foreign_imports(tmp_path / "kept") == (imported,)
    assert import_into(tmp_path / "kept", imported) == 0


def test_an_empty_cell_never_got_there(tmp_path: Path) -> None:
    how = mapping(STATED | {"columns": without("reached")})
    rows = (*ROWS[:3], "muon,124m,,,1", "muon,124m,nan,,2")
    last = [(row.amount, row.reached) for row in import_file(table(tmp_path, *rows), how).results]
    assert last[3:] == [(None, False), (None, False)]


def test_numbers_are_scaled_as_declared_and_the_target_by_its_unit(tmp_path: Path) -> None:
    how = mapping(
        STATED
        | {
            "columns": without("steps_to_target", seconds_to_target="took"),
            "scale": {"seconds_to_target": 0.001},
            "unit": {"name": "perplexity"},
            "target_loss": 20.0,
        }
    )
    imported = import_file(table(tmp_path, *ROWS), how)
    assert imported.results[0].amount == pytest.approx(5.0)
    assert imported.target is not None
    assert imported.target.loss == pytest.approx(2.99573, rel=1e-5)


CURVES = """\
opt,model,step,val,seed
adamw,124m,1000,4.0,0
adamw,124m,2000,3.4,0
adamw,124m,3000,3.0,0
adamw,124m,4000,2.9,0
muon,124m,1000,3.7,0
muon,124m,2000,3.2,0
soap,124m,1000,3.9,0
soap,124m,2000,3.3,0
"""


def test_it_is_read_off_loss_curves_where_they_are_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(CURVES)
    columns = {"optimizer": "opt", "size": "model", "loss": "val", "seed": "seed"}
    how = mapping(STATED | {"columns": columns | {"steps_to_target": "step"}})
    found = {row.optimizer: row for row in import_file(path, how).results}
    assert found["adamw"].amount == pytest.approx(2300.0)
    assert found["muon"].amount == pytest.approx(1840.0)
    assert (found["soap"].reached, found["soap"].amount) == (False, 2000.0)
    assert all(row.reached for name, row in found.items() if name != "soap")
    early = mapping(STATED | {"columns": columns | {"steps_to_target": "step"}, "target_loss": 3.8})
    with pytest.raises(UserError, match=r"begins with 3\.7 at 1000") as caught:
        import_file(path, early)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"columns": without("steps_to_target")}, "exactly one of"),
        ({"columns": without(tokens_to_target="took")}, "exactly one of"),
        ({"target_loss": None}, "state target_loss"),
        ({"columns": without(ratio="ratio")}, "'ratio' says nothing"),
        ({"columns": without(loss="took")}, "'reached' says nothing"),
        ({"columns": without("size")}, "where 'size' is"),
        ({"target_loss": 33.0}, "at most 12.48 nats"),
        ({"scale": {"loss": 2.0}}, "a loss is scaled by its unit"),
    ],
)
def test_mappings_that_state_too_much_or_too_little(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    stated = {key: value for key, value in (STATED | changes).items() if value is not None}
    with pytest.raises(UserError, match=said) as caught:
        import_file(table(tmp_path, *ROWS), mapping(stated))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("muon,124m,,true,1", "row 6 column 'took': .* must say how many steps"),
        ("muon,124m,3900,,1", "row 6 column 'ok': reached must be true or false"),
        ("muon,124m,3900,maybe,1", "must be true or false"),
        ("muon,124m,0,true,1", "above 0"),
        ("muon,124m,inf,true,1", "finite"),
        ("muon,124m,45 minutes,true,1", "must be a number"),
        (
            "muon,124m,3900,true,0",
            "row 6 contradicts row 4: the same muon run at 124m with 3800 to the target and",
        ),
    ],
)
def test_rows_that_could_be_read_in_two_ways(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        import_file(table(tmp_path, *ROWS, row), mapping(STATED))
    assert "\n" not in str(caught.value)


def test_the_target_is_stated_once(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[origin]\nsource = "x"\n[unit]\nname = "nats_per_token"\n[columns]\noptimizer = "opt"\n'
        'size = "model"\nsteps_to_target = "took"\n'
    )
    assert load_mapping(path, target_loss=3.28).target_loss == 3.28
    path.write_text("target_loss = 3.4\n" + path.read_text())
    assert load_mapping(path, target_loss=3.4).target_loss == 3.4
    with pytest.raises(UserError, match="one target loss"):
        load_mapping(path, target_loss=3.28)
