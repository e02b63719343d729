"""`bestiary compare`: what changed between two studies, beyond noise or not."""

from typing import Any

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import findings_of
from bestiary.cli._telling import number, tell
from bestiary.errors import UserError
from bestiary.specs import Spec

FACTS = {"name": "what differs", "first": "first", "second": "second"}
COLUMNS = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "first": "first",
    "second": "second",
    "change": "change",
    "losses": "loss",
    "speedup_ratio": "speedup, second over first",
    "speedups": "speedup",
    "settings": "settings",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Compare two studies.

    Attributes:
        first: A study folder, imported results, `fantastic2025` or `fantastic2025-released`.
        second: The other study.
        all: Show every cell, not only those that changed.
        json: Print JSON.
    """

    first: tyro.conf.Positional[str] = ""
    second: tyro.conf.Positional[str] = ""
    all: Switch = False
    json: Switch = False


def run(flags: Flags) -> None:
    """Print what changed."""
    if not (flags.first and flags.second):
        raise UserError("name two studies: bestiary compare FIRST SECOND")
    from bestiary.analysis.answers import compare

    found = compare(findings_of(flags.first), findings_of(flags.second))
    if flags.json:
        print_json(msgspec.to_builtins(found))
        return
    tell(f"First: {found.first}", f"Second: {found.second}", "", *found.answer)
    if found.facts:
        show([msgspec.to_builtins(fact) for fact in found.facts], FACTS, as_json=False)
    shown = [
        one
        for one in found.cells
        if flags.all or "beyond noise" in (one.losses, one.speedups) or one.settings
    ]
    if shown:
        show([_shown(one) for one in shown], COLUMNS, as_json=False)
    for name, only in ((found.first, found.only_first), (found.second, found.only_second)):
        if only:
            tell(f"Only in {name}: {', '.join(only)}.")


def _shown(one: Any) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(one),
        "ratio": f"{one.ratio:g}x",
        "first": f"{one.first:.4f}",
        "second": f"{one.second:.4f}",
        "change": number(one.change, "+.4f"),
        "speedup_ratio": number(one.speedup_ratio),
    }
