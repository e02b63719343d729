"""The pages: every link leads somewhere, every page is reached, and the site builds offline."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_first_page_leads_to_every_other() -> None:
    links = set(re.findall(r"\]\(([\w.-]+)\)", (ROOT / "docs" / "index.md").read_text()))
    assert links == {page.name for page in PAGES if page.name != "index.md"} | {"notebook.ipynb"}


def test_every_fault_has_tests_that_exist() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*$", page, flags=re.MULTILINE)
    assert rows == [str(number) for number in range(1, 21)]
    for line in page.splitlines():
        if re.match(r"\| \d+ \|", line):
            named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", line)
            assert named, line
            for path, name in named:
                assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


@pytest.mark.slow
def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    page = (tmp_path / "site" / "index.html").read_text()
    loads = r'<(?:script|img|link rel="(?:stylesheet|preload|icon)")[^>]*https?:'
    assert not re.findall(loads, page)
