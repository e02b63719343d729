"""Several processes of one run: joining them, agreeing, and noticing that one is gone.

Every process runs the same program over its own devices. The first writes the run's files; all read
them, so their folder is one that all see. Whoever waits for a process that is gone would wait for
ever, so all say to the coordinator that they are there, and end where one has not for a while: the
run goes on from its checkpoint, on as many devices as there are then.
"""

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator

import jax
import numpy as np

from bestiary.errors import BestiaryError, UserError
from bestiary.train._threads import start_jax

_SILENT_SECONDS = 20
_JOIN_SECONDS = 120
_SHUTDOWN_SECONDS = 120
# Until JAX has surely ended this process where another is silent.
_MISSED_SECONDS = _SILENT_SECONDS + 10
# What XLA's status begins with where processes lost touch; JAX raises some as a ValueError.
_OUT_OF_TOUCH = re.compile("(ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|UNKNOWN): ")
_FAILURE = 1
_ended = threading.Lock()


def join_peers(coordinator: str, processes: int, process: int) -> None:
    """Join the other processes of a run; before JAX is started.

    Args:
        coordinator: Host and port of the first process, which listens there.
        processes: How many there are.
        process: Which of them this is, from 0.

    Raises:
        UserError: no such process, no such address, or not all came.
    """
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UserError(f"--coordinator takes HOST:PORT, got {coordinator!r}")
    if processes < 2:
        raise UserError(
            f"--coordinator joins several processes, got --processes {processes}; say how many "
            "there are, or leave it out"
        )
    if not 0 <= process < processes:
        raise UserError(
            f"--process counts from 0 to {processes - 1} of --processes {processes}, got {process}"
        )
    jax.config.update("jax_enable_preemption_service", False)  # signals are the policy's
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            cluster_detection_method="deactivate",
            initialization_timeout=_JOIN_SECONDS,
            heartbeat_timeout_seconds=_SILENT_SECONDS,
            shutdown_timeout_seconds=_SHUTDOWN_SECONDS,
        )
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"process {process} of {processes} cannot join at {coordinator}: "
            f"{_one_line(error)}; start all with the same address"
        ) from None
    _end_in_one_line()
    _nothing_else_to_stdout()
    start_jax()


def leads() -> bool:
    """Whether this process writes the run's files."""
    return jax.process_index() == 0


def agreed(mine: bool) -> bool:
    """Whether any process says so; the same answer in all, which all ask for at the same step."""
    if jax.process_count() == 1:
        return mine
    from jax.experimental import multihost_utils

    return bool(np.any(multihost_utils.process_allgather(np.array(mine))))


def meet(where: str) -> None:
    """Wait for all processes."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(where)


def wait_for_all() -> None:
    """Wait for all processes, however long one reads or compiles: an exchange waits for 30 s."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        with multihost_utils.live_devices(jax.devices()):
            pass


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Within, a process that cannot go on without another ends in one line, with exit code 1.

    Whatever a process that is gone makes fail does so, by whichever library. Where an error does
    not tell, JAX is given the time to miss a process; what is raised then is a fault of this one.
    """
    try:
        yield
    except BestiaryError:
        raise
    except Exception as error:
        if told := told_of_others(error):
            end(f"a process of this run is gone, or failed: {told}")
        if jax.process_count() > 1:
            time.sleep(_MISSED_SECONDS)
        raise


def told_of_others(error: BaseException) -> str:
    """The line in which an error, or what it came of, tells that another process is gone or failed.

    Returns:
        At most 200 characters; nothing where it does not tell, or there is no other process.
    """
    if jax.process_count() == 1:
        return ""
    if isinstance(error, FileNotFoundError) and not leads():
        return _one_line(error)  # the first took back what it began
    if isinstance(error, jax.errors.JaxRuntimeError) or (
        isinstance(error, ValueError | RuntimeError) and _OUT_OF_TOUCH.match(str(error))
    ):
        return _one_line(error)
    before = error.__cause__ or error.__context__
    return told_of_others(before) if before else ""


def _one_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def end(why: str) -> None:
    """End this process at once, in one line: what waits for the others cannot be interrupted."""
    if _ended.acquire(blocking=False):
        line = f"bestiary: failed: {why}; start all again, and the run goes on from its checkpoint"
        print(line, file=sys.stderr, flush=True)
        os._exit(_FAILURE)
    time.sleep(_SILENT_SECONDS)  # the other thread is ending it


def _end_in_one_line() -> None:
    """Where JAX aborts the process, as it does when another is silent, say so at last."""
    libc = ctypes.CDLL(None)
    libc.signal(signal.SIGABRT, ctypes.cast(_aborted, ctypes.c_void_p))


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _aborted(number: int) -> None:
    del number
    end("a process of this run is gone, or failed as said above")


def _nothing_else_to_stdout() -> None:
    """Results alone: below Python, gloo writes there whom it is connected to, again and again."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
