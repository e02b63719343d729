"""The studies that come with the package: what is told of them comes from their records alone."""

from pathlib import Path

import pytest
from tests.printed import assert_same_but_for_the_last_digit

from bestiary.answers.report import analyse
from bestiary.evidence import recorded_evidence, recorded_studies
from bestiary.report import write_markdown

PAGES = {"laptop": Path(__file__).parents[2] / "docs" / "laptop.md"}


def test_every_recorded_study_has_a_page_in_the_docs() -> None:
    assert list(recorded_studies()) == list(PAGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_what_the_records_do(name: str, tmp_path: Path) -> None:
    evidence = recorded_evidence(recorded_studies()[name])
    write_markdown(analyse(evidence), tmp_path / "page.md")
    stated, here = PAGES[name].read_text(), (tmp_path / "page.md").read_text()
    for one, other in zip(stated.splitlines(), here.splitlines(), strict=True):
        assert_same_but_for_the_last_digit(one, other)


@pytest.mark.parametrize("name", PAGES)
def test_every_planned_cell_has_its_seeds(name: str) -> None:
    evidence = recorded_evidence(recorded_studies()[name])
    assert evidence.finished == evidence.planned
    assert len(evidence.observations) == len(evidence.contenders) * len(evidence.cells)
    for one in evidence.observations:
        assert {run.seed for run in one.runs} == {1, 2, 3, 4}, one.key
        assert one.pending == 0
