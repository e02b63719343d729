"""`bestiary reproduce`: a published study from its own numbers, with intervals and verdicts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._figures import Format, tell_written
from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._telling import number, tell
from bestiary.errors import unknown
from bestiary.specs import Spec

if TYPE_CHECKING:
    from bestiary.analysis.published import Reproduction

STUDIES = ("fantastic2025",)
CURVES = {
    "version": "losses",
    "size": "size",
    "ratios": "ratios",
    "a": "a",
    "exponent": "B",
    "b": "b",
    "published": "published a, B, b",
}
AGAINST_SIZE = {
    "optimizer": "at 8x",
    "size": "size",
    "printed": "printed losses",
    "published": "paper",
    "with_16x": "with AdamW's 16x",
    "released": "released losses",
    "published_released": "released figure",
}
WINNERS = {
    "version": "losses",
    "size": "size",
    "ratio": "ratio",
    "winner": "lowest loss",
    "runner_up": "next",
    "margin": "ahead by",
    "sure": "sure",
}
CLAIMS = {
    "claim": "",
    "statement": "claim",
    "judgement": "printed losses",
    "released": "released",
    "noise": "half, double noise",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Reproduce a published study.

    Attributes:
        study: The study: `fantastic2025` (arXiv 2509.02046).
        draws: Redrawn data sets behind each interval.
        noise: Standard deviation of one loss between seeds, in nats; 0 for what it measures.
        evidence: Print the evidence for each verdict, and every speedup.
        page: An HTML file for the claims and the figures; opens offline.
        figures: A folder for every figure as a file, and their captions.
        format: Of these files; `svg` and `pdf` are for papers.
        json: Print JSON.
    """

    study: tyro.conf.Positional[str] = "fantastic2025"
    draws: Annotated[int, Meta(ge=100)] = 2000
    noise: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    evidence: Switch = False
    page: str = ""
    figures: str = ""
    format: Format = "svg"
    json: Switch = False


def run(flags: Flags) -> None:
    """Print recomputed beside published numbers, and a verdict on every claim."""
    if flags.study not in STUDIES:
        raise unknown("published study", flags.study, STUDIES)
    from bestiary.analysis.published import NOISE, reproduce

    _require(flags)
    found = reproduce(draws=flags.draws, noise=flags.noise or NOISE)
    if flags.json:
        print_json(msgspec.to_builtins(found))
    else:
        _tell(found)
    if flags.evidence and not flags.json:
        _tell_evidence(found)
    tell_written(_written(flags, found))


def _require(flags: Flags) -> None:
    """Find out before any work whether what was asked for can be written."""
    if not (flags.page or flags.figures):
        return
    from bestiary.report import require_export, require_page

    if flags.page:
        require_page(Path(flags.page), "--page")
    if flags.figures:
        require_export(Path(flags.figures), flags.format)


def _written(flags: Flags, found: "Reproduction") -> list[Path]:
    """Write the page and the figures that were asked for."""
    paths = []
    if flags.page:
        from bestiary.report import write_reproduction

        write_reproduction(found, Path(flags.page))
        paths.append(Path(flags.page))
    if flags.figures:
        from bestiary.report import write_reproduction_figures

        paths += write_reproduction_figures(found, Path(flags.figures), flags.format)
    return paths


def _tell(found: "Reproduction") -> None:
    tell(
        f"Largest difference to the published speedups: {found.largest_difference:.5f} "
        "(printed losses, 1x to 8x).",
        f"Intervals: {found.draws} draws with noise of {found.noise:.2g} nats between seeds; the "
        f"study's own ablations scatter by {found.measured_noise:.2g}.",
    )
    show([_curve(row) for row in found.curves], CURVES, as_json=False)
    show([_against_size(row) for row in found.against_size], AGAINST_SIZE, as_json=False)
    show([_winner(row) for row in found.winners], WINNERS, as_json=False)
    show([_claim(row) for row in found.claims], CLAIMS, as_json=False)
    tell(*found.notes)


def _tell_evidence(found: "Reproduction") -> None:
    rows = [
        {
            **msgspec.to_builtins(row),
            "ratio": f"{row.ratio:g}x",
            "loss": f"{row.loss:.4f}",
            "speedup": number(row.speedup, ".3f"),
        }
        for row in found.speedups
    ]
    names = ("version", "ratios", "optimizer", "size", "ratio", "loss", "speedup", "published")
    show(rows, {name: name for name in names}, as_json=False)
    for row in found.claims:
        tell(f"{row.verdict.claim} {row.verdict.judgement}: {row.verdict.evidence}")


def _curve(row: Any) -> dict[str, Any]:
    published = row.published and ", ".join(f"{value:.4f}" for value in row.published)
    return {
        **msgspec.to_builtins(row),
        "a": number(row.a, ".4f"),
        "exponent": number(row.exponent, ".3f"),
        "b": number(row.b, ".3f"),
        "published": published,
    }


def _against_size(row: Any) -> dict[str, Any]:
    shown = {name: number(getattr(row, name)) for name in ("printed", "with_16x", "released")}
    return {**msgspec.to_builtins(row), **shown}


def _winner(row: Any) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row),
        "ratio": f"{row.ratio:g}x",
        "margin": f"{row.margin:.4f}",
        "sure": f"{row.sure:.0%}",
    }


def _claim(row: Any) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(row.verdict),
        "released": row.released,
        "noise": f"{row.half_noise}, {row.double_noise}",
    }
