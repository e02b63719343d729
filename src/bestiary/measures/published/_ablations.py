"""The study's ablations: one hyperparameter changed, around where its first phase ended."""

import math
from functools import cache

from bestiary.evidence.published import LABELS, runs
from bestiary.measures._sensitivity import SensitivityPoint
from bestiary.measures.published._insensitive import REGIMES
from bestiary.store import ForeignResult

RATE = "learning_rate"
# A side study of the authors, not part of the paper's comparison.
LATER = "shampoo"
OTHERS = ("weight_decay", "warmup", "beta1", "beta2", "train_batch_size", "max_grad_norm")


@cache
def ablations() -> tuple[SensitivityPoint, ...]:
    """Every ablation of the learning rate, and those of the others at the smallest cell."""
    asked = [(RATE, *regime) for regime in REGIMES] + [(name, *REGIMES[0]) for name in OTHERS]
    return tuple(point for one in asked for point in _points(*one))


def _points(coordinate: str, size: str, ratio: float) -> list[SensitivityPoint]:
    """The ablations of one coordinate; of runs that repeat a value, the best."""
    best: dict[tuple[str, float], ForeignResult] = {}
    for run in runs():
        if run.optimizer == LATER:
            continue
        here = (run.size, run.ratio, run.tags["phase"]) == (size, ratio, "I")
        value = run.settings.get(coordinate)
        if here and run.tags["changed"] in ("", coordinate) and isinstance(value, int | float):
            key = (run.optimizer, float(value))
            if key not in best or _rank(run) < _rank(best[key]):
                best[key] = run
    found = [_point(run, ratio, coordinate, value) for (_, value), run in best.items()]
    several = {p.optimizer for p in found if sum(q.optimizer == p.optimizer for q in found) > 1}
    return [point for point in found if point.optimizer in several]


def _rank(run: ForeignResult) -> tuple[bool, float]:
    """The optimum itself before its repetitions, then the lowest loss."""
    return bool(run.tags["changed"]), math.inf if run.loss is None else run.loss


def _point(run: ForeignResult, ratio: float, coordinate: str, value: float) -> SensitivityPoint:
    return SensitivityPoint(
        optimizer=run.optimizer,
        label=LABELS[run.optimizer],
        size=run.size or "",
        ratio=ratio,
        coordinate=coordinate,
        value=value,
        loss=run.loss,
        state="diverged" if run.state == "diverged" else "done" if run.loss else "failed",
        winner=run.tags["changed"] == "",
    )
