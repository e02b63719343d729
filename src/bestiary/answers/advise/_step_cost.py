"""What a step of an optimizer costs at a size and on devices that nobody timed: a cost model.

The counts are of the traced updates, with the catalogue's starting configurations, at three shapes
(`benchmarks/step_costs.py`); between and beyond them they are read off in logs of N. Divided by the
rates of the devices they are what the optimizer must at least add. What was timed at 124M is the
excess over AdamW that programs really had, many times that bound; at another size, batch and device
it is taken to be as many times the bound there.
"""

import csv
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from bestiary.answers.advise._devices import DEVICES, UTILISATION, Device
from bestiary.specs import Estimate, Spec

# Where step times were published: 124M parameters on 8 H100 and 0.5M tokens a batch.
_TIMED_AT = 124e6
TIMED_TOKENS = 2.0**19
_TIMED_ON = "h100"


class Cost(Spec, frozen=True, kw_only=True):
    """An estimate, by counts.

    Attributes:
        state_bytes: Of the optimizer, per parameter.
        device: A name of `DEVICES`; empty where none was asked about.
        count: Of them.
        step_seconds: The whole step, 6 N D and the optimizer.
        added: The optimizer's share of it.
        device_bytes: Weights, gradients and state on each device, sharded evenly.
        device_memory: What each has.
    """

    state_bytes: float
    device: str = ""
    count: int = 1
    step_seconds: float | None = None
    added: float = 0.0
    device_bytes: float | None = None
    device_memory: float = 0.0


class _Counts(NamedTuple):
    """A step of one optimizer at one N: bytes moved, FLOPs by kind, gradients of the model."""

    state_bytes: float
    moved_bytes: float
    bfloat16: float
    tensorfloat32: float
    float32: float
    model_share: float


def cost_of(
    optimizer: str,
    parameters: float,
    *,
    batch_tokens: float = TIMED_TOKENS,
    device: str = "",
    count: int = 1,
    utilisation: float = UTILISATION,
) -> Cost | None:
    """The memory of an optimizer, and its step where devices are named; None where not counted.

    Args:
        optimizer: A name of the catalogue.
        parameters: N.
        batch_tokens: Tokens a step.
        device: A name of `DEVICES`.
        count: How many of them.
        utilisation: Share of their peak that the model's own FLOPs meet.
    """
    if optimizer not in _table():
        return None
    state = _counts(optimizer, parameters).state_bytes
    if not device:
        return Cost(state_bytes=state)
    machine = DEVICES[device]
    model = _model_seconds(parameters, batch_tokens, machine, utilisation) / count
    own = _own_seconds(optimizer, parameters, batch_tokens, machine, utilisation) / count
    return Cost(
        state_bytes=state,
        device=device,
        count=count,
        step_seconds=model + own,
        added=own / (model + own),
        device_bytes=(8 + state) * parameters / count,
        device_memory=machine.memory,
    )


def scaled(
    timed: Estimate,
    optimizer: str,
    parameters: float,
    *,
    batch_tokens: float,
    device: str,
    utilisation: float,
) -> Estimate:
    """A published step time over AdamW's, carried to a size, a batch and a device.

    Args:
        timed: As published.
        optimizer: Whose it is.
        parameters: N of the target.
        batch_tokens: Tokens a step of it.
        device: A name of `DEVICES`.
        utilisation: Of the model's own FLOPs.
    """
    if optimizer not in _table() or timed.value is None or timed.high is None:
        return timed
    here = _excess(optimizer, parameters, batch_tokens, DEVICES[device], utilisation)
    there = _excess(optimizer, _TIMED_AT, TIMED_TOKENS, DEVICES[_TIMED_ON], UTILISATION)
    if there <= 0 or here <= 0:
        return timed
    value, high = (1 + (one - 1) * here / there for one in (timed.value, timed.high))
    return Estimate(
        value=value,
        low=min(1 + here, value),
        high=high,
        note=f"estimated at the size, batch and device asked about, by counts, from {timed.note}",
    )


def _excess(
    optimizer: str, parameters: float, tokens: float, device: Device, utilisation: float
) -> float:
    """What the optimizer adds to AdamW's step, at least, as a share of it."""
    own, adamw = (
        _own_seconds(name, parameters, tokens, device, utilisation) for name in (optimizer, "adamw")
    )
    model = _model_seconds(parameters, tokens, device, utilisation)
    return (own - adamw) / (model + adamw)


def _model_seconds(parameters: float, tokens: float, device: Device, utilisation: float) -> float:
    """6 N D on one device."""
    return 6 * parameters * tokens / (device.flops * utilisation)


def _own_seconds(
    optimizer: str, parameters: float, tokens: float, device: Device, utilisation: float
) -> float:
    """The optimizer's own on one device, one operation after the other."""
    counts = _counts(optimizer, parameters)
    products = counts.bfloat16 / device.flops + counts.tensorfloat32 / device.tensorfloat32
    return (
        counts.moved_bytes / device.bandwidth
        + products
        + counts.float32 / device.float32
        + counts.model_share * _model_seconds(parameters, tokens, device, utilisation)
    )


def _counts(optimizer: str, parameters: float) -> _Counts:
    """Read off the counted shapes, linear in logs; beyond them by the nearest slope."""
    table = _table()[optimizer]
    sizes, x = np.log([one for one, _ in table]), np.log(parameters)
    right = int(np.clip(np.searchsorted(sizes, x), 1, len(sizes) - 1))
    share = float((x - sizes[right - 1]) / (sizes[right] - sizes[right - 1]))
    first, second = table[right - 1][1], table[right][1]
    # What a parameter keeps, and the share of gradients, do not grow without end.
    inner = min(max(share, 0.0), 1.0)
    state, model = (
        before + inner * (after - before)
        for before, after in ((first[0], second[0]), (first[5], second[5]))
    )
    ends = zip(first[1:5], second[1:5], strict=True)
    rates = (_power(before, after, share) for before, after in ends)
    moved, bfloat16, tensorfloat32, float32 = rates
    return _Counts(state, moved, bfloat16, tensorfloat32, float32, model)


def _power(before: float, after: float, share: float) -> float:
    return 0.0 if before <= 0 or after <= 0 else float(before * (after / before) ** share)


@cache
def _table() -> dict[str, Sequence[tuple[float, _Counts]]]:
    """Optimizer -> N and its counts, ascending."""
    found: dict[str, list[tuple[float, _Counts]]] = {}
    text = files("bestiary.answers.advise").joinpath("data/step_costs.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        counts = _Counts(*(float(row[name]) for name in _Counts._fields))
        found.setdefault(row["optimizer"], []).append((float(row["matrix_parameters"]), counts))
    return {name: sorted(rows) for name, rows in found.items()}
