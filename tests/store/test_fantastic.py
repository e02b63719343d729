"""The reader of the published folder, on a folder of three runs in its format."""

import json
from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.store import read_fantastic2025

RUNS = """\
optimizer,model_size,chinchilla,phase,tokens,steps,loss_c4en,ablated_param,ablated_value,hp_beta1,hp_nesterov,source
adamw,130m,1,I,2684354560,5120,3.5291428565979004,,,0.9,False,Results/97cfef35
soape,130m,1,I,2684354560,5120,7.5,beta1,0.8,0.8,,Results/97cfef35
mini,130m,1,I,2684354560,5120,,,,0.9,,Results/97cfef35
soape,130m,1,I,2684354560,5120,NaN,,,0.95,,Results/97cfef35
"""
BEST = """\
optimizer,model_size,chinchilla,tokens,steps,min_loss_c4en,hp_beta1,source
adamw,130m,1,2684354560,5120,3.5291428565979004,0.9,Results@97cfef35
"""
LOSSES = "model_size,chinchilla,adamw,soape,mudam\n130m,1,3.529143,3.482165,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "runs.csv").write_text(RUNS)
    (tmp_path / "best_configs.csv").write_text(BEST)
    (tmp_path / "final_losses.csv").write_text(LOSSES)
    (tmp_path / "final_losses_cache_122c5018.csv").write_text(LOSSES)
    pairs = {"soape": {"train_loss": [3.3, 3.2], "c4en_eval_loss": [3.4, 3.35], "n": 2}}
    (tmp_path / "train_vs_eval_losses.json").write_text(json.dumps(pairs))
    return tmp_path


def test_every_file_becomes_results_with_names_of_the_catalogue(folder: Path) -> None:
    imported = read_fantastic2025(folder)
    assert (imported.origin.licence, imported.origin.source) == ("Apache-2.0", "fantastic2025")
    runs = [row for row in imported.results if row.kind == "run"]
    assert [(row.optimizer, row.state, row.row) for row in runs] == [
        ("adamw", "done", 2),
        ("soap", "diverged", 3),
        ("adam_mini", "unfinished", 4),
        ("soap", "diverged", 5),
    ]
    assert runs[0].settings == {"beta1": 0.9, "nesterov": False}
    assert runs[1].tags["ablated_param"] == "beta1"
    tables = [row.tags["table"] for row in imported.results if row.kind == "reported"]
    assert tables == ["best", "released", "released", "printed", "printed"]
    pairs = [(row.train_loss, row.loss) for row in imported.results if row.kind == "pair"]
    assert pairs == [(3.3, 3.4), (3.2, 3.35)]


def test_gaps_are_said(folder: Path) -> None:
    assert "soap at 130m: none of 2 runs finished, so there is no loss to compare" in (
        read_fantastic2025(folder).notes
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"soape": {"train_loss": [3.3]}}, "missing required field `c4en_eval_loss`"),
        ({"soape": {"train_loss": [3.3], "c4en_eval_loss": []}}, "equal length, got 1 and 0"),
        ([1], "Expected `object`, got `array`"),
    ],
)
def test_pairs_that_are_not_as_published_are_refused(
    folder: Path, pairs: object, message: str
) -> None:
    (folder / "train_vs_eval_losses.json").write_text(json.dumps(pairs))
    with pytest.raises(UserError, match=message):
        read_fantastic2025(folder)


def test_a_loss_that_is_no_number_never_enters(folder: Path) -> None:
    (folder / "final_losses.csv").write_text(LOSSES.replace("3.482165", "nan"))
    with pytest.raises(UserError, match="must be a finite number, got 'nan'"):
        read_fantastic2025(folder)


def test_a_missing_file_and_a_bad_number_are_named(folder: Path) -> None:
    (folder / "final_losses.csv").write_text(LOSSES.replace("3.482165", "low"))
    with pytest.raises(UserError, match=r"final_losses.csv row 2 column 'soape': must be a finite"):
        read_fantastic2025(folder)
    (folder / "runs.csv").unlink()
    with pytest.raises(UserError, match=r"no such file: .*runs.csv"):
        read_fantastic2025(folder)
    with pytest.raises(UserError, match=r"must be a folder with runs\.csv"):
        read_fantastic2025(folder / "nowhere")
