"""The accelerators of this machine, found without starting JAX, and how a process is given some."""

import importlib.util
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from bestiary.errors import UserError

_DEVICE_FILES = Path("/dev")
# How the chips of one process lie on a host, which libtpu wants to be told: x, y, z.
_CHIPS = {1: "1,1,1", 2: "1,2,1", 4: "2,2,1", 8: "2,4,1"}


class Accelerators(msgspec.Struct, frozen=True, kw_only=True):
    """The accelerators that this process may use.

    Attributes:
        kind: What drives them; empty where there are none.
        names: As their driver names them.
    """

    kind: Literal["", "cuda", "tpu"] = ""
    names: tuple[str, ...] = ()

    def groups(self, devices: int) -> list[tuple[str, ...]]:
        """All of them, so many together.

        Raises:
            UserError: they cannot be divided so.
        """
        there = len(self.names)
        if there % devices:
            raise UserError(
                f"the devices of a run must divide the {there} accelerators here, got {devices}; "
                f"take {_divisors(there)}"
            )
        if self.kind == "tpu" and devices not in _CHIPS and devices != there:
            raise UserError(
                f"a process has 1, 2, 4 or 8 chips of a TPU, or all {there}, got {devices}; take "
                "one of these"
            )
        return [self.names[first : first + devices] for first in range(0, there, devices)]

    def visible(self, names: Sequence[str]) -> dict[str, str]:
        """The environment variables that let a process see these alone."""
        if self.kind == "cuda":
            return {"CUDA_VISIBLE_DEVICES": ",".join(names)}
        if len(names) == len(self.names):
            return {}  # a whole host is as its own start-up has set it
        return {
            "TPU_VISIBLE_CHIPS": ",".join(names),
            "TPU_CHIPS_PER_PROCESS_BOUNDS": _CHIPS[len(names)],
            "TPU_PROCESS_BOUNDS": "1,1,1",
        }


def accelerators() -> Accelerators:
    """Those that JAX could use here: it has their plugin, and the machine has them."""
    if os.environ.get("JAX_PLATFORMS", "").split(",")[0] == "cpu":
        return Accelerators()
    for kind, plugins, variable, found in (
        ("cuda", ("jax_cuda12_plugin", "jax_cuda13_plugin"), "CUDA_VISIBLE_DEVICES", _cuda),
        ("tpu", ("libtpu",), "TPU_VISIBLE_CHIPS", _tpu),
    ):
        if any(importlib.util.find_spec(plugin) for plugin in plugins):
            stated = os.environ.get(variable)
            names = found() if stated is None else [one.strip() for one in stated.split(",")]
            if any(names):
                return Accelerators(kind=kind, names=tuple(filter(None, names)))  # type: ignore[arg-type]
    return Accelerators()


def _cuda() -> list[str]:
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


def _tpu() -> list[str]:
    """Numbered, as libtpu does: files of their own, or of VFIO for newer chips."""
    chips = list(_DEVICE_FILES.glob("accel[0-9]*")) or list(_DEVICE_FILES.glob("vfio/[0-9]*"))
    return [str(number) for number in range(len(chips))]


def _divisors(count: int) -> str:
    *others, last = (str(one) for one in range(1, count + 1) if count % one == 0)
    return f"{', '.join(others)} or {last}" if others else last
