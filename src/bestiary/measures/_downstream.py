"""Whether downstream scores follow the loss, and whether optimizers differ in them.

A standard error is that of the task's choice of questions, which all models share: it stands behind
the interval of a score, and does not shrink with seeds. How scores follow losses is told by how the
optimizers' and cells' points lie about a line, where what they share falls out.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from scipy.special import stdtrit

from bestiary.evidence import Evidence, Observation
from bestiary.specs import NOTHING, Estimate, Spec, TaskScore, missing

# Metrics that are shares of right answers, which can be averaged over tasks.
SHARES = ("acc_norm", "acc", "exact_match", "f1")
DOWNSTREAM_MEAN = "mean of all tasks"
# A change of loss that a sentence can speak of, in nats per token.
LOSS_STEP = 0.1
# Losses at which the line is drawn, and points that make one.
_DRAWN, _LEAST = 9, 3
_NORMAL = 1.959964


class DownstreamPoint(Spec, frozen=True, kw_only=True):
    """One optimizer at one cell: its loss and its score, means over seeds.

    Attributes:
        score: With the interval that the choice of questions leaves.
        difference: From the baseline's score at the same cell; its interval takes the questions of
            both as drawn apart, though they are the same, and is too wide rather than too narrow.
    """

    optimizer: str
    size: str
    ratio: float
    loss: float
    score: Estimate
    difference: Estimate = NOTHING


class FollowedLine(Spec, frozen=True, kw_only=True):
    """A point of the line through the points, with the 95% interval of the line."""

    loss: float
    score: Estimate


class DownstreamTask(Spec, frozen=True, kw_only=True):
    """One task over all optimizers and cells that were asked it.

    Attributes:
        task: By name and shots, or `DOWNSTREAM_MEAN`.
        metric: What stands for it.
        rises: Whether more is better.
        chance: What guessing scores; None where that is not known.
        points: In the order of tables.
        gain: By how much the score rises when the loss falls by `LOSS_STEP`.
        line: The line behind it; empty where there is none.
    """

    task: str
    metric: str
    rises: bool
    chance: float | None
    points: tuple[DownstreamPoint, ...]
    gain: Estimate
    line: tuple[FollowedLine, ...] = ()


def downstream(evidence: Evidence) -> tuple[DownstreamTask, ...]:
    """Every task that any run was asked, their mean first where there are several.

    Runs that were asked other questions under the same name than most are left out.
    """
    names = dict.fromkeys(name for one in evidence.found for run in one.done for name in run.scores)
    tasks = [found for name in names if (found := _task(evidence, name)) is not None]
    shares = [one for one in tasks if one.metric in SHARES]
    return (_mean(evidence, shares), *tasks) if len(shares) > 1 else tuple(tasks)


def _task(evidence: Evidence, name: str) -> DownstreamTask | None:
    asked = Counter(
        run.scores[name].questions
        for one in evidence.found
        for run in one.done
        if name in run.scores
    )
    questions, _ = asked.most_common(1)[0]
    scored = {one: _same(one, name, questions) for one in evidence.found}
    first = next(found[0] for found in scored.values() if found)
    metric = first.headline
    if not metric:
        return None
    points = []
    for one, found in scored.items():
        of = [score.metrics[metric] for score in found if metric in score.metrics]
        values = [score.value for score in of if score.value is not None]
        errors = [score.error for score in of if score.error is not None]
        if values:
            error = float(np.mean(errors)) if errors else None
            points.append(_point(one, float(np.mean(values)), error))
    if not points:
        return None
    return _drawn(evidence, name, metric, points, first.metrics[metric].rises, first.chance)


def _same(one: Observation, name: str, questions: str) -> list[TaskScore]:
    """The scores of an observation's runs on these very questions."""
    found = [run.scores[name] for run in one.done if name in run.scores]
    return [score for score in found if score.questions == questions]


def _point(one: Observation, value: float, error: float | None) -> DownstreamPoint:
    half = None if error is None else _NORMAL * error
    return DownstreamPoint(
        optimizer=one.optimizer,
        size=one.size,
        ratio=one.ratio,
        loss=one.loss,
        score=_about(value, half),
    )


def _about(value: float, half: float | None, note: str = "") -> Estimate:
    low, high = (None, None) if half is None else (value - half, value + half)
    return Estimate(value=value, low=low, high=high, note=note)


def _half(estimate: Estimate) -> float | None:
    if estimate.value is None or estimate.high is None:
        return None
    return estimate.high - estimate.value


def _mean(evidence: Evidence, tasks: Sequence[DownstreamTask]) -> DownstreamTask:
    """Over tasks, of every optimizer and cell that was asked all of them."""
    by_place = [{(p.optimizer, p.size, p.ratio): p for p in one.points} for one in tasks]
    points = []
    for place, first in by_place[0].items():
        own = [found[place] for found in by_place if place in found]
        halves = [_half(one.score) for one in own]
        if len(own) == len(tasks):
            known = [half for half in halves if half is not None]
            half = float(np.sqrt(np.sum(np.square(known)))) / len(own)
            value = float(np.mean([one.score.value for one in own]))
            score = _about(value, half if len(known) == len(own) else None)
            points.append(
                DownstreamPoint(
                    optimizer=first.optimizer,
                    size=first.size,
                    ratio=first.ratio,
                    loss=first.loss,
                    score=score,
                )
            )
    chances = [one.chance for one in tasks if one.chance is not None]
    chance = float(np.mean(chances)) if len(chances) == len(tasks) else None
    return _drawn(
        evidence, DOWNSTREAM_MEAN, f"share right, {len(tasks)} tasks", points, True, chance
    )


def _drawn(
    evidence: Evidence,
    task: str,
    metric: str,
    points: Sequence[DownstreamPoint],
    rises: bool,
    chance: float | None,
) -> DownstreamTask:
    gain, line = _followed(points)
    return DownstreamTask(
        task=task,
        metric=metric,
        rises=rises,
        chance=chance,
        points=tuple(_against_baseline(points, evidence.baseline)),
        gain=gain,
        line=line,
    )


def _against_baseline(
    points: Sequence[DownstreamPoint], baseline: str
) -> Iterable[DownstreamPoint]:
    others = {(one.size, one.ratio): one.score for one in points if one.optimizer == baseline}
    for one in points:
        other = others.get((one.size, one.ratio))
        if one.optimizer == baseline or other is None:
            yield one
            continue
        halves = _half(one.score), _half(other)
        known = [half for half in halves if half is not None]
        half = float(math.hypot(*known)) if len(known) == 2 else None
        value = (one.score.value or 0.0) - (other.value or 0.0)
        yield msgspec.structs.replace(one, difference=_about(value, half))


def _followed(points: Sequence[DownstreamPoint]) -> tuple[Estimate, tuple[FollowedLine, ...]]:
    """The gain of a lower loss, and the line: least squares, with Student's intervals."""
    loss_N = np.array([one.loss for one in points])
    score_N = np.array([one.score.value for one in points], float)
    spread = float(np.sum((loss_N - loss_N.mean()) ** 2)) if len(points) else 0.0
    if len(points) < _LEAST or spread == 0.0:
        return missing(f"a line needs {_LEAST} points of different losses, got {len(points)}"), ()
    slope = float(np.sum((loss_N - loss_N.mean()) * score_N)) / spread
    rest_N = score_N - score_N.mean() - slope * (loss_N - loss_N.mean())
    freedom = len(points) - 2
    deviation = float(np.sqrt(np.sum(rest_N**2) / freedom))
    times = float(stdtrit(freedom, 0.975))
    line = []
    for loss in np.linspace(loss_N.min(), loss_N.max(), _DRAWN).tolist():
        away = loss - float(loss_N.mean())
        half = times * deviation * float(np.sqrt(1 / len(points) + away**2 / spread))
        line.append(
            FollowedLine(loss=loss, score=_about(float(score_N.mean()) + slope * away, half))
        )
    half = LOSS_STEP * times * deviation / float(np.sqrt(spread))
    return _about(-LOSS_STEP * slope, half), tuple(line)
