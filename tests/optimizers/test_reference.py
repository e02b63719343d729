"""docs/optimizers.md is what the catalogue makes of itself."""

import re
from pathlib import Path

import pytest

from bestiary.optimizers import CATALOGUE
from bestiary.optimizers._reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "optimizers.md"


@pytest.mark.slow
def test_the_page_is_made_from_the_catalogue() -> None:
    page = reference()
    assert page == PAGE.read_text(), "run: python -m bestiary.optimizers > docs/optimizers.md"
    for name, entry in CATALOGUE.items():
        assert f"| [{entry.label}](" in page
        assert f"| `{name}` |" in page


def test_every_link_leads_somewhere() -> None:
    text = PAGE.read_text()
    for target in re.findall(r"\]\(([^)]*)\)", text):
        assert target.startswith("https://") or (PAGE.parent / target).is_file(), target


def test_the_page_does_not_repeat_what_files_and_commands_say() -> None:
    assert len(PAGE.read_text().split()) < 1500
