"""`bestiary train`: one training, from flags or a TOML file."""

from pathlib import Path
from typing import Literal

import msgspec

from bestiary.cli._flags import Repeated, Switch, settings_from
from bestiary.cli._listing import console, print_json
from bestiary.errors import UserError, unknown
from bestiary.specs import (
    NATS,
    SIZES,
    SPLITS,
    ComputeDtype,
    Count,
    CountOrNone,
    DataSpec,
    Fraction,
    ModelSpec,
    Natural,
    Placement,
    Positive,
    RunResult,
    RunSpec,
    ScheduleKind,
    ScheduleSpec,
    Spec,
    checked,
    placement_from,
    quantity,
    run_id,
)
from bestiary.store import RemoteFolder, is_remote


class Shape(Spec, frozen=True, kw_only=True):
    """What differs from the named size; 0 takes the size's own value.

    Attributes:
        layers: Transformer blocks.
        hidden: Residual width; brings an MLP of 4 times that and heads of 64 along.
        intermediate: Width of the gated MLP.
        heads: Query heads.
        key_value_heads: Key and value heads.
        context: Tokens of a sequence.
        vocabulary: Token ids; by default those of the tokenizer.
        tied: Share one table between the embedding and the head.
    """

    layers: CountOrNone = 0
    hidden: CountOrNone = 0
    intermediate: CountOrNone = 0
    heads: CountOrNone = 0
    key_value_heads: CountOrNone = 0
    context: CountOrNone = 0
    vocabulary: CountOrNone = 0
    tied: Switch = False


class Flags(Spec, frozen=True, kw_only=True):
    """Train one model.

    Attributes:
        config: A TOML file with any of these options; options on the command line win.
        size: A named size (`bestiary sizes`).
        optimizer: An optimizer (`bestiary optimizers`).
        preset: Named settings of it, the variants of other implementations, such as `jordan` or
            `moonshot` of muon (`bestiary optimizers show muon`); `--set` goes over them.
        set: A hyperparameter as name=value; may be given several times.
        data: `stdlib` (the default), or a file or folder of .txt, .jsonl, .parquet or .bin; with
            its settings, as in `docs,field=body,weight=3.8` (or bytes_per_token, of .bin), or
            `wiki,for=validation`; here, or elsewhere as `s3://bucket/docs` (docs/own-data.md). May
            be given several times, for a mixture.
        tokenizer: `byte`, or the path of a tokenizer.json.
        ratio: Tokens over 20 N, the data-to-model ratio.
        steps: Optimizer steps; 0 follows from the ratio.
        batch_size: Sequences per step.
        accumulation: Micro-batches per step.
        seed: Decides initialisation and data order.
        schedule: Of the learning rate; `own` is the optimizer's.
        warmup: Share of the steps in which the rate rises; by default the optimizer's habit.
        decay: Share of the steps in which a wsd rate falls; by default the optimizer's.
        evaluations: Evaluations over the run, the final one included.
        dtype: Type of activations and matrix products.
        devices: Devices to lay the run over, 0 for all there are; how is up to the machine.
        mesh: How to lay it over them, as in data=8,model=2: `data` divides the batch, `shard` also
            parameters and optimizer state, `model` the matrices. No part of the run's identity.
        coordinator: HOST:PORT of the first process, for a run over several hosts: the same command
            on each, with its own `--process`, in a folder that all see.
        processes: How many processes there are.
        process: Which of them this is, from 0.
        attention: The form of attention: splash of TPUs, cudnn of GPUs, or chunked, which every
            device has; by default the device's own. No part of the run's identity.
        out: Folder of metrics, checkpoint and result; by default one named for the run.
        mirror: A folder elsewhere, as `s3://bucket/run`, to which every checkpoint is copied, and
            from which the run goes on where the folder here is behind or lost.
        json: Print the result as JSON.
        shape: What differs from the named size.
    """

    config: str = ""
    size: str = "65k"
    optimizer: str = "adamw"
    preset: str = ""
    set: Repeated = ()
    data: Repeated = ()
    tokenizer: str = "byte"
    ratio: Positive = 1.0
    steps: CountOrNone = 0
    batch_size: Count = 16
    accumulation: Count = 1
    seed: Natural = 0
    schedule: Literal["own", ScheduleKind] = "own"
    warmup: Fraction | None = None
    decay: Fraction | None = None
    evaluations: Count = 8
    dtype: ComputeDtype = "float32"
    devices: CountOrNone | None = None
    mesh: str = ""
    coordinator: str = ""
    processes: Natural = 0
    process: Natural = 0
    attention: str = ""
    out: str = ""
    mirror: str = ""
    json: Switch = False
    shape: Shape = Shape()


def run(flags: Flags) -> None:
    """Train, or print the result that is already there."""
    from bestiary.cli._corpora import here, prepared
    from bestiary.cli._one_run import go_on
    from bestiary.cli._run_mirror import RunMirror
    from bestiary.train import leads

    _check_mirror(flags)
    flags = msgspec.structs.replace(flags, data=here(flags.data))
    model = model_of(flags.size, with_vocabulary(flags))
    _join(flags)
    placement = refuse_early(flags, model)
    corpus = prepared(flags.data, tokenizer=flags.tokenizer, vocabulary=model.vocabulary)
    spec = planned_run(flags, model, corpus.spec)
    folder = Path(flags.out or f"bestiary-train/{spec.optimizer.name}-{run_id(spec)[:12]}")
    if not flags.json and leads():
        epochs = corpus.epochs(spec.tokens)
        console().print(_introduction(spec, epochs, folder), highlight=False, markup=False)
        if told := told_of_start_at(flags, spec):
            console().print(told, highlight=False, markup=False)
    mirror = RunMirror(flags.mirror, folder) if flags.mirror else None
    result = go_on(spec, corpus, folder, placement, flags.attention, mirror)
    if not leads():
        return
    if flags.json:
        print_json({"folder": str(folder), "result": msgspec.to_builtins(result)})
    else:
        console().print(_conclusion(spec, result), highlight=False, markup=False)


def _check_mirror(flags: Flags) -> None:
    if flags.mirror and not is_remote(flags.mirror):
        raise UserError(f"--mirror takes an address such as s3://bucket/run, got {flags.mirror!r}")
    if flags.mirror and flags.coordinator:
        raise UserError("--mirror is for a run of one process; leave it out, all see one folder")
    if flags.mirror:
        RemoteFolder(flags.mirror).check_writable()  # before any text is read


def _join(flags: Flags) -> None:
    """Join the other processes, where there are some.

    Raises:
        UserError: the flags do not say which, or they cannot be joined.
    """
    from bestiary.train import join_peers

    if flags.coordinator:
        join_peers(flags.coordinator, flags.processes, flags.process)
    elif flags.processes or flags.process:
        raise UserError(
            "--processes and --process are for several processes, which --coordinator HOST:PORT "
            "joins; state it, or leave them out"
        )


def refuse_early(flags: Flags, model: ModelSpec) -> Placement:
    """Refuse mistakes before any text is read: the run on a corpus that nobody has.

    Returns:
        The mesh of devices that the flags ask for.

    Raises:
        UserError: the run cannot be, or its folder.
    """
    from bestiary.train import check_run, chosen_kernels, chosen_placement

    run = planned_run(flags, model, DataSpec(name="", digest="0" * 64))
    stated = placement_from(flags.mesh) if flags.mesh else None
    placement = chosen_placement(run, devices=flags.devices, stated=stated)
    chosen_kernels(run, flags.attention)
    check_run(run, placement)
    try:
        Path(flags.out).exists()
    except OSError as error:
        raise UserError(f"cannot use --out {flags.out}: {error.strerror}; name another") from None
    return placement


def with_vocabulary(flags: Flags) -> Shape:
    """The shape with the ids of the tokenizer; that of the size where only tokens are given.

    Raises:
        UserError: no such tokenizer, or no such text.
    """
    from bestiary.cli._corpora import given
    from bestiary.data import described, vocabulary_of

    if not flags.shape.vocabulary and (corpus := given(flags.data)) is not None:
        return msgspec.structs.replace(flags.shape, vocabulary=corpus.vocabulary)
    only_tokens = flags.data and all(described(line).is_tokens for line in flags.data)
    if flags.shape.vocabulary or (only_tokens and flags.tokenizer == "byte"):
        return flags.shape
    return msgspec.structs.replace(flags.shape, vocabulary=vocabulary_of(flags.tokenizer))


def model_of(size: str, shape: Shape) -> ModelSpec:
    """The named size with the given changes.

    Raises:
        UserError: no such size, or a shape that cannot be.
    """
    if size not in SIZES:
        raise unknown("size", size, SIZES)
    changes = {name: value for name, value in msgspec.to_builtins(shape).items() if value}
    if "hidden" in changes:
        heads = max(1, changes["hidden"] // 64)
        changes = {"intermediate": 4 * changes["hidden"], "heads": heads, **changes}
    if "heads" in changes:
        changes = {"key_value_heads": changes["heads"], **changes}
    return checked(msgspec.structs.replace(SIZES[size], **changes))


def planned_run(flags: Flags, model: ModelSpec, data: DataSpec) -> RunSpec:
    """The run that the flags describe.

    Raises:
        UserError: anything in the flags that does not exist, does not fit or is out of range.
    """
    from bestiary.optimizers import lookup, resolve

    entry = lookup(flags.optimizer)
    stated = {**entry.preset(flags.preset), **settings_from(flags.set)}
    steps = flags.steps or model.steps(flags.ratio, flags.batch_size)
    habit = 0.1 if entry.run.get("warmup_steps", 0) else 0.0
    warmup = habit if flags.warmup is None else flags.warmup
    own_decay = float(entry.run.get("decay_fraction", 1.0))
    return checked(
        RunSpec(
            model=model,
            data=data,
            optimizer=resolve(flags.optimizer, stated),
            schedule=ScheduleSpec(
                kind=entry.schedule if flags.schedule == "own" else flags.schedule,
                warmup_steps=float(round(warmup * steps)),
                decay_fraction=own_decay if flags.decay is None else flags.decay,
            ),
            batch_size=flags.batch_size,
            accumulation=flags.accumulation,
            steps=steps,
            seed=flags.seed,
            evaluate_every=-(-steps // flags.evaluations),
            compute_dtype=flags.dtype,
        )
    )


def _introduction(spec: RunSpec, epochs: float, folder: Path) -> str:
    from bestiary.report import settings

    repeated = f" (read {epochs:.1f} times)" if epochs > 1 else ""
    return (
        f"{spec.optimizer.name} ({settings(spec.optimizer.settings)})\n"
        f"{quantity(spec.model.matrix_parameters)} non-embedding parameters, {spec.steps:,} steps "
        f"of {spec.batch_size} x {spec.model.context} = {quantity(spec.tokens)} tokens of "
        f"{spec.data.name}{repeated}, {quantity(spec.flops)} FLOPs\nfolder {folder}"
    )


def told_of_start_at(flags: Flags, spec: RunSpec) -> str:
    """That no starting point is known at this size, unless the learning rate was given."""
    from bestiary.optimizers import lookup, told_of_start

    if "learning_rate" in settings_from(flags.set):
        return ""
    return told_of_start(lookup(spec.optimizer.name), spec.model.matrix_parameters)


def _conclusion(spec: RunSpec, result: RunResult) -> str:
    if result.state != "done":
        last = result.last_finite_loss
        seen = "no finite loss before" if last is None else f"last finite loss {last:.4f}"
        return (
            f"{result.state} at step {result.last_step} of {spec.steps} ({seen}); {result.reason}"
        )
    losses = ", ".join(
        f"{split} {result.loss[split]:.4f} {NATS} ({result.bits_per_byte[split]:.4f} bits per byte)"
        for split in SPLITS
    )
    rate = result.tokens / result.seconds if result.seconds else 0.0
    return f"{losses}\n{rate:,.0f} tokens/s, {result.seconds:.1f} s of training"
