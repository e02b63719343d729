"""One thread for a run on a CPU, so that its bits are the same on any number of cores.

XLA divides sums over the threads that its CPU client was made with, and LAPACK over those of its
BLAS: another count is another order of summation. One is the only count that every machine has. For
models that a CPU can train it is the fastest too: small factorizations lose most of their time to
threads that wait for each other, and a study trains one run per core. Where an accelerator computes
none of this holds, and its compiler gets every core.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from functools import cache

import jax
import threadpoolctl

from bestiary.store import accelerators

_LOG = logging.getLogger(__name__)
# Read by XLA when its CPU client is made: the size of the pool that computes.
_POOL = "NPROC"
_PROBE = "jax_num_cpu_devices"


@cache
def start_jax() -> str:
    """Start JAX with one thread on the CPU, where nobody has started it before.

    Returns:
        The threads that compute on a CPU: `1`, or why there are others.
    """
    if os.environ.get(_POOL) == "1":
        return "1"
    if _started():
        _LOG.warning(
            "JAX was started before bestiary.train, so a CPU run's last bits depend on the number "
            "of cores; set NPROC=1, or import and use bestiary.train first"
        )
        return f"as JAX was started, on {os.cpu_count()} cores"
    if accelerators().names:
        return "of no matter: an accelerator computes"
    before = os.environ.get(_POOL)
    os.environ[_POOL] = "1"
    try:
        jax.devices()
    finally:
        del os.environ[_POOL]
        if before is not None:
            os.environ[_POOL] = before
    return "1"


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute within on one thread of a CPU; accelerators are as they are."""
    start_jax()
    import scipy.linalg.cython_lapack  # noqa: F401 - what XLA calls, to be there when it is limited

    with threadpoolctl.threadpool_limits(limits=1):
        yield


def _started() -> bool:
    """Whether JAX has its devices already: then it refuses to be told how many."""
    devices = getattr(jax.config, _PROBE)
    try:
        jax.config.update(_PROBE, max(0, devices) + 1)
    except RuntimeError:
        return True
    jax.config.update(_PROBE, devices)
    return False
