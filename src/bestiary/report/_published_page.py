"""The published study on one page, and its figures as files."""

from pathlib import Path

import msgspec

from bestiary.answers.reproduce import Reproduction, SizePoint
from bestiary.report._exhibit import Exhibit
from bestiary.report._files import require_export, write_exhibits
from bestiary.report._page import render, save
from bestiary.report._published_looks import published_looks
from bestiary.report._published_losses import (
    loss_against_ratio,
    loss_below_baseline,
    training_against_validation,
)
from bestiary.report._published_speedups import (
    headline,
    speedups_against_ratio,
    speedups_against_size,
)
from bestiary.report._published_tuning import sensitivity

# Judgements, and how several of them read.
PLURAL = {
    "holds": "hold",
    "holds within noise": "hold within noise",
    "does not hold": "do not hold",
    "cannot be checked": "cannot be checked",
}


def write_reproduction(found: Reproduction, path: Path) -> None:
    """Write the page of a reproduction, complete or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    save(reproduction_page(found), path, "--page")


def write_reproduction_figures(found: Reproduction, folder: Path, form: str = "svg") -> list[Path]:
    """Write its figures as files, with their captions; see `write_figures`."""
    require_export(folder, form)
    return write_exhibits(reproduction_exhibits(found), published_looks(), folder, form)


def reproduction_page(found: Reproduction) -> str:
    """The page as text: claims with evidence, figures, curves and sources; opens offline."""
    counted = [one.verdict.judgement for one in found.claims]
    return render(
        "reproduction.html",
        reproduction_exhibits(found),
        found=found,
        looks=published_looks(),
        best=best_at_ends(found),
        counts=[(said, counted.count(one)) for one, said in PLURAL.items() if one in counted],
        record=msgspec.to_builtins(found),
    )


def best_at_ends(found: Reproduction) -> tuple[SizePoint, SizePoint]:
    """The largest speedup at 8x at the smallest and at the largest size."""
    by_size = sorted(found.against_size, key=lambda point: point.parameters)
    ends = by_size[0].size, by_size[-1].size
    smallest, largest = (
        max((p for p in by_size if p.size == size), key=lambda point: point.printed.value or 0.0)
        for size in ends
    )
    return smallest, largest


def reproduction_exhibits(found: Reproduction) -> list[Exhibit]:
    """The figures in order."""
    return [
        headline(found),
        speedups_against_size(found),
        speedups_against_ratio(found),
        loss_against_ratio(found),
        loss_below_baseline(found),
        training_against_validation(),
        sensitivity(found),
    ]
