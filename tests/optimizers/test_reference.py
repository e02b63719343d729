"""docs/optimizers.md is what the catalogue makes of itself."""

from pathlib import Path

from bestiary.optimizers import CATALOGUE
from bestiary.optimizers._reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "optimizers.md"


def test_the_page_is_made_from_the_catalogue() -> None:
    page = reference()
    assert page == PAGE.read_text(), "run: python -m bestiary.optimizers > docs/optimizers.md"
    for name, entry in CATALOGUE.items():
        assert f"| [{entry.label}](#{name}) |" in page
        assert all(f"| `{field}` |" in page for field in entry.fields)
