"""The study's tuning, replayed: what its protocol makes of its own stored runs.

The planner's rules are fed with the runs that the study stored: which configuration a cell's search
ends at, which hyperparameters depend on scale, and what its laws predict for 1.2b. Each comes with
what the study has there, so that every difference can be listed.
"""

import math
from collections.abc import Iterable, Mapping
from functools import cache

from bestiary.errors import UserError
from bestiary.evidence.published import SIZES, configurations, grids, predictions, runs, sensitive
from bestiary.laws import StudySetting, fit_study_setting
from bestiary.measures.published._insensitive import DELTA_NEAR, REGIMES
from bestiary.measures.published._variant import DELTA
from bestiary.specs import SIZES as SHAPES
from bestiary.specs import Configuration, Setting, Spec
from bestiary.store import ForeignResult
from bestiary.tune import least_missing, sensitivity

Place = tuple[str, str, float]
LARGEST = SIZES[-1]
RATIOS = (1.0, 2.0, 4.0, 8.0)
# A loss above this is that of a diverged run.
DIVERGED = 6.0
# Relative difference below which two fits are the same.
SAME = 1e-3


class SettingDifference(Spec, frozen=True, kw_only=True):
    """A hyperparameter in which a derived configuration is not the study's; None where not set."""

    name: str
    derived: Setting | None
    published: Setting | None


class ReplayedCell(Spec, frozen=True, kw_only=True):
    """Where the search of a cell ends on its stored runs.

    Attributes:
        runs: Stored runs that ended, diverged ones included.
        missing: How many runs of the configuration's star are not stored; 0 is a search that ends.
        loss: Of the derived configuration, nats per token.
        published_loss: Of the study's configuration; None where that run is not stored.
        published_missing: As `missing`, for the study's configuration.
        differences: What is not the same; empty where it is re-derived.
    """

    optimizer: str
    size: str
    ratio: float
    runs: int
    missing: int
    loss: float
    published_loss: float | None
    published_missing: int
    differences: tuple[SettingDifference, ...]


class ReplayedSensitivity(Spec, frozen=True, kw_only=True):
    """Which hyperparameters the rule calls scaling-sensitive, and which the study lists.

    Attributes:
        derived: By the rule, on the stored runs of the six regimes.
        table: In table 4 of the paper; None where it has no row.
        repository: In the authors' repository; None where it has no entry.
    """

    optimizer: str
    derived: tuple[str, ...]
    table: tuple[str, ...] | None
    repository: tuple[str, ...] | None


class ReplayedPrediction(Spec, frozen=True, kw_only=True):
    """A hyperparameter at 1.2b.

    Attributes:
        fitted: By the study's law on its best configurations; None where that is not found.
        published: By the authors' fit.
        executed: What they then ran; None where they ran nothing.
    """

    optimizer: str
    ratio: float
    name: str
    fitted: float | None
    published: float
    executed: float | None

    @property
    def same(self) -> bool:
        """Whether the two fits are the same."""
        return self.fitted is not None and math.isclose(self.fitted, self.published, rel_tol=SAME)


class Replay(Spec, frozen=True, kw_only=True):
    """The study's tuning, replayed.

    Attributes:
        cells: Every cell with a grid, in the order of the packaged tables.
        sensitive: By optimizer.
        predictions: What phase III predicts.
    """

    cells: tuple[ReplayedCell, ...]
    sensitive: tuple[ReplayedSensitivity, ...]
    predictions: tuple[ReplayedPrediction, ...]


def replayed() -> Replay:
    """Replay phases I, II and III of arXiv 2509.02046 on its stored runs."""
    found = _stored()
    return Replay(
        cells=tuple(
            _cell(place, found[place], grid)
            for place, grid in grids().items()
            if place in found and place in configurations()
        ),
        sensitive=tuple(_sensitive(found)),
        predictions=tuple(_predictions()),
    )


def _stored() -> dict[Place, list[ForeignResult]]:
    found: dict[Place, list[ForeignResult]] = {}
    for run in runs():
        assert run.ratio is not None
        if run.state != "unfinished":
            found.setdefault((run.optimizer, run.size, run.ratio), []).append(run)
    return found


def _cell(
    place: Place, stored: list[ForeignResult], grid: Mapping[str, tuple[Setting, ...]]
) -> ReplayedCell:
    trials = [(_plain(run.settings), _loss(run)) for run in stored]
    derived, missing = least_missing(trials, grid, acceptance=DELTA)
    published = _plain(configurations()[place])
    losses = [loss for one, loss in trials if one == published]
    _, published_missing = least_missing(
        [(published, 0.0), *((one, math.inf) for one, _ in trials if one != published)],
        grid,
        acceptance=0.0,
    )
    names = dict.fromkeys((*derived, *published))
    return ReplayedCell(
        optimizer=place[0],
        size=place[1],
        ratio=place[2],
        runs=len(trials),
        missing=missing,
        loss=min(loss for one, loss in trials if one == derived),
        published_loss=min(losses) if losses else None,
        published_missing=published_missing,
        differences=tuple(
            SettingDifference(name=name, derived=derived.get(name), published=published.get(name))
            for name in names
            if derived.get(name) != published.get(name)
        ),
    )


def _sensitive(found: Mapping[Place, list[ForeignResult]]) -> Iterable[ReplayedSensitivity]:
    table, repository = sensitive("table"), sensitive("repository")
    for name in table:
        regimes = [
            [
                (_plain(run.settings), _loss(run))
                for run in found[name, *regime]
                if run.tags["phase"] == "I"
            ]
            for regime in REGIMES
        ]
        judged = sensitivity(regimes, DELTA_NEAR)
        yield ReplayedSensitivity(
            optimizer=name,
            derived=tuple(sorted(one.name for one in judged if one.sensitive)),
            table=tuple(sorted(table[name])),
            repository=tuple(sorted(repository[name])) if name in repository else None,
        )


def _predictions() -> Iterable[ReplayedPrediction]:
    for (optimizer, ratio), settings in predictions().items():
        tuned = {
            (size, at): configurations()[optimizer, size, at]
            for size in SIZES[:-1]
            for at in RATIOS
        }
        executed = configurations().get((optimizer, LARGEST, ratio), {})
        for name, published in settings.items():
            values = [one.get(name) for one in tuned.values()]
            if len(set(values)) < 2 or not all(isinstance(one, int | float) for one in values):
                continue
            ran = executed.get(name)
            yield ReplayedPrediction(
                optimizer=optimizer,
                ratio=ratio,
                name=name,
                fitted=_fitted(tuned, name, ratio),
                published=published,
                executed=float(ran) if isinstance(ran, int | float) else None,
            )


def _fitted(
    tuned: Mapping[tuple[str, float], Configuration], name: str, ratio: float
) -> float | None:
    """The study's law on its own best configurations; None where the fit does not converge."""
    law = _law(
        tuple(SHAPES[size].matrix_parameters for size, _ in tuned),
        tuple(at for _, at in tuned),
        tuple(float(one[name]) for one in tuned.values()),
    )
    return None if law is None else float(law.predict(SHAPES[LARGEST].matrix_parameters, ratio))


@cache
def _law(
    sizes: tuple[float, ...], ratios: tuple[float, ...], values: tuple[float, ...]
) -> StudySetting | None:
    """The fit, once for all ratios asked about; one that does not converge takes longest."""
    try:
        return fit_study_setting(sizes, ratios, values)
    except UserError:
        return None


def _loss(run: ForeignResult) -> float:
    return run.loss if run.loss is not None and run.loss < DIVERGED else math.inf


def _plain(settings: Configuration) -> Configuration:
    """Settings with numbers as numbers: the tables write 1, 1.0 and True as it comes."""
    return {
        name: float(value) if isinstance(value, int | float) else value
        for name, value in settings.items()
    }
