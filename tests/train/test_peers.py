"""A run over several processes: it is the same run, and it outlives any of them."""

import errno
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

import jax
import orbax.checkpoint as ocp
import pytest
from jax.experimental import multihost_utils
from tests.compiling import QUICK

from bestiary.data import Corpus
from bestiary.errors import DiskError, StopRequested, UserError
from bestiary.train import _checkpoints, _peers, _program, _train, join_peers, train

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


# JAX raises this one where it runs a program at once, as Orbax's barriers are.
CLOSED = ValueError("UNKNOWN: Gloo AllGather failed: [pair.cc:547] Connection closed by peer")
FAILED = jax.errors.JaxRuntimeError("INTERNAL: Gloo all-reduce failed: Read error")


def came_of(error: Exception, cause: Exception | None, context: Exception | None) -> Exception:
    error.__cause__, error.__context__ = cause, context
    return error


class EndedError(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    def end(why: str) -> None:
        raise EndedError(why)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(_peers, "end", end)
    monkeypatch.setattr(_peers, "_MISSED_SECONDS", 0)
    return monkeypatch


def raised_by(
    error: Exception, patch: pytest.MonkeyPatch, make_run: Any, corpus: Corpus, folder: Path
) -> BaseException:
    """What leaves `train` where the run raises an error."""

    def failing(*arguments: Any, **more: Any) -> Any:
        raise error

    patch.setattr(_train, "_results", failing)
    with pytest.raises(BaseException) as raised:
        train([make_run()], corpus, folder)
    return raised.value


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CLOSED, "Connection closed by peer"),
        (FAILED, "INTERNAL: Gloo all-reduce failed: Read error"),
        (came_of(RuntimeError("could not finalize"), cause=FAILED, context=None), "Read error"),
        (came_of(TimeoutError("barrier"), cause=None, context=CLOSED), "closed by peer"),
        (jax.errors.JaxRuntimeError(), "JaxRuntimeError"),
    ],
    ids=["closed", "failed", "because of it", "after it", "without a word"],
)
def test_whatever_a_lost_process_makes_fail_ends_in_one_line(
    error: Exception, told: str, one_of_two: Any, make_run: Any, corpus: Corpus, tmp_path: Path
) -> None:
    raised = raised_by(error, one_of_two, make_run, corpus, tmp_path / "run")
    assert isinstance(raised, EndedError)
    assert str(raised).startswith("a process of this run is gone, or failed: ")
    assert str(raised).endswith(told)
    alone = pytest.MonkeyPatch()
    with alone.context() as patch:
        patch.setattr(jax, "process_count", lambda: 1)
        assert raised_by(error, patch, make_run, corpus, tmp_path / "alone") is error


@pytest.mark.parametrize(
    "error",
    [
        TypeError("unsupported operand"),
        ValueError("shapes do not match"),
        ValueError("INVALID_ARGUMENT: 3 parameters, got 2"),
        UserError("no"),
        StopRequested("stopped"),
        DiskError("full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_its_own_is_raised_in_one_of_several_too(
    error: Exception, one_of_two: Any, make_run: Any, corpus: Corpus, tmp_path: Path
) -> None:
    assert raised_by(error, one_of_two, make_run, corpus, tmp_path / "run") is error


def test_what_is_not_understood_waits_until_a_lost_process_is_missed(
    one_of_two: Any, make_run: Any, corpus: Corpus, tmp_path: Path
) -> None:
    waited: list[float] = []
    one_of_two.undo()
    one_of_two.setattr(jax, "process_count", lambda: 2)
    one_of_two.setattr(_peers.time, "sleep", waited.append)
    raised_by(KeyError("loss"), one_of_two, make_run, corpus, tmp_path / "run")
    assert waited == [_peers._MISSED_SECONDS]
    assert waited[0] > _peers._SILENT_SECONDS
    raised_by(DiskError("full"), one_of_two, make_run, corpus, tmp_path / "other")
    assert len(waited) == 1


def test_a_file_that_the_first_process_took_back_is_its_fault(
    one_of_two: Any, make_run: Any, corpus: Corpus, tmp_path: Path
) -> None:
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", ".writing-5/arrays")
    assert raised_by(missing, one_of_two, make_run, corpus, tmp_path / "first") is missing
    one_of_two.setattr(jax, "process_index", lambda: 1)
    raised = raised_by(missing, one_of_two, make_run, corpus, tmp_path / "second")
    assert isinstance(raised, EndedError)
    assert str(raised).endswith("No such file or directory: '.writing-5/arrays'")
    full = OSError(errno.ENOSPC, "No space left on device")
    raised = raised_by(full, one_of_two, make_run, corpus, tmp_path / "second")
    assert isinstance(raised, DiskError)


def test_a_checkpoint_is_not_called_damaged_where_a_process_is_lost(
    one_of_two: Any, tmp_path: Path
) -> None:
    def restore(*arguments: Any, **more: Any) -> Any:
        raise CLOSED

    one_of_two.setattr(ocp.Checkpointer, "restore", restore)
    with pytest.raises(ValueError) as raised:
        _checkpoints.load_arrays(tmp_path, {"weight": jax.numpy.ones(2)})
    assert raised.value is CLOSED


@pytest.mark.slow
def test_a_process_that_has_compiled_waits_for_the_others(one_of_two: Any) -> None:
    met: list[int] = []

    @contextmanager
    def live_devices(devices: Any) -> Iterator[None]:
        met.append(len(devices))
        yield

    one_of_two.setattr(multihost_utils, "live_devices", live_devices)
    double = _program.Timed(lambda x: 2 * x)
    assert double.compiled(jax.numpy.ones(2))[0](jax.numpy.ones(2))[0] == 2.0
    double.compiled(jax.numpy.ones(2))
    assert met == [len(jax.devices())]


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
