"""A training step, compiled for chips that need not be there: does it fit, and how long is it?

It can also be compiled in two parts, which several steps share: the gradient is the same for every
optimizer. A step takes the sum of their times, and the memory of the larger.
"""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jax
import msgspec

from bestiary import models
from bestiary.errors import UserError
from bestiary.specs import ModelSpec, Placement, RunSpec, recomputes
from bestiary.train._bundles import bundles
from bestiary.train._chips import Chip, chip_of, topology_devices
from bestiary.train._collectives import Collective, collectives
from bestiary.train._cycles import cycles
from bestiary.train._kernels import named
from bestiary.train._mesh import Ground, placement_of
from bestiary.train._parts import compiled_gradient, compiled_optimizer, compiled_step, held, lying
from bestiary.train._step import Recipe, recipe

# The compiler keeps a part of the memory for itself: 0.25 of 16 GiB on v5e.
_USABLE = 1 - 1 / 64
_EXCEEDED = re.compile(r"Used ([0-9.]+)([MG]) of ([0-9.]+)([MG]) hbm")
_UNITS = {"M": 2**20, "G": 2**30}
# What a gradient leaves room for besides itself: two float32 moments of every parameter.
_STATE_BYTES = 8

Part = Literal["step", "gradient", "optimizer"]
_PROGRAMS: dict[str, Callable[[Recipe, Ground], Any]] = {
    "step": compiled_step,
    "gradient": compiled_gradient,
    "optimizer": compiled_optimizer,
}


@dataclass(frozen=True, kw_only=True)
class CompiledStep:
    """What the compiler says of one training step, or a part of it, on every chip of a topology.

    Attributes:
        part: Of what.
        topology: The chips.
        placement: The mesh that the run is laid over.
        accumulation: Micro-batches of a step.
        kernels: What computes it, by what it does.
        recomputed: Whether the backward pass computes activations of layers again.
        fits: Whether it compiles within the memory of a chip; of a gradient, beside two moments.
        memory: Bytes of a chip.
        needed: Bytes that it takes, of a chip.
        held: The same by kind; empty where it does not fit.
        flops: Model FLOPs of a step, of a chip.
        seconds: The compiler's own estimate of a step: cycles of its kernels, those in loops as
            often as they run, without waiting for other chips.
        optimizer_seconds: The same of the optimizer's part, compiled alone; 0 in a gradient.
        least_seconds: The same of an optimizer in a step that refreshes nothing: of branches the
            shortest.
        share: The FLOPs over what a chip's peak would do in that time.
        spoken: The collectives.
        compile_seconds: What compiling took here.
    """

    part: Part
    topology: str
    placement: str
    accumulation: int
    kernels: dict[str, str]
    recomputed: bool
    fits: bool
    memory: int
    needed: int
    held: dict[str, int] = field(default_factory=dict)
    flops: float = 0.0
    seconds: float = 0.0
    optimizer_seconds: float = 0.0
    least_seconds: float = 0.0
    share: float = 0.0
    spoken: tuple[Collective, ...] = ()
    compile_seconds: float = 0.0


def compiled_for(
    run: RunSpec,
    topology: str,
    *,
    stated: Placement | None = None,
    attention: str = "",
    part: Part = "step",
    told: Callable[[str], None] = lambda line: None,
) -> CompiledStep:
    """Compile the step of a run for a topology, with as few micro-batches as fit.

    Args:
        run: What would be trained; an accumulation above 1 is taken as it is.
        topology: For instance `v5e:16x8`.
        stated: The mesh; by default a choice.
        attention: The form of attention; by default the chip's own.
        part: The whole step, its gradient alone, or its optimizer alone.
        told: Told before each compilation, which takes minutes.

    Raises:
        UserError: no such topology or attention, no compiler, a mesh of another number of devices,
            or a batch that it does not divide.
    """
    devices, chip = topology_devices(topology), chip_of(topology)
    placement = stated or placement_of(run.model, run.batch_size, len(devices), chip.memory)
    if placement.devices != len(devices):
        raise UserError(
            f"the mesh {placement} has {placement.devices} devices, but {topology} has "
            f"{len(devices)}; change one of them"
        )
    if run.batch_size % placement.batch_parts:
        raise UserError(
            f"data times shard must divide the batch, got {run.batch_size} sequences for "
            f"{placement.batch_parts}; name a mesh with a model axis, or another batch"
        )
    ground = Ground(placement, devices)
    kernels = models.kernels_for(run.model, run.compute_dtype, devices[0], attention)
    tried = [1] if part == "optimizer" else _accumulations(run, placement, chip)
    for accumulation in tried:
        told(f"compiling {_what(part, run.batch_size // accumulation)} for {topology}")
        of = recipe(in_micro_batches(run, accumulation), kernels=kernels)
        found = _attempt(of, ground, topology, chip, part)
        if found.fits:
            return found
    return found


def _what(part: Part, sequences: int) -> str:
    return "the optimizer" if part == "optimizer" else f"{sequences} sequences at once"


def in_micro_batches(run: RunSpec, accumulation: int) -> RunSpec:
    """The run in so many micro-batches."""
    return msgspec.structs.replace(run, accumulation=accumulation)


def _accumulations(run: RunSpec, placement: Placement, chip: Chip) -> list[int]:
    """The micro-batches to try: from what may fit to one sequence a device."""
    if run.accumulation > 1:
        return [run.accumulation]
    most = run.batch_size // placement.batch_parts
    every = [count for count in range(1, most + 1) if most % count == 0]
    room = chip.memory - 16 * run.model.parameters / _shares(placement)
    return [one for one in every if _activations(run.model, most // one) < room] or every[-1:]


def _activations(model: ModelSpec, sequences: int) -> int:
    """About what the activations of a chip take: of all layers, one layer, and a tile of logits."""
    tokens = sequences * model.context
    wide = 10 * model.hidden + 4 * model.intermediate
    scores = 2 * model.heads * sequences * model.context**2 // 8
    return 2 * tokens * (model.hidden * model.layers + wide) + 4 * scores + 2**30


def _attempt(of: Recipe, ground: Ground, topology: str, chip: Chip, part: Part) -> CompiledStep:
    began = time.monotonic()
    blank = _blank(of, ground.placement, topology, chip, part)
    try:
        program = _PROGRAMS[part](of, ground)
    except jax.errors.JaxRuntimeError as error:
        if not (found := _EXCEEDED.search(str(error))):
            raise
        return replace(blank, needed=int(float(found[1]) * _UNITS[found[2]]))
    by_kind = _held(program, of, ground, part)
    moments = _STATE_BYTES * of.model.parameters / _shares(ground.placement)
    reserved = int(moments) if part == "gradient" else 0
    needed, text = sum(by_kind.values()), program.as_text()
    # A step that was compiled fits: else the compiler refuses it.
    fits = part == "step" or needed + reserved <= blank.memory
    tokens = 0 if part == "optimizer" else of.batch_size * of.model.context
    flops = tokens * of.model.flops_per_token / len(ground.among)
    seconds = cycles(text, _of_attention(of, ground.placement)) / chip.clock
    longest, shortest = _of_optimizer(of, ground, chip, part, text)
    return replace(
        blank,
        fits=fits,
        needed=needed if fits else needed + reserved,
        held=by_kind,
        flops=flops,
        seconds=seconds,
        optimizer_seconds=longest,
        least_seconds=shortest,
        share=flops / (seconds * chip.flops) if seconds else math.nan,
        spoken=tuple(collectives(text)),
        compile_seconds=time.monotonic() - began,
    )


def _blank(of: Recipe, placement: Placement, topology: str, chip: Chip, part: Part) -> CompiledStep:
    """What is known before anything is compiled."""
    rows = of.batch_size // of.micro_batches // placement.batch_parts
    itemsize = jax.numpy.dtype(of.compute_dtype).itemsize
    return CompiledStep(
        part=part,
        topology=topology,
        placement=str(placement),
        accumulation=of.micro_batches,
        kernels=named(of.kernels),
        recomputed=recomputes(of.model, rows * of.model.context, itemsize),
        fits=False,
        memory=int(_USABLE * chip.memory),
        needed=0,
    )


def _shares(placement: Placement) -> int:
    """Into how many parts a mesh divides parameters."""
    return placement.shard * placement.model


def _of_optimizer(
    of: Recipe, ground: Ground, chip: Chip, part: Part, text: str
) -> tuple[float, float]:
    """The seconds of the optimizer's part, compiled alone, with and without what it refreshes."""
    if part == "gradient":
        return 0.0, 0.0
    if part == "step":
        text = compiled_optimizer(of, ground).as_text()
    kernels = bundles()
    longest, shortest = (cycles(text, kernels, of_branches=which) for which in (max, min))
    return longest / chip.clock, shortest / chip.clock


def _of_attention(of: Recipe, placement: Placement) -> dict[str, int]:
    """The cycles of attention's kernels on one chip, for one layer and micro-batch."""
    sequences = of.batch_size // of.micro_batches // placement.batch_parts
    divided = of.model.key_value_heads % placement.model == 0
    heads = of.model.heads // placement.model if divided else of.model.heads
    blocks = sequences * heads * models.visible_blocks(of.model.context)
    return {name: count * blocks for name, count in bundles().items()}


def _held(program: Any, of: Recipe, ground: Ground, part: Part) -> dict[str, int]:
    """Bytes of a chip by kind."""
    params, state = (
        sum(map(_bytes, jax.tree.leaves(shapes), jax.tree.leaves(places)))
        for shapes, places in zip(held(of), lying(of, ground), strict=True)
    )
    memory = program.memory_analysis()
    state = 0 if part == "gradient" else state
    # Gradients lie like the parameters: inside of a step, else before or after its part.
    grads = 0 if part == "step" else params
    return {
        "parameters": params,
        "optimizer state": state,
        "gradients, activations and work": memory.temp_size_in_bytes + grads,
        "batch, results and program": memory.argument_size_in_bytes
        - params
        - state
        - grads
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.generated_code_size_in_bytes,
    }


def _bytes(leaf: Any, place: Any) -> int:
    """Bytes of an array's share on one device."""
    return math.prod(place.shard_shape(leaf.shape)) * leaf.dtype.itemsize
