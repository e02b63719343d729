"""What downstream scores say, in sentences: do they follow the loss, do optimizers differ?"""

from collections.abc import Mapping, Sequence

from bestiary.measures import DOWNSTREAM_MEAN, LOSS_STEP, DownstreamPoint, DownstreamTask


def downstream_sentences(
    tasks: Sequence[DownstreamTask], labels: Mapping[str, str], baseline: str
) -> tuple[str, ...]:
    """Of the mean over tasks where there is one, else of every task.

    Args:
        tasks: What was measured; none, and nothing is said.
        labels: Name of an optimizer -> its name in tables.
        baseline: The baseline's name in tables.
    """
    shown = [one for one in tasks if one.task == DOWNSTREAM_MEAN] or tasks
    return tuple(
        sentence
        for one in shown
        for sentence in (_followed(one), _differing(one, labels, baseline))
        if sentence
    )


def _followed(one: DownstreamTask) -> str:
    """Whether the score goes with the loss."""
    if one.gain.value is None:
        return ""
    better = one.gain.side(0.0) if one.rises else -one.gain.side(0.0)
    head = {
        1: f"Downstream follows loss ({_named(one)})",
        -1: f"Downstream goes against loss ({_named(one)})",
        0: f"Whether downstream follows loss is not beyond doubt ({_named(one)})",
    }[better]
    form = "+.3f"
    return (
        f"{head}: with {LOSS_STEP:g} nats less the score changes by {one.gain.text(form)}, over "
        f"{len(one.points)} optimizers and cells."
    )


def _differing(one: DownstreamTask, labels: Mapping[str, str], baseline: str) -> str:
    """Who scores better or worse than the baseline at equal tokens, beyond the questions' luck."""
    compared = [point for point in one.points if point.difference.bounded]
    if not compared:
        return ""
    told = [_place(point, labels) for point in compared if point.difference.side(0.0)]
    if not told:
        return (
            f"At equal tokens no score differs from {baseline}'s by more than the choice of "
            f"questions may explain ({_named(one)})."
        )
    return (
        f"Scores that differ from {baseline}'s at equal tokens ({_named(one)}): {', '.join(told)}."
    )


def _place(point: DownstreamPoint, labels: Mapping[str, str]) -> str:
    where = f"{point.size} {point.ratio:g}x"
    return f"{labels[point.optimizer]} at {where} by {point.difference.text('+.3f')}"


def _named(one: DownstreamTask) -> str:
    return one.task if one.task == DOWNSTREAM_MEAN else f"{one.task}, {one.metric}"
