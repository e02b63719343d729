"""What every test starts from: strict numerics, and a process as a terminal starts it.

Rank promotion raises here; warnings are errors (pyproject.toml).
"""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.compiling import compile_quickly

from bestiary.store import _connection

ROOT = Path(__file__).parent.parent

# The same examples each time: a change is judged by what it changed, not by luck.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# Before JAX is imported: tests run in parallel processes, each with one thread's worth of work.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Tables are as wide as it says; what a test reads of them hangs on no width that a shell exported.
os.environ.pop("COLUMNS", None)
os.environ["NPROC"] = "1"  # read by XLA when it starts, which here a test may do before training
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
# The parallel processes are given 80 columns, to which piped output would be cut.
os.environ.pop("COLUMNS", None)
compile_quickly()
# They start some hundred processes: what those import is compiled once, whatever the shell says.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test cuts the power: a commit need not wait for the disk, but in processes that tests start.
_connection.SYNCHRONOUS = "OFF"
# Compiled programs and the standard library's corpus: shared by all processes of a run, kept for
# the next one, and nowhere outside of this folder.
os.environ.setdefault("BESTIARY_STUDIES", "off")  # every test trains what it asks for
os.environ.setdefault("BESTIARY_CACHE", str(ROOT / ".pytest_cache" / "bestiary"))

pytest_plugins = ["pytester", "tests.ordering", "tests.processor_time", "tests.skipped"]

FRESH = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


def pytest_collection_finish() -> None:
    """Look for garbage less often, and never among modules and tests: a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Undo, within a test, what a shell made every process below it ignore.

    A script that starts the tests with `&` has SIGINT ignored, `nohup` SIGHUP, and both are
    inherited. Bestiary leaves an ignored signal ignored, as it should, so a test that stops it by
    one sees nothing; a test of ignored signals ignores them itself.
    """
    ignored = [number for number in FRESH if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, FRESH[number])
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
