"""`bestiary compile`: a training step for chips that are not here."""

import sys
from dataclasses import asdict
from typing import Annotated, Any, Literal

from msgspec import Meta

from bestiary.cli._flags import Repeated, Switch
from bestiary.cli._listing import console, print_json
from bestiary.cli._train import Flags as TrainFlags
from bestiary.cli._train import Shape, model_of, planned_run
from bestiary.errors import UserError
from bestiary.specs import ComputeDtype, DataSpec, Spec, placement_from

Part = Literal["step", "gradient", "optimizer"]
Sequences = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Flags(Spec, frozen=True, kw_only=True):
    """Compile a training step for chips that need not be here.

    Attributes:
        size: A named size (`bestiary sizes`).
        optimizer: An optimizer (`bestiary optimizers`).
        set: A hyperparameter as name=value; may be given several times.
        topology: A kind of TPU and how many stand where, as in v5e:16x8 or v5p:2x2x1.
        batch_size: Sequences per step.
        accumulation: Micro-batches per step; 1 takes as few as fit.
        mesh: How to lay the run over the chips, as in shard=64,model=2; by default a choice.
        dtype: Type of activations and matrix products.
        attention: The form of attention; by default the chip's own.
        part: The whole step, its gradient alone, which optimizers share, or its optimizer alone.
        json: Print JSON.
        shape: What differs from the named size.
    """

    size: str = "130m"
    optimizer: str = "adamw"
    set: Repeated = ()
    topology: str = "v5e:2x2"
    batch_size: Sequences = 128
    accumulation: Sequences = 1
    mesh: str = ""
    dtype: ComputeDtype = "bfloat16"
    attention: str = ""
    part: Part = "step"
    json: Switch = False
    shape: Shape = Shape()


def run(flags: Flags) -> int:
    """Compile and say what came of it; 1 where it does not fit."""
    model = model_of(flags.size, flags.shape)
    stated = placement_from(flags.mesh) if flags.mesh else None
    training = TrainFlags(
        size=flags.size,
        optimizer=flags.optimizer,
        set=flags.set,
        batch_size=flags.batch_size,
        accumulation=flags.accumulation,
        dtype=flags.dtype,
        shape=flags.shape,
    )
    spec = planned_run(training, model, DataSpec(name="", digest="0" * 64))
    _on_cpu()
    from bestiary.train import compiled_for

    found = compiled_for(
        spec,
        flags.topology,
        stated=stated,
        attention=flags.attention,
        part=flags.part,
        told=_tell,
    )
    record = asdict(found)
    record["spoken"] = _by_kind(record["spoken"])
    if flags.json:
        print_json(record)
    else:
        console().print(_text(flags, record), highlight=False, markup=False)
    return 0 if found.fits else 1


def _on_cpu() -> None:
    """The compiler is a plugin; JAX itself is to look for no accelerator."""
    import jax

    try:
        jax.config.update("jax_platforms", "cpu")
    except RuntimeError:
        raise UserError("JAX was started before; start the command alone") from None


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _by_kind(spoken: Any) -> dict[str, dict[str, float]]:
    """Count and bytes of the collectives by kind; one in a loop counts once."""
    found: dict[str, dict[str, float]] = {}
    for one in spoken:
        name = one["kind"] + (" in a loop" if one["looped"] else "")
        row = found.setdefault(name, {"count": 0, "megabytes": 0.0})
        row["count"] += 1
        row["megabytes"] += one["bytes"] / 1e6
    return found


def _text(flags: Flags, record: dict[str, Any]) -> str:
    head = _head(flags, record)
    needed, memory = record["needed"] / 1e9, record["memory"] / 1e9
    if not record["fits"]:
        beside = " beside two moments" * (flags.part == "gradient")
        return (
            f"{head}\ndoes not fit{beside}: {needed:.2f} GB a chip, {needed - memory:.2f} GB more "
            f"than there are; more chips, --mesh shard=N or a model axis would divide it further"
        )
    kinds = "\n".join(f"  {size / 1e9:8.3f} GB {kind}" for kind, size in record["held"].items())
    spoken = "\n".join(
        f"  {row['count']} {kind}, {row['megabytes']:.1f} MB"
        for kind, row in record["spoken"].items()
    )
    return (
        f"{head}\nfits: {needed:.2f} of {memory:.2f} GB a chip\n{kinds}\n{_times(record)}\n"
        f"collectives, bytes on each chip (in a loop: of one pass)\n{spoken or '  none'}\n"
        f"compiled in {record['compile_seconds']:.0f} s; nothing ran"
    )


def _head(flags: Flags, record: dict[str, Any]) -> str:
    """What was compiled."""
    what = {"step": "", "gradient": "the gradient of ", "optimizer": "the optimizer of "}
    head = (
        f"{what[flags.part]}{flags.size}, {flags.optimizer}, {flags.batch_size} sequences over "
        f"{record['topology']}\nmesh {record['placement']}"
    )
    if flags.part == "optimizer":
        return head
    micro = flags.batch_size // record["accumulation"]
    again = "layers computed again" if record["recomputed"] else "activations kept"
    kernels = ", ".join(f"{what} {name}" for what, name in record["kernels"].items())
    return f"{head}, {record['accumulation']} micro-batches of {micro}, {again}\n{kernels}"


def _times(record: dict[str, Any]) -> str:
    """The compiler's estimate, of the whole and of the optimizer."""
    alone = f"{record['optimizer_seconds']:.4f} s"
    if record["part"] == "optimizer":
        return f"the compiler estimates {alone} of kernels, not counting waits for other chips"
    told = (
        f"{record['flops']:.3g} model FLOPs a chip and step; the compiler estimates "
        f"{record['seconds']:.3f} s of kernels, {100 * record['share']:.1f}% of peak, "
        f"not counting waits for other chips"
    )
    if record["part"] == "gradient":
        return told
    part = 100 * record["optimizer_seconds"] / record["seconds"]
    return f"{told}\nthe optimizer compiled alone: {alone}, {part:.1f}% of the step"
