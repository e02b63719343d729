"""`bestiary report`: what its options change, and what not."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.tune.study import answer, study

from bestiary.cli import main
from bestiary.store import StudyStore


@pytest.mark.slow
def test_a_stated_noise_is_that_of_sizes_whose_seeds_were_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = study(runs_per_cell=5, seeds=(1,))
    results, order = answer(question)
    with StudyStore.create(tmp_path / "study", question) as store, store.driving():
        store.plan(order)
        for identity, result in results.items():
            store.commit(result, store.begin_attempt(identity))

    def told(*options: str) -> Any:
        assert main(["report", str(tmp_path / "study"), "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)

    assumed, stated = told(), told("--noise", "0.25")
    for analysis in (assumed, stated):
        assert {noise["measured"] for noise in analysis["noise"].values()} == {False}
    for noise in stated["noise"].values():
        squares = noise["squares"]
        assert squares["own_squares"] / squares["own_freedom"] == pytest.approx(0.25**2)
        assert noise["source"].startswith("as stated")
    assert {noise["source"] for noise in assumed["noise"].values()}.isdisjoint({noise["source"]})
    assert stated["rows"][0]["loss"]["value"] == assumed["rows"][0]["loss"]["value"]


def test_the_published_study_is_sent_to_the_command_that_has_its_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", "fantastic2025"]) == 2
    assert "`bestiary reproduce fantastic2025 --page FILE.html`" in capsys.readouterr().err
