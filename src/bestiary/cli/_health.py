"""The checks of `bestiary doctor`. Each looks at one thing and never raises."""

import functools
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, get_args

from bestiary.cli._corpora import cache_folder
from bestiary.specs import ComputeDtype, Spec, quantity

State = Literal["ok", "warn", "fail"]
PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scipy", "orbax-checkpoint", "msgspec", "plotly")
NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse.sshfs", "lustre", "gpfs", "afs", "9p")
LEAST_FREE_BYTES = 2e9
# SQLite's write-ahead log could lose commits when it was reset, until this version.
SQLITE_WAL_SAFE = (3, 51, 3)


class Finding(Spec, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        name: What was looked at.
        state: `ok`; `warn`, a study runs but something suffers; `fail`, it cannot run.
        detail: What was seen, and the cure where it is not ok.
    """

    name: str
    state: State
    detail: str


def _check(name: str) -> Callable[[Callable[[], tuple[State, str]]], Callable[[], Finding]]:
    """Turn what a check returns, or the exception it meets, into a finding."""

    def wrap(look: Callable[[], tuple[State, str]]) -> Callable[[], Finding]:
        @functools.wraps(look)
        def check() -> Finding:
            try:
                state, detail = look()
            except Exception as error:  # a check reports whatever is broken
                state, detail = "fail", f"{type(error).__name__}: {error}".split("\n")[0]
            return Finding(name=name, state=state, detail=detail)

        return check

    return wrap


@_check("python")
def python() -> tuple[State, str]:
    """The interpreter is one that is supported."""
    detail = f"{platform.python_version()} on {platform.platform()}"
    return ("ok", detail) if sys.version_info >= (3, 11) else ("fail", f"{detail}; use 3.11 or up")


@_check("packages")
def packages() -> tuple[State, str]:
    """Everything that is imported is installed."""
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return "fail", f"not installed: {', '.join(missing)}; install bestiary again"
    return "ok", ", ".join(found)


@_check("devices")
def devices() -> tuple[State, str]:
    """JAX sees a device and computes on it."""
    import jax
    import jax.numpy as jnp

    from bestiary.launch import cores
    from bestiary.train import start_jax

    start_jax()
    kinds = [f"{device.platform} {device.device_kind}" for device in jax.devices()]
    if float(jnp.ones(8).sum()) != 8.0:
        return "fail", f"{kinds[0]} cannot add; check its driver"
    return "ok", f"{len(kinds)} x {kinds[0]}, {len(cores())} cores"


@_check("kernels")
def kernels() -> tuple[State, str]:
    """What trains 130m on this device, for either type of activations."""
    from bestiary.specs import SIZES
    from bestiary.train import kernels_here

    by_dtype = {dtype: kernels_here(SIZES["130m"], dtype) for dtype in get_args(ComputeDtype)}
    told = [
        f"{what} {found}" + ("" if len(dtypes) == len(by_dtype) else f" in {dtypes[0]}")
        for what in by_dtype["float32"]
        for found, dtypes in _which(what, by_dtype).items()
    ]
    return "ok", ", ".join(told)


def _which(what: str, by_dtype: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    """The types by the kernel that they have."""
    found: dict[str, list[str]] = {}
    for dtype, kernels in by_dtype.items():
        found.setdefault(kernels[what], []).append(dtype)
    return found


@_check("cache")
def cache() -> tuple[State, str]:
    """The cache of corpora and compiled programs can be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return "fail", f"{folder}: {error.strerror}; set BESTIARY_CACHE to a folder of yours"
    return "ok", str(folder)


@_check("durable files")
def durable_files() -> tuple[State, str]:
    """Writing, fsync and rename work here, which a crash-proof store needs."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bestiary-doctor-") as name:
        first, second = Path(name) / "first", Path(name) / "second"
        with first.open("wb") as file:
            file.write(b"bestiary")
            file.flush()
            os.fsync(file.fileno())
        first.replace(second)
        if second.read_bytes() != b"bestiary":
            return "fail", "a renamed file lost its content; use another disk"
    return "ok", f"fsync and rename work in {Path.cwd()}"


@_check("file system")
def file_system() -> tuple[State, str]:
    """SQLite's locks do not hold on most network file systems."""
    kind = file_system_of(Path.cwd(), Path("/proc/mounts"))
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        return "warn", f"{kind}: locks are unreliable here; keep study folders on a local disk"
    return "ok", kind or "unknown kind"


def file_system_of(path: Path, mounts: Path) -> str:
    """The kind of file system of a path, from a table of mounts; empty where it is not known."""
    try:
        rows = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    over = [(row[1], row[2]) for row in rows if len(row) > 2 and path.is_relative_to(row[1])]
    return max(over, key=lambda pair: len(pair[0]), default=("", ""))[1]


@_check("free disk")
def free_disk() -> tuple[State, str]:
    """There is room for checkpoints and metrics."""
    from bestiary.launch import LocalExecutor
    from bestiary.train import checkpoint_bytes

    free = shutil.disk_usage(".").free
    workers = LocalExecutor(cache_folder()).slots
    largest = quantity(free / workers / checkpoint_bytes(1))
    detail = (
        f"{free / 1e9:.1f} GB free here: checkpoints of {workers} runs at once of at most "
        f"{largest} parameters each"
    )
    if free < LEAST_FREE_BYTES:
        return "warn", f"{detail}; checkpoints may not fit, free some or use another folder"
    return "ok", detail


@_check("sqlite")
def sqlite() -> tuple[State, str]:
    """The version decides which journal the store may use."""
    detail = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < SQLITE_WAL_SAFE:
        return "ok", f"{detail}, with the rollback journal (write-ahead log is safe from 3.51.3)"
    return "ok", detail


@_check("determinism")
def determinism() -> tuple[State, str]:
    """Three steps of training, twice, give the same bits."""
    from bestiary.cli._twice import losses_twice

    first, second = losses_twice()
    if first != second:
        return "fail", f"two equal trainings differ: {first} and {second}"
    return "ok", "three steps of training, twice: the same bits"


@_check("browser")
def browser() -> tuple[State, str]:
    """Reports open in any browser; the tests need one without a window."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return "ok", found
    return "warn", "no Chromium: reports are written all the same, their browser test is skipped"


CHECKS = (
    python,
    packages,
    devices,
    kernels,
    cache,
    durable_files,
    file_system,
    free_disk,
    sqlite,
    determinism,
    browser,
)
