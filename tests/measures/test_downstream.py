"""Downstream scores against losses: lines that are known are found, with their intervals."""

import json
from collections.abc import Callable
from functools import cache

import msgspec
import numpy as np
import pytest
from tests.report.made_up import made_up, made_up_evidence

from bestiary.answers.report import Analysis
from bestiary.answers.report._downstream import downstream_sentences
from bestiary.evidence import Evidence, Observation, with_scores
from bestiary.measures import DOWNSTREAM_MEAN, DownstreamPoint, downstream
from bestiary.measures._downstream import _followed
from bestiary.report._downstream import downstream_against_loss
from bestiary.specs import Score, Scores, TaskScore, canonical_json, exactly

QUESTIONS = "a" * 64
ERROR = 0.01
Rule = Callable[[Observation], float]


def task_score(value: float, questions: str = QUESTIONS, name: str = "choice") -> TaskScore:
    return TaskScore(
        task=name,
        few_shot=0,
        version="1",
        harness="lm_eval 0",
        documents=100,
        available=100,
        chance=0.25,
        questions=questions,
        metrics={"acc": Score(value=value, error=ERROR)},
    )


@cache
def unscored() -> Evidence:
    return made_up_evidence()


def scored(*rules: Rule, questions: str = QUESTIONS) -> Evidence:
    """The made-up study, its runs named and scored by a rule for each task."""
    evidence = unscored()
    replace = msgspec.structs.replace
    named = tuple(
        replace(
            one,
            runs=tuple(
                replace(run, run_id=f"{one.optimizer} {one.size} {one.ratio} {run.seed}")
                for run in one.runs
            ),
        )
        for one in evidence.observations
    )
    scores = {}
    for one in named:
        found = [task_score(rule(one), questions, f"task{n}") for n, rule in enumerate(rules)]
        for run in one.runs:
            tasks = {task.name: task for task in found}
            scores[run.run_id] = Scores(run_id=run.run_id, tasks=tasks)
    return with_scores(replace(evidence, observations=named), scores)


def falling(one: Observation) -> float:
    return 0.9 - 0.3 * one.loss


def told(evidence: Evidence) -> tuple[str, ...]:
    return downstream_sentences(downstream(evidence), evidence.labels, "AdamW")


def shown(evidence: Evidence) -> Analysis:
    return msgspec.structs.replace(made_up(), downstream=downstream(evidence))


def test_a_line_is_found() -> None:
    (task,) = downstream(scored(falling))
    assert (task.task, task.metric, task.chance) == ("task0:0", "acc", 0.25)
    assert len(task.points) == 24
    assert task.gain.value == pytest.approx(0.03)
    assert task.gain.high - task.gain.low == pytest.approx(0, abs=1e-9)
    for point in task.points:
        assert point.score.value == pytest.approx(0.9 - 0.3 * point.loss)
        assert point.score.high - point.score.value == pytest.approx(1.96 * ERROR, rel=1e-3)
    assert json.loads(canonical_json(task))["points"]  # it travels as JSON
    first, *_ = told(scored(falling))
    assert "Downstream follows loss (task0:0, acc): with 0.1 nats less" in first


def test_the_interval_of_the_line_holds_its_slope_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    losses = np.linspace(1.5, 2.1, 7)
    held = 0
    for _ in range(400):
        scores = 0.9 - 0.3 * losses + rng.normal(0, 0.02, 7)
        gain, _ = _followed(
            [
                DownstreamPoint(
                    optimizer="adamw", size="a", ratio=1.0, loss=loss, score=exactly(score, "")
                )
                for loss, score in zip(losses.tolist(), scores.tolist(), strict=True)
            ]
        )
        held += gain.low <= 0.03 <= gain.high
    assert 365 <= held <= 394  # of 400, at 95%: three standard deviations


def test_what_does_not_follow_is_not_said_to() -> None:
    rng = np.random.default_rng(0)
    sentences = told(scored(lambda one: 0.5 + rng.normal(0, 0.001)))
    assert "is not beyond doubt" in sentences[0]
    assert "no score differs from AdamW's by more than the choice of questions" in sentences[1]
    assert "goes against loss" in told(scored(lambda one: 0.1 + 0.3 * one.loss))[0]


def test_an_optimizer_that_scores_otherwise_is_named() -> None:
    def odd(one: Observation) -> float:
        return 0.5 + 0.1 * (one.optimizer == "lion" and one.size == "16k" and one.ratio == 1)

    sentence = told(scored(odd))[-1]
    assert sentence.startswith("Scores that differ from AdamW's at equal tokens")
    assert "Lion at 16k 1x by +0.100 [+0.072, +0.128]." in sentence
    assert sentence.count(" by ") == 1


def test_several_tasks_have_a_mean() -> None:
    mean, first, second = downstream(scored(falling, lambda one: 0.5))
    assert mean.task == DOWNSTREAM_MEAN
    assert (first.task, second.task) == ("task0:0", "task1:0")
    assert mean.gain.value == pytest.approx(0.015)
    half = mean.points[0].score.high - mean.points[0].score.value
    assert half == pytest.approx(1.96 * ERROR / 2**0.5, rel=1e-3)
    assert mean.chance == 0.25


def test_other_questions_are_not_compared() -> None:
    evidence = scored(falling)
    first = evidence.observations[0]
    other = {"task0:0": task_score(1.0, "b" * 64, "task0")}
    replaced = msgspec.structs.replace(
        first, runs=tuple(msgspec.structs.replace(run, scores=other) for run in first.runs)
    )
    mixed = msgspec.structs.replace(evidence, observations=(replaced, *evidence.observations[1:]))
    (task,) = downstream(mixed)
    assert len(task.points) == 23


def test_without_scores_there_is_nothing() -> None:
    assert downstream(unscored()) == ()
    assert told(unscored()) == ()


@pytest.mark.slow
def test_the_figure_has_every_point_the_line_and_chance() -> None:
    analysis = shown(scored(falling, lambda one: 0.5))
    exhibit = downstream_against_loss(analysis)
    assert exhibit.panels[0].title.startswith("mean of all tasks")
    assert len(exhibit.rows) == 3 * 24
    assert {len(cells) for cells in exhibit.rows} == {len(exhibit.header)}
    band, line, chance, *points = exhibit.panels[1].figure.data
    assert len(band.x) == 2 * len(line.x)
    assert set(chance.y) == {0.25}
    assert sum(len(trace.x) for trace in points) == 24
    (muon,) = [trace for trace in points if trace.meta == "muon"]
    assert muon.error_y.array[0] == pytest.approx(1.96 * ERROR, rel=1e-3)
