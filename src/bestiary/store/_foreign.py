"""Foreign results: other people's runs as records, with where each one comes from.

A foreign result never becomes a `RunResult`: nobody here trained it, so it has no spec, no
environment and often no seed. It keeps its source, file and row instead.
"""

from typing import Literal

from bestiary.specs import Setting, Spec

# What is counted until a run reaches a loss.
Counted = Literal["tokens", "steps", "seconds"]


class ImportOrigin(Spec, frozen=True, kw_only=True):
    """Where foreign results come from.

    Attributes:
        source: The short name under which they are kept, for instance `"fantastic2025"`.
        url: Where the files can be had.
        commit: The revision of that place.
        licence: What the files may be used for; `"unknown"` is an honest answer.
    """

    source: str
    url: str = ""
    commit: str = ""
    licence: str = "unknown"


class TargetLoss(Spec, frozen=True, kw_only=True):
    """A loss that runs train until they reach, as in a speedrun.

    Attributes:
        loss: In nats per token.
        counted: What their results count until then.
    """

    loss: float
    counted: Counted


class ForeignResult(Spec, frozen=True, kw_only=True):
    """One result somebody else published.

    Attributes:
        kind: `run` (one training), `reported` (a value stated for a cell, whose run may be
            unknown), `pair` (a final training and validation loss, without a cell).
        optimizer: Its name in the catalogue where it has one there, else as published.
        size: Model size by name; empty where not stated.
        ratio: Tokens over 20 N; None where not stated.
        state: `done`, `diverged` (ranked worst), `unfinished` (no loss).
        loss: Validation loss in nats per token; None unless done.
        train_loss: Training loss in nats per token, where stated.
        seed: The seed, where stated.
        steps: Optimizer steps, where stated.
        tokens: Training tokens, where stated.
        step_seconds: Seconds of a step, where stated.
        settings: Hyperparameters as published.
        tags: What else the source says of it, for instance its phase.
        curve: (progress, validation loss in nats per token) on the way, ascending, the run's end
            last; progress in steps or tokens, as the source counts. Empty where only the end is
            known.
        reached: Whether it reached the import's target loss; None where the import has none.
        amount: Tokens, steps or seconds until it did, or, where it did not, that it was trained
            for; None where not stated.
        file: File name inside the source.
        row: Row of that file: the header of a CSV file is row 1; items and lines of JSON count
            from 1.
    """

    kind: Literal["run", "reported", "pair"] = "run"
    optimizer: str
    size: str = ""
    ratio: float | None = None
    state: Literal["done", "diverged", "unfinished"] = "done"
    loss: float | None = None
    train_loss: float | None = None
    seed: int | None = None
    steps: int | None = None
    tokens: int | None = None
    step_seconds: float | None = None
    settings: dict[str, Setting] = {}
    tags: dict[str, str] = {}
    curve: tuple[tuple[float, float], ...] = ()
    reached: bool | None = None
    amount: float | None = None
    file: str
    row: int


class ForeignImport(Spec, frozen=True, kw_only=True):
    """What one import read.

    Attributes:
        origin: Where it comes from.
        baseline: The optimizer that its speedups are measured against.
        target: The loss that its runs were to reach; None where their losses are the results.
        results: In file order.
        notes: What a reader must know.
    """

    origin: ImportOrigin
    baseline: str = "adamw"
    target: TargetLoss | None = None
    results: tuple[ForeignResult, ...]
    notes: tuple[str, ...] = ()
