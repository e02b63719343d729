"""A run over a mesh of devices: where its arrays lie. One device has no mesh, and no axis.

Parameters lie as the model divides them (`models.partition`), and so do gradients and what an
optimizer keeps of the same shape under the same name. Batches of blocks, which matrix optimizers
keep, are divided by whole blocks over all devices.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from bestiary import models
from bestiary.errors import UserError
from bestiary.specs import ModelSpec, Placement, RunSpec
from bestiary.train._threads import start_jax

# Parameters, gradients and two moments, float32.
_HELD_BYTES_PER_PARAMETER = 16
_AXES = Placement.__struct_fields__


@dataclass(frozen=True)
class Ground:
    """The devices of a placement, and how arrays lie on them.

    Attributes:
        placement: The mesh by its sizes.
        among: The devices to take; by default those of this process's backend.
    """

    placement: Placement
    among: tuple[Any, ...] = ()

    @cached_property
    def mesh(self) -> Mesh:
        """The mesh, of the first devices there are."""
        sizes = tuple(self.placement.sizes.values())
        devices = (self.among or tuple(jax.devices()))[: self.placement.devices]
        return Mesh(np.array(devices).reshape(sizes), _AXES, axis_types=(AxisType.Auto,) * 3)

    @property
    def whole(self) -> NamedSharding:
        """A copy on every device."""
        return self.lying(PartitionSpec())

    def lying(self, spec: PartitionSpec) -> NamedSharding:
        """On this mesh, divided so."""
        return NamedSharding(self.mesh, spec)

    def rows(self, axis: int) -> NamedSharding:
        """Divided like a batch along one axis."""
        return self.lying(PartitionSpec(*(None,) * axis, ("data", "shard")))

    def params(self, model: ModelSpec) -> Any:
        """Where the parameters of a model lie."""
        return jax.tree.map(self.lying, models.partition(model, self.placement))

    def state(self, model: ModelSpec, shapes: Any) -> Any:
        """Where the state of an optimizer lies.

        Args:
            model: The shape of the model.
            shapes: The state, as shapes.
        """
        divided = models.partition(model, self.placement)
        by_name = {_name(path): spec for path, spec in jax.tree.leaves_with_path(divided)}

        def lying(path: Any, leaf: Any) -> NamedSharding:
            own = by_name.get(_last_name(path))
            if own is not None and len(own) == len(leaf.shape):
                return self.lying(own if self._divides(own, leaf) else PartitionSpec())
            return self.lying(self._by_blocks(leaf.shape))

        return jax.tree.map_with_path(lying, shapes)

    def _divides(self, spec: PartitionSpec, leaf: Any) -> bool:
        """Whether an array of a parameter's name also has its shape, in what is divided."""
        sizes = self.placement.sizes
        pairs = zip(spec, leaf.shape, strict=True)
        return all(axis is None or size % sizes[axis] == 0 for axis, size in pairs)

    def _by_blocks(self, shape: Sequence[int]) -> PartitionSpec:
        """Whole blocks to every device where their number can be divided.

        Else, fully sharded, their columns, from where whole ones are exchanged as gradients are.
        """
        if len(shape) < 2:
            return PartitionSpec()
        if shape[0] % self.placement.devices == 0:
            return PartitionSpec(_AXES)
        sharded = self.placement.model == 1 and shape[-1] % self.placement.shard == 0
        return PartitionSpec(*(None,) * (len(shape) - 1), "shard" if sharded else None)


def as_stored(grads: Any, model: ModelSpec) -> Any:
    """Gradients, inside a traced step, where the parameters lie; unchanged on one device."""
    placement = models.ambient_placement()
    if placement.alone:
        return grads
    specs = models.partition(model, placement)
    return jax.tree.map(jax.lax.with_sharding_constraint, grads, specs)


def check_placement(runs: Sequence[RunSpec], placement: Placement) -> None:
    """Refuse what cannot be laid over this machine's devices.

    Raises:
        UserError: too few devices, a batch that they do not divide, or several runs at once.
    """
    if placement.alone and jax.process_count() == 1:
        return
    run, there = runs[0], jax.device_count()
    if jax.process_count() > 1 and placement.devices != there:
        raise UserError(
            f"several processes use all their {there} devices, got the mesh {placement} of "
            f"{placement.devices}; leave --devices out, or change the mesh"
        )
    if placement.devices > there:
        raise UserError(
            f"the mesh {placement} needs {placement.devices} devices, but there are {there}"
            f"{_virtual(placement.devices)}"
        )
    batch = run.batch_size // run.accumulation
    if batch % placement.batch_parts:
        raise UserError(
            f"data times shard must divide the sequences of a micro-batch, got {batch} for "
            f"{placement.batch_parts}; take a batch of {math.lcm(batch, placement.batch_parts)} "
            "sequences, less accumulation, or fewer devices"
        )
    if len(runs) > 1:
        raise UserError(
            f"several runs at once have one device, got {len(runs)} runs for {placement.devices}; "
            "train them one by one, or each on a device of its own"
        )


def chosen_placement(
    run: RunSpec, *, devices: int | None = None, stated: Placement | None = None
) -> Placement:
    """The mesh that a run is laid over; where only a number of devices is asked for, a choice.

    That is what `placement_of` says.

    Args:
        run: What is to be trained.
        devices: How many to take, 0 for all there are; by default those of `stated`, or one, of
            several processes all.
        stated: The mesh asked for.

    Raises:
        UserError: a mesh of another number of devices.
    """
    start_jax()
    if devices is None and stated is None and jax.process_count() > 1:
        devices = 0
    count = jax.device_count() if devices == 0 else devices
    if stated is not None:
        if count not in (None, stated.devices):
            raise UserError(
                f"the mesh {stated} has {stated.devices} devices, got --devices {count}; "
                "leave --devices out, or change the mesh"
            )
        return stated
    return placement_of(run.model, run.batch_size // run.accumulation, count or 1, _device_bytes())


def placement_of(model: ModelSpec, batch: int, devices: int, memory: int | None) -> Placement:
    """A good mesh: data-parallel where that takes half of a device's memory, else fully sharded.

    Devices beyond what the batch can be divided by divide the matrices.

    Args:
        model: The shape of the model.
        batch: Sequences of a micro-batch.
        devices: How many there are.
        memory: Bytes of one; None for CPUs.
    """
    parts = math.gcd(batch, devices)
    held = 2 * _HELD_BYTES_PER_PARAMETER * model.parameters
    axis = "data" if memory is None or held <= memory else "shard"
    return Placement(**{axis: parts, "model": devices // parts})


def _device_bytes() -> int | None:
    """The memory of one device; None for a CPU, whose devices share theirs."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return statistics.get("bytes_limit")


def _virtual(devices: int) -> str:
    if jax.default_backend() != "cpu":
        return ""
    return f"; XLA_FLAGS=--xla_force_host_platform_device_count={devices} divides a CPU, for tests"


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _last_name(path: Any) -> str:
    return _name(path[-1:])
