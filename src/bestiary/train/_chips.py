"""Chips that a program can be compiled for where none is, and their published peaks."""

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import jax

from bestiary.errors import UserError, unknown
from bestiary.train._bundles import write_schedules


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One kind of accelerator, as its maker states it.

    Attributes:
        flops: Peak FLOP/s of bfloat16 products.
        bandwidth: Bytes a second of its memory.
        memory: Bytes of its memory.
        clock: Cycles a second, in which its compiler counts: the peak over what its matrix units
            do in a cycle.
    """

    flops: float
    bandwidth: float
    memory: int
    clock: float


# As docs.cloud.google.com/tpu/docs/ states them for v4, v5e, v5p and v6e.
CHIPS: dict[str, Chip] = {
    "v4": Chip(flops=275e12, bandwidth=1.2e12, memory=32 * 2**30, clock=1.05e9),
    "v5e": Chip(flops=197e12, bandwidth=0.82e12, memory=16 * 2**30, clock=1.5e9),
    "v5p": Chip(flops=459e12, bandwidth=2.765e12, memory=95 * 2**30, clock=1.75e9),
    "v6e": Chip(flops=918e12, bandwidth=1.64e12, memory=32 * 2**30, clock=1.75e9),
}
# What libtpu looks for on a machine that has a TPU, and complains about on one that has none.
_WITHOUT_TPU = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


def chip_of(topology: str) -> Chip:
    """The chip that `v5e:16x8` is made of.

    Raises:
        UserError: no such chip.
    """
    name = topology.partition(":")[0]
    if name not in CHIPS:
        raise unknown("chip", name, CHIPS)
    return CHIPS[name]


def topology_devices(topology: str) -> tuple[Any, ...]:
    """The devices of a topology, to compile for; none of them is there.

    Args:
        topology: A chip and how many stand where, for instance `v5e:16x8`.

    Raises:
        UserError: no such chip or topology, or the compiler is not installed.
    """
    chip_of(topology)
    if importlib.util.find_spec("libtpu") is None:
        raise UserError(
            "compiling for TPUs needs the package libtpu, which is not installed; "
            "pip install 'bestiary[tpu]'"
        )
    from jax.experimental import topologies

    for name, value in _WITHOUT_TPU.items():
        os.environ.setdefault(name, value)
    write_schedules()
    try:
        return tuple(topologies.get_topology_desc(topology, "tpu").devices)
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        first = str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ")
        raise UserError(f"no topology {topology!r}: {first}; for instance v5e:4x4") from None
