"""The published study on one page, and its figures as files."""

from pathlib import Path

import msgspec

from bestiary.answers.reproduce import Reproduction, SizePoint
from bestiary.report._exhibit import Exhibit
from bestiary.report._files import require_export, write_exhibits
from bestiary.report._generalisation import published_training_against_validation
from bestiary.report._headline import headline
from bestiary.report._identity import identities
from bestiary.report._losses import loss_against_ratio, loss_below_baseline
from bestiary.report._page import drawable, render, save
from bestiary.report._sensitivity import sensitivity
from bestiary.report._speedups import against_ratio, against_size
from bestiary.report._subject import published

# Judgements, and how several of them read.
PLURAL = {
    "holds": "hold",
    "not refuted": "are not refuted",
    "does not hold": "do not hold",
    "cannot be checked": "cannot be checked",
}

SPEEDUPS = (
    "From the printed losses and AdamW's curve through 1x to 8x, at 16x through 1x to 16x; 95% "
    "intervals, those that leave the panel go on. Hollow: read off that curve beyond its data. "
    "Tokens, not time: the study publishes no step times."
)
LOSSES = "Lowest published loss of each cell, as printed"
ABLATIONS = (
    "The study's ablations around the configuration its first phase ended at (large marker), one "
    "setting changed"
)
# Losses further above the optimum leave the panel; the study calls 0.0064 nats near-optimal.
CAP = 0.06


def write_reproduction(found: Reproduction, path: Path) -> None:
    """Write the page of a reproduction, complete or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    save(reproduction_page(found), path, "--page")


def write_reproduction_figures(found: Reproduction, folder: Path, form: str = "svg") -> list[Path]:
    """Write its figures as files, with their captions; see `write_figures`."""
    require_export(folder, form)
    return write_exhibits(reproduction_exhibits(found), identities(found.rows), folder, form)


def reproduction_page(found: Reproduction) -> str:
    """The page as text: claims with evidence, figures, curves and sources; opens offline."""
    counted = [one.verdict.judgement for one in found.claims]
    return render(
        "reproduction.html",
        reproduction_exhibits(found),
        found=found,
        looks=identities(found.rows),
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
    """The figures in order: those of an own study, in the words of this one, and its headline."""
    subject = published(found)
    return drawable(
        headline(found, subject),
        against_size(subject, caption=SPEEDUPS),
        against_ratio(subject, caption=SPEEDUPS),
        loss_against_ratio(subject, what=LOSSES),
        loss_below_baseline(subject, noise=f"95% intervals from {_noise(found)}"),
        published_training_against_validation(found, subject),
        sensitivity(subject, what=ABLATIONS, noise=_ablation_noise(found), cap=CAP),
    )


def _noise(found: Reproduction) -> str:
    return (
        f"a noise of {found.noise:.1g} nats between seeds, which do not contain that losses are "
        "minima over different numbers of runs"
    )


def _ablation_noise(found: Reproduction) -> str:
    return (
        "a run is not told from the optimum (95%, by the scatter of the study's epsilon ablations, "
        f"{found.measured_noise:.1g} nats)"
    )
