"""What this machine has for workers, and the environment that makes one fast on its share of it."""

import importlib.util
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bestiary.store import machine_bytes

_CGROUP = Path("/sys/fs/cgroup/cpu.max")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker runs.

    Attributes:
        cores: The processor cores it is pinned to; none pins it nowhere.
        accelerator: The one accelerator it sees, as CUDA names it; empty on a CPU.
        memory_bytes: Its share of the machine's memory; 0 on an accelerator, which has its own.
    """

    cores: tuple[int, ...] = ()
    accelerator: str = ""
    memory_bytes: int = 0


def places(workers: int | None = None) -> list[Place]:
    """A place for each worker: an accelerator each where there are any, else a share of the cores.

    One process per core, each with one thread, was 21 to 25% faster on a CPU than one process with
    as many threads.

    Args:
        workers: How many; by default one per accelerator or core. Fewer than cores share them out.
    """
    found = accelerators()
    if found:
        return [Place(accelerator=found[k % len(found)]) for k in range(workers or len(found))]
    usable = cores()
    count = workers or len(usable)
    shares = [tuple(usable[k::count]) for k in range(count)]
    memory = machine_bytes() // count
    return [
        Place(cores=share or (usable[k % len(usable)],), memory_bytes=memory)
        for k, share in enumerate(shares)
    ]


def cores() -> list[int]:
    """The cores this process may use: its affinity, cut to the container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
    else:
        allowed = list(range(os.cpu_count() or 1))
    return allowed[: max(1, _quota(len(allowed)))]


def accelerators() -> list[str]:
    """The NVIDIA devices that JAX could use here, without starting JAX."""
    wanted = os.environ.get("JAX_PLATFORMS", "").split(",")[0]
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    if wanted == "cpu" or not any(importlib.util.find_spec(name) for name in plugins):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip()]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()


def environment(place: Place, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker, to be set before its process starts.

    Args:
        place: Where it runs.
        given: The driver's own environment; what it says about threads is overruled.
    """
    changed = dict(given)
    if place.accelerator:
        return changed | {"CUDA_VISIBLE_DEVICES": place.accelerator}
    # One, whatever the cores: their number would decide the last bits. Training sees to the same.
    for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        changed[name] = "1"
    changed.setdefault("JAX_PLATFORMS", "cpu")
    if place.memory_bytes:
        changed.setdefault("BESTIARY_MEMORY_BYTES", str(place.memory_bytes))
    # The temporary buffer is faulted in at every step; huge pages take 153 ms of it to 112.
    _append(changed, "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", ":")
    return changed


def _append(variables: dict[str, str], name: str, value: str, separator: str) -> None:
    """Add to a variable that is a list; a setting of the user's of the same name stays."""
    held = variables.get(name, "")
    if value.split("=")[0] not in held:
        variables[name] = separator.join(filter(None, [held, value]))


def _quota(otherwise: int) -> int:
    try:
        quota, period = _CGROUP.read_text().split()
        return otherwise if quota == "max" else int(quota) // int(period)
    except (OSError, ValueError):
        return otherwise
