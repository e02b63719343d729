"""What the documentation shows is what `make screenshots` takes."""

import re
from pathlib import Path

import pytest
from tests.report.chromium import browser
from tests.screenshots import IMAGES, PAGES, WIDTH, take

ROOT = Path(__file__).parents[1]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[:24]
    assert head.startswith(SIGNATURE)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


def test_every_picture_is_taken_and_every_one_taken_is_shown() -> None:
    shown = set()
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text()):
            picture = (page.parent / link).resolve()
            assert picture.parent == IMAGES.resolve(), page
            assert size(picture)[0] == WIDTH
            shown.add(picture.stem)
    assert shown == set(PAGES) == {one.stem for one in IMAGES.iterdir()}


@pytest.mark.slow
@pytest.mark.skipif(not browser(), reason="no Chromium here; `apt-get install chromium` gives one")
def test_a_picture_is_taken_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<h1>here</h1>")
    take(page.as_uri(), tmp_path / "out" / "page.png", tmp_path, height=500)
    assert size(tmp_path / "out" / "page.png") == (WIDTH, 500)
