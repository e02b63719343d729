"""A run over several processes: it is the same run, and it outlives any of them."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.compiling import QUICK

from bestiary.data import Corpus
from bestiary.errors import UserError
from bestiary.train import join_peers

SCRIPT = Path(__file__).with_name("two_processes.py")
STEPS = "50"
# Steps between checkpoints: while a process is waited for and killed, and where none is.
OFTEN, SELDOM = "5", "25"


def process(
    corpus: Corpus, folder: Path, every: str, *peers: str, devices: int = 1
) -> subprocess.Popen[str]:
    flags = " ".join([f"--xla_force_host_platform_device_count={devices}", *QUICK])
    places = [str(corpus.folder.parent), corpus.spec.digest, str(folder)]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *places, STEPS, every, *peers],
        env={**os.environ, "XLA_FLAGS": flags},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def two(corpus: Corpus, folder: Path, every: str, *, devices: int = 1) -> Iterator[list[Any]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    pair = [
        process(corpus, folder, every, address, "2", str(one), devices=devices) for one in range(2)
    ]
    try:
        yield pair
    finally:
        for one in pair:
            one.kill()
            one.communicate()


def done(one: subprocess.Popen[str]) -> Any:
    out, told = one.communicate(timeout=300)
    assert one.returncode == 0, told
    return json.loads(out) if out else None


def told_when_gone(corpus: Corpus, folder: Path, killed: int) -> list[str]:
    """What a process says at its end, when the other is killed after the first checkpoint."""
    with two(corpus, folder, OFTEN) as pair:
        while not list(folder.glob("checkpoints/[0-9]*")):
            assert all(one.poll() is None for one in pair)
            time.sleep(0.1)
        pair[killed].kill()
        _, told = pair[1 - killed].communicate(timeout=120)
        assert pair[1 - killed].returncode == 1, told
    return list(told.splitlines())


@pytest.mark.slow(60)
@pytest.mark.rare
def test_a_run_that_loses_a_process_goes_on_over_other_devices(
    corpus: Corpus, tmp_path: Path
) -> None:
    told = told_when_gone(corpus, tmp_path / "two", killed=1)
    assert len(told) == 1, told
    assert told[0].startswith("bestiary: failed: a process of this run is gone")
    assert told[0].endswith("start all again, and the run goes on from its checkpoint")
    with two(corpus, tmp_path / "two", SELDOM, devices=2) as pair:
        found, nothing = (done(one) for one in pair)
    assert nothing is None
    assert "placement shard=2, then shard=4" in found["environment"]["moved"]
    alone = done(process(corpus, tmp_path / "alone", SELDOM))
    assert found["train"] == pytest.approx(alone["train"], abs=1e-4)
    assert found["report"] == pytest.approx(alone["report"], abs=1e-4)


@pytest.mark.slow(15)
@pytest.mark.rare
def test_the_first_process_is_missed_too(corpus: Corpus, tmp_path: Path) -> None:
    """JAX then says so in lines of its own, and would abort."""
    told = told_when_gone(corpus, tmp_path, killed=0)
    assert told[-1].startswith("bestiary: failed: ")
    assert told[-1].endswith("start all again, and the run goes on from its checkpoint")


@pytest.mark.parametrize(
    ("coordinator", "processes", "process", "told"),
    [
        ("here", 2, 0, "--coordinator takes HOST:PORT, got 'here'"),
        ("here:0", 2, 0, "--coordinator takes HOST:PORT"),
        ("here:99999", 2, 0, "--coordinator takes HOST:PORT"),
        ("here:4000", 2, 2, "--process counts from 0 to 1 of --processes 2, got 2"),
        ("here:4000", 0, 0, "--coordinator joins several processes, got --processes 0"),
    ],
)
def test_what_cannot_be_joined_is_refused(
    coordinator: str, processes: int, process: int, told: str
) -> None:
    with pytest.raises(UserError) as error:
        join_peers(coordinator, processes, process)
    assert str(error.value).startswith(told)
