"""The pictures of the documentation, taken of real pages: `make screenshots`.

Usage: python -m tests.screenshots [NAME ...]

Every page is made from records that come with Bestiary, by the commands that a user has, and
opened by a Chromium without a window. The pictures go to `docs/images`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.report.chromium import browser

from bestiary.cli import main

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH, HEIGHT = 1200, 1000
RECORDS = "laptop"


def report(folder: Path) -> str:
    """The page of a study: its address."""
    page = folder / "report.html"
    _done(["report", RECORDS, "--out", str(page)])
    return page.as_uri()


PAGES = {"report": report}


def take(address: str, picture: Path, folder: Path, height: int = HEIGHT) -> None:
    """Open a page, let its scripts run, and keep what a reader sees first.

    Raises:
        SystemExit: there is no Chromium, or it took no picture.
    """
    found = browser()
    if found is None:
        raise SystemExit("no Chromium here; `apt-get install chromium` gives one")
    taken = folder / picture.name
    command = [found, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += [f"--user-data-dir={folder / 'profile'}", f"--window-size={WIDTH},{height}"]
    command += ["--virtual-time-budget=20000", f"--screenshot={taken}", address]
    subprocess.run(command, capture_output=True, timeout=300, check=True)
    if not taken.is_file():
        raise SystemExit(f"{found} took no picture of {address}")
    picture.parent.mkdir(exist_ok=True)
    shutil.copyfile(taken, picture)


def _done(arguments: list[str]) -> None:
    if main(arguments):
        raise SystemExit(f"`bestiary {' '.join(arguments)}` failed")


if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        with tempfile.TemporaryDirectory(prefix="bestiary-screenshots-") as place:
            folder = Path(place)
            take(PAGES[name](folder), IMAGES / f"{name}.png", folder)
        print(IMAGES / f"{name}.png")
