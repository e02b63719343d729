"""How the columns of somebody's file are to be read: declared, never guessed."""

import math
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta

from bestiary.errors import UserError, unknown
from bestiary.specs import Setting, Spec, from_builtins
from bestiary.store._foreign import Counted, ImportOrigin
from bestiary.store._stated import read_json, read_toml

Positive = Annotated[float, Meta(gt=0)]
State = Literal["done", "diverged", "unfinished"]

FIELDS = (
    *("optimizer", "size", "ratio", "loss"),
    *("train_loss", "state", "seed", "steps", "tokens", "parameters", "progress", "step_seconds"),
    *("tokens_to_target", "steps_to_target", "seconds_to_target", "reached"),
)
# What a run took to reach a target loss; one of them makes an import one of such results.
COUNTED: dict[str, Counted] = {f"{one}_to_target": one for one in get_args(Counted)}
# What says something of such a run besides.
_WITH_TARGET = ("optimizer", "size", "seed", "state", "reached", *COUNTED)
# And of a point of its loss curve, from which it is read when it got there.
_ON_THE_WAY = ("optimizer", "size", "seed", "state", "loss", *COUNTED)
WANDB_STATES = {
    "finished": "done",
    "crashed": "unfinished",
    "failed": "unfinished",
    "killed": "unfinished",
    "pending": "unfinished",
    "preempted": "unfinished",
    "preempting": "unfinished",
    "running": "unfinished",
}
# What a Weights & Biases export says by itself; sweeps repeat configurations, so these are kept.
PRESETS: dict[str, dict[str, Any]] = {
    # The CSV of a project's table: config and summary columns stand side by side under plain names.
    "wandb": {"columns": {"state": "State"}, "states": WANDB_STATES, "repeats": "keep"},
    # Runs of the API as JSON objects with name, state, config and summary.
    "wandb_json": {
        "columns": {"state": "state"},
        "states": WANDB_STATES,
        "settings_prefix": "config.",
        "repeats": "keep",
    },
}


class Unit(Spec, frozen=True, kw_only=True):
    """The unit of the losses in the file.

    Attributes:
        name: `nats_per_token`, `bits_per_token`, `nats_per_byte`, `bits_per_byte`, `perplexity`
            (exp of the nats per token), or `scaled` (nats per token times 1 / `factor`).
        bytes_per_token: Of the validation text under the tokenizer; needed by the two per byte.
        factor: What a `scaled` loss is multiplied by to give nats per token.
    """

    name: Literal[
        "nats_per_token",
        "bits_per_token",
        "nats_per_byte",
        "bits_per_byte",
        "perplexity",
        "scaled",
    ]
    bytes_per_token: Positive | None = None
    factor: Positive | None = None

    def __post_init__(self) -> None:
        if self.name.endswith("_per_byte") != (self.bytes_per_token is not None):
            raise UserError(
                "bytes_per_token belongs to a loss per byte, and only to one, "
                f"got unit {self.name!r} with bytes_per_token={self.bytes_per_token}"
            )
        if (self.name == "scaled") != (self.factor is not None):
            raise UserError(
                "factor belongs to the unit 'scaled', and only to it, "
                f"got unit {self.name!r} with factor={self.factor}"
            )

    def nats_per_token(self, value: float) -> float:
        """A loss in this unit, in nats per token; minus infinity for a perplexity of 0 or less."""
        if self.name == "perplexity":
            return math.log(value) if value > 0 else -math.inf
        nats = math.log(2) if self.name.startswith("bits") else 1.0
        return value * nats * (self.bytes_per_token or 1.0) * (self.factor or 1.0)


class Mapping(Spec, frozen=True, kw_only=True):
    """The declared reading of a file.

    Attributes:
        origin: Where the file comes from.
        unit: The unit of its losses.
        columns: Our field -> their column. Needed are `optimizer`, `size`, `loss`, and `ratio` or
            `tokens`; see `FIELDS` for the others. `parameters` is N, for a ratio from tokens.
            `progress` (steps or tokens so far) says that rows are points of runs' loss curves. Of
            runs that train until they reach a loss `optimizer`, `size` and one of `COUNTED`, with
            `reached` where some never got there; with `loss` in its place rows are points of their
            curves, and what was counted is how far they are.
        constants: Our field -> the value it has in every row, in place of a column.
        settings: Our hyperparameter -> their column.
        settings_prefix: Columns that begin so are hyperparameters too, named by the rest.
        tags: Columns kept as they are.
        rename: Our field -> their value -> ours, for instance optimizer names.
        states: Their value in the `state` column -> ours.
        baseline: The optimizer that speedups will be measured against; it must occur.
        target_loss: What such runs train until they reach, in the unit.
        scale: Our field -> what its numbers are multiplied by, such as milliseconds by 0.001.
        diverged_above: A loss above this, in nats per token, is a diverged run.
        non_finite: What a loss that is not a finite number means.
        empty: What an empty loss means.
        decimal: What stands before the decimals of numbers in text.
        thousands: What stands between groups of three digits; none where it is empty.
        repeats: Whether rows that agree in everything but the loss are refused, or kept as
            replicates.
    """

    origin: ImportOrigin
    unit: Unit
    columns: dict[str, str]
    constants: dict[str, Setting] = {}
    settings: dict[str, str] = {}
    settings_prefix: str = ""
    tags: tuple[str, ...] = ()
    rename: dict[str, dict[str, str]] = {}
    states: dict[str, State] = {}
    baseline: str = "adamw"
    target_loss: Positive | None = None
    scale: dict[str, Positive] = {}
    diverged_above: Positive | None = None
    non_finite: Literal["refuse", "diverged"] = "refuse"
    empty: Literal["refuse", "unfinished"] = "refuse"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " "] = ""
    repeats: Literal["refuse", "keep"] = "refuse"

    def __post_init__(self) -> None:
        for field in (*self.columns, *self.constants, *self.rename, *self.scale):
            if field not in FIELDS:
                raise unknown("field of a result", field, FIELDS)
        given = self.columns.keys() | self.constants.keys()
        _refuse_missing(given, ("optimizer", "size"))
        if self.counted or self.target_loss is not None:
            self._refuse_unlike_target(given)
        else:
            _refuse_missing(given, ("loss",))
            if not given & {"ratio", "tokens"}:
                raise UserError(
                    "a mapping must say where 'ratio' or 'tokens' is; add it to [columns]"
                )
            if "reached" in given:
                raise UserError("'reached' belongs to a target loss; state target_loss")
        if "loss" in self.scale:
            raise UserError("a loss is scaled by its unit; declare [unit] and drop it from [scale]")
        twice = sorted(self.columns.keys() & self.constants.keys())
        if twice:
            raise UserError(f"{twice[0]!r} is both a column and a constant; remove one of them")
        if self.decimal == self.thousands:
            raise UserError(f"decimal and thousands must differ, got {self.decimal!r} for both")

    @property
    def counted(self) -> str:
        """The one field of `COUNTED` that is mapped; empty where losses are the results."""
        return next((one for one in COUNTED if one in {**self.columns, **self.constants}), "")

    @property
    def on_the_way(self) -> bool:
        """Whether rows are points of loss curves from which it is read when they got there."""
        return bool(self.counted) and "loss" in {**self.columns, **self.constants}

    def _refuse_unlike_target(self, given: Set[str]) -> None:
        """Say what a mapping of results to a target loss lacks, or has too much."""
        found = [one for one in COUNTED if one in given]
        if len(found) != 1:
            told = " and ".join(found) or "none"
            raise UserError(
                f"a target loss takes exactly one of {', '.join(COUNTED)}, got {told}; import the "
                "same file once for each, under a source name of its own"
            )
        if self.target_loss is None:
            raise UserError(
                f"{found[0]!r} wants the loss that was to be reached; state target_loss, or "
                "--target-loss"
            )
        if more := sorted(given - {*(_ON_THE_WAY if "loss" in given else _WITH_TARGET)}):
            raise UserError(
                f"{more[0]!r} says nothing of {found[0]!r}, which is the result; drop one of them"
            )


def _refuse_missing(given: Set[str], needed: Iterable[str]) -> None:
    for field in needed:
        if field not in given:
            raise UserError(
                f"a mapping must say where {field!r} is; add it to [columns], or to [constants] "
                "where it is the same everywhere"
            )


def load_mapping(path: Path, *, target_loss: float | None = None) -> Mapping:
    """Read a mapping from TOML or JSON; `preset = "wandb"` fills in what the file does not say.

    Args:
        path: The file.
        target_loss: What runs train until they reach, in the unit, where the file does not say.

    Raises:
        UserError: no such file, text that does not parse, an unknown preset or field, or two
            different target losses.
    """
    stated = (read_json if path.suffix == ".json" else read_toml)(path, "the mapping")
    if not isinstance(stated, dict):
        raise UserError(f"{path.name} must hold one table, got {type(stated).__name__}")
    if target_loss is not None and stated.setdefault("target_loss", target_loss) != target_loss:
        raise UserError(
            f"there is one target loss, but {path.name} states {stated['target_loss']} and "
            f"--target-loss {target_loss:g}; drop one of them"
        )
    return mapping(stated)


def mapping(stated: dict[str, Any]) -> Mapping:
    """A mapping from plain dictionaries, on top of its preset where it names one.

    Raises:
        UserError: an unknown preset, an unknown field, a wrong type, or a field that is missing.
    """
    stated = dict(stated)
    preset = stated.pop("preset", None)
    if preset is None:
        return from_builtins(Mapping, stated)
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    base = PRESETS[preset]
    merged = base | {key: _over(base.get(key), value) for key, value in stated.items()}
    return from_builtins(Mapping, merged)


def _over(base: Any, value: Any) -> Any:
    """What is stated, on top of the preset; tables are merged entry by entry."""
    return base | value if isinstance(base, dict) and isinstance(value, dict) else value
