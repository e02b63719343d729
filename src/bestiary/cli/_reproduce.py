"""`bestiary reproduce`: a published study from its own numbers, with intervals and verdicts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._figures import Format, tell_written
from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json
from bestiary.errors import UserError, unknown
from bestiary.specs import DRAWS, Spec

if TYPE_CHECKING:
    from bestiary.answers.reproduce import Reproduction

STUDIES = ("fantastic2025",)


class Flags(Spec, frozen=True, kw_only=True):
    """Reproduce a published study.

    Attributes:
        study: The study: `fantastic2025` (arXiv 2509.02046).
        draws: Redrawn data sets behind each interval.
        noise: Standard deviation of one loss between seeds, in nats; 0 for what it measures.
        tuning: Replay its tuning on its stored runs instead: best configurations, what depends on
            scale, predictions for 1.2b.
        duel: Let tuners search its stored runs instead: random search, coordinate descent, a
            Gaussian process, and TPE where Optuna is installed.
        page: An HTML file for the claims and the figures; opens offline.
        figures: A folder for every figure as a file, and their captions.
        format: Of these files; `svg` and `pdf` are for papers.
        json: Print JSON.
    """

    study: tyro.conf.Positional[str] = "fantastic2025"
    draws: Annotated[int, Meta(ge=100, le=10**6)] = DRAWS
    noise: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    tuning: Switch = False
    duel: Switch = False
    page: str = ""
    figures: str = ""
    format: Format = "svg"
    json: Switch = False


def run(flags: Flags) -> None:
    """Print recomputed beside published numbers, and a verdict on every claim."""
    if flags.study not in STUDIES:
        raise unknown("published study", flags.study, STUDIES)
    if flags.tuning or flags.duel:
        _replay(flags) if flags.tuning else _duel(flags)
        return
    from bestiary.answers.reproduce import reproduce
    from bestiary.cli._reproduction import tell_reproduction
    from bestiary.evidence.published import NOISE

    _require(flags)
    found = reproduce(draws=flags.draws, noise=flags.noise or NOISE)
    if flags.json:
        print_json(msgspec.to_builtins(found))
    else:
        tell_reproduction(found)
    tell_written(_written(flags, found))


def _replay(flags: Flags) -> None:
    """Print what the study's protocol makes of its own stored runs."""
    from bestiary.cli._replayed import tell_replay
    from bestiary.measures.published import replayed

    if flags.page or flags.figures:
        raise UserError("--tuning prints tables, or JSON with --json; leave out --page, --figures")
    found = replayed()
    if flags.json:
        print_json(msgspec.to_builtins(found))
    else:
        tell_replay(found)


def _duel(flags: Flags) -> None:
    """Print who finds the best stored runs in the fewest of them, and write the figure."""
    from bestiary.cli._replayed import tell_duel
    from bestiary.measures.published import tuner_duel

    if flags.page:
        raise UserError("--duel prints a table, or JSON with --json; leave out --page")
    _require(flags)
    found = tuner_duel()
    if flags.json:
        print_json(msgspec.to_builtins(found))
    else:
        tell_duel(found)
    if flags.figures:
        from bestiary.report import write_duel

        tell_written(write_duel(found, Path(flags.figures), flags.format))


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
