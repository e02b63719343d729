"""What a reader of a result needs to judge its times: versions, machine, device, commit."""

import hashlib
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jax

import bestiary
from bestiary import models
from bestiary.specs import LOAD, MACHINE_CORES
from bestiary.store import code_digest
from bestiary.train._threads import start_jax

_DIGITS = 12
# What holds of a run's last bits, by backend; `moved` says where the kind of machine has changed.
_BITS = {
    "cpu": "the same on every machine of this kind, however the run was stopped and gone on with",
    "gpu": "no promise: on an H200 the same in one process, but not in another",
    "tpu": "no promise: not tested on a TPU",
}


@cache
def environment() -> dict[str, str]:
    """Versions of what computes, the machine, the device, and the commit where there is one."""
    threads = start_jax()
    device = jax.devices()[0]
    found = {
        "bestiary": version("bestiary"),
        "code": code_digest(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("jax", "jaxlib", "optax", "numpy", "scipy")},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(_cores()),
        "backend": device.platform,
        "device": device.device_kind,
        "devices": str(jax.device_count()),
        "threads": threads,
        "bits": _BITS.get(device.platform, f"no promise: not tested on {device.platform}"),
    }
    if device.platform == "cpu":
        found["products"] = models.products_of_a_cpu()
    for name in ("XLA_FLAGS", "GLIBC_TUNABLES"):
        if os.environ.get(name):
            found[name] = os.environ[name]
    commit = _commit(Path(bestiary.__file__))
    if not commit:
        return found
    changes = _changes(Path(bestiary.__file__).parent) if commit.endswith("+") else ""
    return {**found, "commit": commit, **({"changes": changes} if changes else {})}


def load() -> dict[str, str]:
    """What else runs on this machine now, where the system says: its load, and its cores."""
    if not hasattr(os, "getloadavg"):
        return {}
    return {LOAD: f"{os.getloadavg()[0]:.2f}", MACHINE_CORES: str(os.cpu_count() or 1)}


def _cores() -> int:
    """Cores this process may use, which a worker pinned to one core reports as one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _changes(folder: Path) -> str:
    """The first digits of the sha256 of what differs from the commit, as `git diff` says it."""
    command = ["git", "-C", str(folder), "diff", "HEAD", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return hashlib.sha256(done.stdout).hexdigest()[:_DIGITS] if done.stdout else ""


def _commit(file: Path) -> str:
    """The commit of the source tree that is running, with `+` where tracked files differ."""
    git = ["git", "-C", str(file.parent)]
    # The second command alone would name a stranger's repository around an installed package.
    tracked = [*git, "ls-files", "--error-unmatch", file.name]
    describe = [*git, "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    try:
        for command in (tracked, describe):
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
