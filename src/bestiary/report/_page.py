"""One self-contained page: words first, then exhibits, then what it was run on. Opens offline."""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec
import plotly.offline
from jinja2 import Environment, PackageLoader, StrictUndefined

from bestiary.answers.report import Analysis
from bestiary.errors import UserError
from bestiary.report import (
    _downstream,
    _generalisation,
    _losses,
    _ranking,
    _sensitivity,
    _speedups,
    _strip,
    _subject,
    _tradeoff,
    _tuning,
)
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, drawn
from bestiary.report._identity import identities
from bestiary.report._spending import spending_table
from bestiary.store import write_whole


def write_page(analysis: Analysis, path: Path) -> None:
    """Write the page. The file is complete or not there: it is written beside and moved in place.

    Args:
        analysis: Everything it shows.
        path: The HTML file.

    Raises:
        UserError: the file cannot be written.
    """
    save(page(analysis), path, "--out")


def save(text: str, path: Path, flag: str) -> None:
    """Write a page, complete or not at all; `flag` is what a user would change.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another {flag}") from None


def require_page(path: Path, flag: str) -> None:
    """Find out before any work whether a page can be put there.

    Raises:
        UserError: it cannot.
    """
    if path.is_dir() or not path.parent.is_dir():
        wrong = "is a folder" if path.is_dir() else "is in a folder that does not exist"
        raise UserError(f"cannot write {path}: it {wrong}; choose another {flag}")


def page(analysis: Analysis) -> str:
    """The page as text: styles, scripts, figures and the whole record inside, nothing fetched."""
    looks = identities(analysis.rows)
    return render(
        "page.html",
        exhibits(analysis),
        analysis=analysis,
        looks=looks,
        spending=spending_table(analysis, looks),
        strips=_strip.strips(analysis),
        lost=", ".join(_lost(analysis)),
        record=msgspec.to_builtins(analysis),
    )


def _lost(analysis: Analysis) -> Iterable[str]:
    """The reported runs that have no loss, one by one."""
    for row in analysis.rows:
        for one in row.seeds:
            if one.loss is None:
                place = words.cell(row.size, row.ratio)
                yield f"{row.label}, {place}, seed {one.seed} ({one.state})"


def render(template: str, shown: Sequence[Exhibit], **context: object) -> str:
    """A page of exhibits from its template."""
    plots = {
        f"{exhibit.key}-{place}": panel.figure.to_plotly_json()
        for exhibit in shown
        for place, panel in enumerate(exhibit.panels, 1)
    }
    return (
        environment()
        .get_template(template)
        .render(
            exhibits=shown,
            drawn=drawn,
            plots=packed(json.dumps(plots, allow_nan=False)),
            words=words,
            plotly=_plotly(),
            **context,
        )
    )


def environment() -> Environment:
    """What makes pages of the templates."""
    made = Environment(
        loader=PackageLoader("bestiary.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The study's order must survive, and a NaN is a mistake that must not reach a page.
    made.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    return made


def packed(text: str) -> str:
    """Text as the page's script unpacks it, at a third of its size."""
    return b64encode(zlib.compress(text.encode(), 9)).decode()


@cache
def _plotly() -> str:
    return packed(plotly.offline.get_plotlyjs())


def exhibits(analysis: Analysis) -> list[Exhibit]:
    """The figures of the page in order; what has nothing to show is left out."""
    subject = _subject.own(analysis)
    return drawable(
        _speedups.against_ratio(subject),
        _speedups.against_size(subject),
        _speedups.on_the_clock(subject),
        _tradeoff.tokens_against_time(subject),
        _losses.loss_against_ratio(subject),
        _losses.loss_below_baseline(subject),
        _losses.loss_curves(analysis),
        _ranking.ranking(analysis),
        _generalisation.training_against_validation(analysis),
        _downstream.downstream_against_loss(analysis),
        _sensitivity.sensitivity(subject),
        _tuning.ledger(analysis),
    )


def drawable(*every: Exhibit) -> list[Exhibit]:
    """The exhibits and their panels that have something to show."""
    shown = [e._replace(panels=tuple(p for p in e.panels if drawn([p]))) for e in every]
    return [exhibit for exhibit in shown if exhibit.panels]
