"""How the loss reacts to each hyperparameter around the configuration that was chosen."""

import math

from bestiary.evidence import Evidence, Observation, State, Tried
from bestiary.specs import Configuration, Setting, Spec
from bestiary.tune import varied


class SensitivityPoint(Spec, frozen=True, kw_only=True):
    """What a value of a coordinate gave: the run nearest to the winner of its cell.

    Attributes:
        coordinate: The coordinate that is varied.
        value: Its value in this run.
        loss: Selection loss; None where the run diverged or failed.
        winner: Whether this is the winner's own value.
        differs: Settings of this run in other coordinates that are not the winner's; empty where
            its value was tried beside the winner's own.
    """

    optimizer: str
    label: str
    size: str
    ratio: float
    coordinate: str
    value: Setting
    loss: float | None
    state: State
    winner: bool
    differs: Configuration = {}


def sensitivity(evidence: Evidence) -> tuple[SensitivityPoint, ...]:
    """The tuning runs around the chosen configuration, by optimizer and the cells tuned."""
    return tuple(
        point
        for name in evidence.contenders
        for one in evidence.observations
        if one.optimizer == name and (winner := one.settings or _best_of(one.tried))
        for point in _around(evidence.contenders[name].label, one, winner)
    )


def _best_of(tried: tuple[Tried, ...]) -> Configuration | None:
    """The configuration of the lowest loss; None where none was reached."""
    finished = [run for run in tried if run.loss is not None]
    return min(finished, key=_rank).settings if finished else None


def _around(label: str, one: Observation, winner: Configuration) -> list[SensitivityPoint]:
    """For every value of every coordinate the run beside the winner's settings, else the best."""
    points = []
    for coordinate, values in varied([(run.settings, _rank(run)) for run in one.tried]).items():
        for value in _in_order(values):
            here = [
                (_differs(coordinate, run.settings, winner), run)
                for run in one.tried
                if run.settings.get(coordinate) == value
            ]
            differs, run = min(here, key=lambda pair: (bool(pair[0]), _rank(pair[1])))
            points.append(
                SensitivityPoint(
                    optimizer=one.optimizer,
                    label=label,
                    size=one.size,
                    ratio=one.ratio,
                    coordinate=coordinate,
                    value=value,
                    loss=run.loss,
                    state=run.state,
                    winner=value == winner.get(coordinate) and not differs,
                    differs=differs,
                )
            )
    return points


def _differs(coordinate: str, one: Configuration, winner: Configuration) -> Configuration:
    """The settings beside a coordinate that are not the winner's."""
    return {
        name: value
        for name, value in one.items()
        if name != coordinate and (name not in winner or winner[name] != value)
    }


def _rank(run: Tried) -> float:
    """By loss, those without one last."""
    return math.inf if run.loss is None else run.loss


def _in_order(values: tuple[Setting, ...]) -> list[Setting]:
    """Numbers ascending; anything else as it was tried."""
    if any(isinstance(value, bool | str) for value in values):
        return list(values)
    return sorted(values)
