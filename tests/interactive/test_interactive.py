"""`import bestiary` in a session: few names, nothing heavy until used, plain records."""

import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest
from tests.report.made_up import made_up, made_up_evidence
from tests.tune.study import answer, study

import bestiary
from bestiary.errors import UserError
from bestiary.interactive import Opened, Records, Trained
from bestiary.specs import run_id
from bestiary.store import StudyStore

HEAVY = ("jax", "numpy", "scipy", "plotly", "msgspec", "rich", "pandas")


@pytest.fixture
def opened() -> Opened:
    found = Opened(made_up_evidence())
    found.__dict__["analysis"] = made_up()
    return found


def test_nothing_is_imported_until_it_is_used() -> None:
    code = f"import sys, bestiary; dir(bestiary); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_session_finds_its_names() -> None:
    assert set(bestiary.__all__) <= set(dir(bestiary))
    assert bestiary.__version__.count(".") == 2
    assert bestiary.specs.SIZES["65k"]
    with pytest.raises(AttributeError, match="has no attribute 'trian_run'"):
        bestiary.trian_run  # noqa: B018


def test_a_study_folder_opens_with_every_run(tmp_path: Path) -> None:
    question = study()
    results, order = answer(question)
    with StudyStore.create(tmp_path / "study", question) as store:
        store.plan(order)
        for one in order:
            identity = run_id(one.run)
            store.commit(results[identity], store.begin_attempt(identity))
    found = bestiary.open(tmp_path / "study")
    assert repr(found).startswith("<test (own study): adamw, muon, soap at 4 cells, ")
    rows = found.results()
    assert len(rows) == len(results)
    losses = {one["loss"] for one in rows if one["purpose"] == "report"}
    assert losses <= {one.loss.get("report") for one in results.values()}
    assert sum(one["runs"] for one in found.ledger()) == sum(
        one["purpose"] == "tune" for one in rows
    )


@pytest.mark.parametrize("name", ["nowhere", "/nowhere/at/all"])
def test_what_is_not_there_is_told_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match="nowhere"):
        bestiary.open(name)


def test_speedups_carry_their_intervals(opened: Opened) -> None:
    first, second, *_ = opened.speedups()
    assert first["token_speedup"] == first["token_speedup_low"] == 1.0
    assert second["token_speedup_low"] < second["token_speedup"] < second["token_speedup_high"]
    assert {row["optimizer"] for row in opened.speedups()} == {"adamw", "muon", "soap", "lion"}


def test_curves_are_points(opened: Opened) -> None:
    points = opened.curves()
    assert {row["split"] for row in points} == {"train", "report"}
    shown = sum(len(one.train_loss) + len(one.report_loss) for one in made_up().curves)
    assert len(points) == shown


@pytest.mark.slow
def test_figures_are_plotly_objects(opened: Opened) -> None:
    figures = opened.figures()
    assert "speedup-ratio" in figures
    assert all(isinstance(one, go.Figure) for one in figures.values())


@pytest.mark.slow
def test_the_page_is_the_report(opened: Opened, tmp_path: Path) -> None:
    assert "Muon" in opened.page(tmp_path / "page.html").read_text()


def test_a_notebook_shows_answer_and_table(opened: Opened) -> None:
    shown = opened._repr_html_()
    assert opened.answer[0].replace("'", "&#x27;") in shown
    assert "<th>token speedup</th>" in shown


def test_records_are_shown_escaped_and_never_endless() -> None:
    shown = Records([{"name": "<b>", "rate": 1 / 3, "of": {"x": (1, 2)}}] * 40)._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<td>0.33333</td><td>x 1, 2</td>" in shown
    assert "and 10 more" in shown


def test_pandas_takes_the_records_as_columns() -> None:
    pytest.importorskip("pandas")
    frame = Records([{"optimizer": "muon", "settings": {"rate": 0.1}}, {"optimizer": "x"}]).pandas()
    assert list(frame.columns) == ["optimizer", "settings.rate"]
    assert len(frame) == 2


def test_without_pandas_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match=r"pip install 'bestiary\[pandas\]'"):
        Records().pandas()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizer": "muonn"}, "unknown optimizer 'muonn'; did you mean 'muon'?"),
        ({"size": "8kk"}, "unknown size '8kk'; did you mean '8k'?"),
        ({"momentum": 0.9}, "unknown hyperparameter of adamw 'momentum'"),
        ({"ratio": -1.0}, "ratio must be float > 0.0, got -1.0"),
        ({"steps": "many"}, "steps must be int, got many"),
        ({"batch_size": 0}, "batch_size must be int >= 1, got 0"),
        ({"optimizer": None}, "optimizer must be str, got None"),
        ({"dtype": "float8"}, "dtype must be one of float32, bfloat16, got float8"),
        ({"data": 3}, "data must be a path or several, got 3"),
        ({"data": Path("no-such-file")}, "no such file or folder: no-such-file"),
        ({"data": "nowhere://text"}, "nowhere://"),
        ({"data": "no-such-file"}, "no such file or folder: no-such-file"),
    ],
)
def test_mistakes_create_nothing(
    wrong: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        bestiary.train_run(**wrong)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": -1}, "workers must be int >= 0, got -1"),
        ({"workers": "all"}, "workers must be int, got all"),
        ({"data": [3]}, "data must be a path or several, got [3]"),
        ({"data": "no-such-file"}, "no such file or folder: no-such-file"),
        ({"study": None}, "name a study: "),
    ],
)
def test_a_study_asked_for_by_mistake_creates_nothing(
    wrong: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        bestiary.run_study(**{"study": "smoke", **wrong})
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_is_trained_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Every sequence of a validation set is evaluated: the standard library's take half a minute.
    text, out = tmp_path / "text.txt", tmp_path / "run"
    text.write_text("".join(f"line {number} of a text\n" for number in range(5000)))
    trained = bestiary.train_run("lion", "8k", data=str(text), steps=3, batch_size=2, out=out)
    assert isinstance(trained, Trained)
    assert set(trained.loss) == {"selection", "report"}
    assert trained.spec.data.name == "text"
    assert {row["split"] for row in trained.curve()} == {"train", "selection", "report"}
    again = bestiary.train_run("lion", "8k", data=str(text), steps=3, batch_size=2, out=out)
    assert again.result == trained.result
    assert "trained before" in capsys.readouterr().err


@pytest.mark.slow
def test_without_data_it_reads_the_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.cli._one_run.go_on", lambda *planned: None)  # trains nothing
    trained = bestiary.train_run("lion", "8k", steps=3, out=tmp_path / "run")
    assert trained.spec.data.name == "stdlib"
