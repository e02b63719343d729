"""What this machine has for workers, and the environment that makes one fast on its share of it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bestiary.errors import UserError
from bestiary.store import accelerators, machine_bytes

_CGROUP = Path("/sys/fs/cgroup/cpu.max")
# A CPU that XLA divides, so that runs over several devices can be tried without any.
_VIRTUAL = re.compile(r"--xla_force_host_platform_device_count=(\d+)")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a worker runs.

    Attributes:
        cores: The processor cores it is pinned to; none pins it nowhere.
        accelerators: Those it sees, as their driver names them; none on a CPU.
        visible: The environment variables that let it see these alone.
        memory_bytes: Its share of the machine's memory; 0 on an accelerator, which has its own.
    """

    cores: tuple[int, ...] = ()
    accelerators: tuple[str, ...] = ()
    visible: dict[str, str] = {}
    memory_bytes: int = 0


def places(workers: int | None = None, devices: int = 1) -> list[Place]:
    """A place for each worker: its accelerators where there are any, else a share of the cores.

    One process per core, each with one thread, was 21 to 25% faster on a CPU than one process with
    as many threads.

    Args:
        workers: How many; by default one per core, or per group of accelerators. Fewer than cores
            share them out.
        devices: Of each run: accelerators, or parts of a CPU that XLA divides.

    Raises:
        UserError: there are no such devices.
    """
    found = accelerators()
    if found.names:
        groups = found.groups(devices)
        seen = [groups[k % len(groups)] for k in range(workers or len(groups))]
        return [Place(accelerators=names, visible=found.visible(names)) for names in seen]
    _check_virtual(devices)
    usable = cores()
    count = workers or len(usable)
    shares = [tuple(usable[k::count]) for k in range(count)]
    memory = machine_bytes() // count
    return [
        Place(cores=share or (usable[k % len(usable)],), memory_bytes=memory)
        for k, share in enumerate(shares)
    ]


def _check_virtual(devices: int) -> None:
    divided = _VIRTUAL.search(os.environ.get("XLA_FLAGS", ""))
    there = int(divided[1]) if divided else 1
    if devices > there:
        raise UserError(
            f"each run is to have {devices} devices, but there is no accelerator here that JAX "
            f"could use, and a CPU is {there}; leave --devices out, or divide the CPU, for trying "
            f"it, by XLA_FLAGS=--xla_force_host_platform_device_count={devices}"
        )


def cores() -> list[int]:
    """The cores this process may use: its affinity, cut to the container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
    else:
        allowed = list(range(os.cpu_count() or 1))
    return allowed[: max(1, _quota(len(allowed)))]


def environment(place: Place, given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker, to be set before its process starts.

    Args:
        place: Where it runs.
        given: The driver's own environment; what it says about threads is overruled.
    """
    changed = dict(given)
    if place.accelerators:
        return changed | place.visible
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
