"""A real browser without a window, for tests that a page works when it is opened."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Opened(NamedTuple):
    """A page after its scripts have run: its elements, and what it complained of."""

    dom: str
    complaints: list[str]


def browser() -> str | None:
    """The browser that is installed here, if any."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def open_page(page: Path | str, profile: Path, *flags: str) -> Opened:
    """Open a file or an address; skips the test where no browser is installed."""
    found = browser()
    if found is None:
        pytest.skip("no Chromium here; `apt-get install chromium` gives one")
    command = [found, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"]
    command += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0"]
    command += ["--virtual-time-budget=20000", *flags, "--dump-dom"]
    command += [page if isinstance(page, str) else page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return Opened(done.stdout, re.findall(r".*CONSOLE.*", done.stderr))
