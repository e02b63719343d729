"""`bestiary compare`: what changed between two studies, beyond noise or not."""

from typing import TYPE_CHECKING, Any

import msgspec
import tyro

from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of, target_evidence_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec

if TYPE_CHECKING:
    from bestiary.answers.compare import LossChange, OptimizerChange, TargetChange
    from bestiary.evidence import TargetEvidence

FACTS = {"name": "what differs", "first": "first", "second": "second"}
OPTIMIZERS = {
    "optimizer": "optimizer",
    "cells": "cells",
    "change": "mean loss change",
    "speedup_ratio": "mean speedup, second over first",
}
TARGETS = {
    "optimizer": "optimizer",
    "size": "size",
    "amount": "amount, second over first",
    "first": "first speedup",
    "second": "second speedup",
    "change": "speedup, second over first",
}
COLUMNS = {
    "optimizer": "optimizer",
    "place": "cell",
    "first": "first",
    "second": "second",
    "change": "change",
    "speedup_ratio": "speedup, second over first",
    "settings": "settings",
}


# Places named in a line; JSON has all of them.
MOST = 12


class Flags(Spec, frozen=True, kw_only=True):
    """Compare two studies.

    Attributes:
        first: A study folder, imported results, `fantastic2025` or `fantastic2025-released`.
        second: The other study.
        all: Show every cell, not only those that changed.
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model. Of runs towards a target loss that of the logarithm
            of what they took (0.02 is 2%), and nothing is assumed.
        json: Print JSON.
    """

    first: tyro.conf.Positional[str] = ""
    second: tyro.conf.Positional[str] = ""
    all: Switch = False
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print what changed."""
    if not (flags.first and flags.second):
        raise UserError("name two studies: bestiary compare FIRST SECOND")
    targets = [target_evidence_of(name, flags.noise) for name in (flags.first, flags.second)]
    if targets[0] is not None and targets[1] is not None:
        _targets(targets[0], targets[1], as_json=flags.json)
        return
    if any(targets):
        raise UserError(
            "runs towards a target loss compare with such runs, but only one of "
            f"{flags.first} and {flags.second} holds them; name two of one kind"
        )
    from bestiary.answers.compare import compare

    found = compare(evidence_of(flags.first, flags.noise), evidence_of(flags.second, flags.noise))
    if flags.json:
        print_json(msgspec.to_builtins(found))
        return
    tell(
        f"First: {flags.first}, {found.first}",
        f"Second: {flags.second}, {found.second}",
        "",
        *found.answer,
    )
    if found.facts:
        show([msgspec.to_builtins(fact) for fact in found.facts], FACTS, as_json=False)
    if found.answer[1:]:
        show([_summed(one) for one in found.optimizers], OPTIMIZERS, as_json=False)
    shown = [
        one
        for one in found.cells
        if flags.all
        or one.speedups == "beyond noise"
        or (not found.incomparable and (one.losses == "beyond noise" or one.settings))
    ]
    if shown:
        columns = {
            key: head
            for key, head in COLUMNS.items()
            if key != "settings" or any(one.settings for one in shown)
        }
        show([_shown(one) for one in shown], columns, as_json=False)
        tell("* beyond noise")
    for name, only in (("the first", found.only_first), ("the second", found.only_second)):
        if only:
            more = f" and {len(only) - MOST} more" if len(only) > MOST else ""
            tell(f"Only in {name}: {', '.join(only[:MOST])}{more}.")


def _targets(first: "TargetEvidence", second: "TargetEvidence", *, as_json: bool) -> None:
    """Print what changed in what runs take to reach a loss."""
    from bestiary.answers.compare import compare_targets

    found = compare_targets(first, second)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    tell(f"First: {found.first}", f"Second: {found.second}", "", *found.answer)
    show([_target_change(one) for one in found.cells], TARGETS, as_json=False)
    tell("* beyond noise")
    for name, only in (("the first", found.only_first), ("the second", found.only_second)):
        if only:
            tell(f"Only in {name}: {', '.join(only)}.")


def _target_change(one: "TargetChange") -> dict[str, str]:
    from bestiary.answers.report import bounded_factor

    return {
        "optimizer": one.optimizer,
        "size": one.size,
        "amount": "-"
        if one.amounts == "not known"
        else one.amount_ratio.times() + " *" * (one.amounts == "beyond noise"),
        "first": bounded_factor(one.first_speedup),
        "second": bounded_factor(one.second_speedup),
        "change": "-"
        if one.speedups == "not known"
        else one.speedup_ratio.times() + " *" * (one.speedups == "beyond noise"),
    }


def _summed(one: "OptimizerChange") -> dict[str, Any]:
    return {"optimizer": one.optimizer, "cells": one.cells, **_marked(one)}


def _shown(one: "LossChange") -> dict[str, Any]:
    return {
        "optimizer": one.optimizer,
        "place": f"{one.size} {one.ratio:g}x",
        "first": f"{one.first:.4f}",
        "second": f"{one.second:.4f}",
        "settings": ", ".join(one.settings),
        **_marked(one),
    }


def _marked(one: "LossChange | OptimizerChange") -> dict[str, str]:
    """Both changes, starred where they are more than noise."""
    return {
        "change": one.change.text("+.4f") + " *" * (one.losses == "beyond noise"),
        "speedup_ratio": one.speedup_ratio.times() + " *" * (one.speedups == "beyond noise"),
    }
