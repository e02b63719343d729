"""Batched likelihoods against the plain formula, one text at a time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.downstream import Likelihoods, Question
from bestiary.errors import UserError
from bestiary.models import init, logits
from bestiary.specs import ModelSpec

SPEC = ModelSpec(
    layers=1, hidden=16, intermediate=32, heads=2, key_value_heads=2, context=48, vocabulary=61
)


@pytest.fixture(scope="module")
def params() -> dict:
    drawn = init(SPEC, jax.random.key(0))
    return drawn | {"head": drawn["head"] * 30}  # so that likelihoods differ


def questions(count: int, seed: int = 0) -> list[Question]:
    rng = np.random.default_rng(seed)
    return [
        Question(
            rng.integers(0, 61, rng.integers(1, 70)).tolist(),
            rng.integers(0, 61, rng.integers(1, 9)).tolist(),
        )
        for _ in range(count)
    ]


# One text at a time, compiled for each length: operation by operation takes many times as long.
plain_logits = jax.jit(logits, static_argnums=2)


def by_formula(params: dict, one: Question) -> tuple[float, bool]:
    text = np.array([*one.given, *one.asked][-(SPEC.context + 1) :])
    scores_TV = np.asarray(plain_logits(params, jnp.asarray(text[None, :-1]), SPEC)[0], np.float64)
    nats_TV = scores_TV - np.log(np.exp(scores_TV).sum(-1, keepdims=True))
    rows = np.arange(len(text) - 1 - len(one.asked), len(text) - 1)
    greedy = scores_TV[rows].argmax(-1) == text[rows + 1]
    return float(nats_TV[rows, text[rows + 1]].sum()), bool(greedy.all())


@pytest.mark.slow
def test_they_are_the_formula_s(params: dict) -> None:
    asked = questions(20)
    # One whose continuation is the model's own, so that some answer is greedy.
    given = asked[0].given
    best = int(np.argmax(np.asarray(plain_logits(params, jnp.asarray([given[-48:]]), SPEC))[0, -1]))
    asked.append(Question(given, [best]))
    found = Likelihoods(params, SPEC).of(asked)
    for one, answer in zip(asked, found, strict=True):
        nats, greedy = by_formula(params, one)
        assert answer.nats == pytest.approx(nats, rel=1e-4, abs=1e-4)
        assert answer.is_greedy == greedy
    assert found[-1].is_greedy
    assert len({round(one.nats, 3) for one in found}) > 15


@pytest.mark.slow
def test_company_changes_nothing_and_every_text_is_counted(params: dict) -> None:
    asked = questions(70, seed=1)  # more than one batch of a length
    model = Likelihoods(params, SPEC)
    told: list[tuple[int, int]] = []
    together = model.of(asked, lambda done, of: told.append((done, of)))
    assert told[-1] == (70, 70)
    alone = [model.of([one])[0] for one in asked[:3]]
    assert together[:3] == alone
    assert model.of(list(reversed(asked))) == list(reversed(together))


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question([], [1]), "follows one token at least"),
        (Question([1], [2] * 49), "must fit the model's context of 48 tokens, got 49"),
    ],
)
def test_what_cannot_be_asked(params: dict, question: Question, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Likelihoods(params, SPEC).of([question])


def test_no_question_is_no_answer(params: dict) -> None:
    assert Likelihoods(params, SPEC).of([]) == []
