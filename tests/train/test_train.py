"""What a training leaves, and what must not change it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bestiary import models
from bestiary.data import Corpus
from bestiary.specs import RunSpec, ScheduleSpec, run_id
from bestiary.train import Policy, metrics_file, read_metrics, train
from bestiary.train._program import program

Make = Callable[..., RunSpec]
Outcome = Callable[..., dict[str, Any]]


@pytest.mark.slow
@pytest.mark.usefixtures("as_users_compile")
def test_a_run_learns_and_says_what_it_did(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    run = make_run(evaluate_every=8, steps=60)
    seen: list[tuple[int, float]] = []
    policy = Policy(progress=lambda step, loss: seen.append((step, loss)))
    result = train([run], corpus, tmp_path, policy)[0]
    assert result.state == "done"
    assert result.run_id == run_id(run)
    assert [one.step for one in result.evaluations] == [8, 16, 24, 32, 40, 48, 56, 60]
    assert result.loss == result.evaluations[-1].loss
    assert result.loss["selection"] < result.evaluations[0].loss["selection"] - 0.3
    assert result.tokens == run.tokens
    assert result.last_step == run.steps
    for split, bits in result.bits_per_byte.items():
        expected = result.loss[split] / math.log(2) / corpus.bytes_per_token(split)
        assert bits == pytest.approx(expected)
    assert min(result.seconds, result.step_seconds) > 0
    assert {"jax", "processor", "device", "cores"} <= set(result.environment)
    # Two moments in float32, and optax's own counter.
    assert 0 <= result.state_bytes - 8 * run.model.parameters <= 8
    assert [step for step, _ in seen][-1] == run.steps

    rows = read_metrics(metrics_file(tmp_path, run_id(run)))
    assert [row.step for row in rows] == list(range(run.steps))
    assert rows[0].learning_rate == 0.0
    assert rows[3].learning_rate == np.float32(0.01)
    assert rows[0].loss == pytest.approx(math.log(256) + 0.5, abs=0.5)
    assert [point.loss for point in result.curve] == [row.loss for row in rows]


@pytest.mark.slow
def test_equals_a_plain_optax_loop(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    import jax
    import jax.numpy as jnp
    import optax

    from bestiary import data

    run = make_run(
        settings={"weight_decay": 0.0, "max_grad_norm": 0.0, "epsilon": 1e-8},
        schedule=ScheduleSpec(kind="constant"),
        steps=8,
    )
    optimizer = optax.adamw(0.01, b1=0.9, b2=0.95, eps=1e-8, weight_decay=0.0)
    params = jax.jit(models.init, static_argnums=0)(run.model, jax.random.key(run.seed))
    state = optimizer.init(params)

    @jax.jit
    def step_of(params: Any, state: Any, tokens: Any) -> Any:
        loss, grads = jax.value_and_grad(models.loss)(params, tokens, run.model)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    expected = []
    for step in range(run.steps):
        starts = data.starts(corpus, 16, run.seed, first_step=step, steps=1, batch_size=4)[0]
        tokens = jnp.asarray(corpus.sequences(starts, 16))
        params, state, loss = step_of(params, state, tokens)
        expected.append(float(loss))
    result = train([run], corpus, tmp_path)[0]
    assert [point.loss for point in result.curve] == pytest.approx(expected, abs=2e-5)
    every = corpus.validation("report", 16)
    held = jnp.asarray(every[np.arange(6) * len(every) // 6])
    on_held = float(jax.jit(models.loss, static_argnums=2)(params, held, run.model))
    assert result.loss["report"] == pytest.approx(on_held, abs=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy",
    [
        Policy(steps_per_dispatch=1),
        Policy(steps_per_dispatch=7),
        Policy(resident_bytes=0),
        Policy(resident_bytes=0, steps_per_dispatch=3),
    ],
    ids=["one step a dispatch", "seven", "streamed", "streamed by threes"],
)
@pytest.mark.usefixtures("as_users_compile")
def test_the_policy_does_not_change_a_bit(
    policy: Policy, make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run(evaluate_every=6)
    whole = train([run], corpus, tmp_path / "whole")[0]
    other = train([run], corpus, tmp_path / "other", policy)[0]
    assert outcome(other, run, tmp_path / "other") == outcome(whole, run, tmp_path / "whole")


@pytest.mark.slow
def test_accumulation_is_the_same_gradient(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    one = train([make_run()], corpus, tmp_path / "1")[0]
    four = train([make_run(accumulation=4)], corpus, tmp_path / "4")[0]
    for left, right in zip(one.curve, four.curve, strict=True):
        assert right.loss == pytest.approx(left.loss, abs=1e-4)


@pytest.mark.slow
def test_three_learning_rates_are_traced_once(
    make_run: Make, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.cache_clear()
    traces: list[Any] = []
    loss = models.loss

    def counted(*arguments: Any, **named: Any) -> Any:
        traces.append(arguments)
        return loss(*arguments, **named)

    monkeypatch.setattr(models, "loss", counted)
    after = []
    for rate, steps, warmup in ((0.001, 8, 0.0), (0.01, 12, 2.0), (0.1, 9, 1.5)):
        run = make_run(
            settings={"learning_rate": rate, "weight_decay": rate, "beta1": 1 - rate},
            schedule=ScheduleSpec(warmup_steps=warmup, final_fraction=rate),
            steps=steps,
        )
        train([run], corpus, tmp_path / str(rate), Policy(steps_per_dispatch=8))
        after.append(len(traces))
    assert after[0] > 0
    assert after == [after[0]] * 3


@pytest.mark.slow
def test_the_seed_decides_start_and_data(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    runs = [make_run(seed=seed, steps=3) for seed in (0, 1, 2**40)]
    curves = [train([run], corpus, tmp_path / str(run.seed))[0].curve for run in runs]
    again = train([runs[0]], corpus, tmp_path / "again")[0].curve
    assert again == curves[0]
    assert len(set(curves)) == 3


@pytest.mark.slow
def test_a_population_is_its_runs(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    runs = [
        make_run(settings={"learning_rate": 0.003}, seed=1),
        make_run(settings={"learning_rate": 0.03}, schedule=ScheduleSpec(warmup_steps=5.0)),
    ]
    together = train(runs, corpus, tmp_path / "together")
    for run, result in zip(runs, together, strict=True):
        alone = train([run], corpus, tmp_path / result.run_id[:6])[0]
        assert result.run_id == alone.run_id
        assert result.loss == pytest.approx(alone.loss, abs=1e-4)
        assert result.state_bytes == alone.state_bytes
        assert [p.loss for p in result.curve] == pytest.approx(
            [p.loss for p in alone.curve], abs=1e-4
        )


@pytest.mark.slow
def test_divergence_is_a_result(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    run = make_run(settings={"learning_rate": 1e30}, schedule=ScheduleSpec(warmup_steps=1.0))
    result = train([run], corpus, tmp_path)[0]
    rows = read_metrics(metrics_file(tmp_path, run_id(run)))
    assert result.state == "diverged"
    assert result.last_step == len(rows) - 1 < run.steps
    assert rows[-1].loss is None
    assert result.last_finite_loss == rows[-2].loss
    assert result.loss == {}
    assert result.tokens == result.last_step * 4 * 16
    for line in metrics_file(tmp_path, run_id(run)).read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(name))


@pytest.mark.slow
def test_a_diverged_run_leaves_the_others_alone(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    schedule = ScheduleSpec(warmup_steps=1.0)
    bad = make_run(settings={"learning_rate": 1e30}, schedule=schedule)
    good = make_run(settings={"learning_rate": 0.02}, schedule=schedule)
    other = make_run(settings={"learning_rate": 0.01}, schedule=schedule)
    with_bad = train([good, bad], corpus, tmp_path / "bad")
    with_other = train([good, other], corpus, tmp_path / "other")
    assert [result.state for result in with_bad] == ["done", "diverged"]
    assert outcome(with_bad[0], good, tmp_path / "bad") == outcome(
        with_other[0], good, tmp_path / "other"
    )


@pytest.mark.slow
def test_bfloat16_is_close_to_float32(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    full = train([make_run()], corpus, tmp_path / "full")[0]
    half = train([make_run(compute_dtype="bfloat16")], corpus, tmp_path / "half")[0]
    assert half.loss != full.loss
    assert half.loss == pytest.approx(full.loss, abs=0.05)
