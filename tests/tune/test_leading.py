"""Who leads while a study goes on, and the sums that this is read from."""

import numpy as np
import pytest
from scipy import stats
from tests.tune.study import answer, study

from bestiary.specs import RunResult, run_id
from bestiary.tune import Leader, Sums, Tallied, leaders


def row(optimizer: str, purpose: str, losses: list[float], size: str = "small") -> Tallied:
    several = np.array(losses)
    return Tallied(
        optimizer=optimizer,
        size=size,
        ratio=1.0,
        purpose=purpose,
        done=len(losses),
        best=min(losses),
        losses=len(losses),
        mean=float(several.mean()),
        squares=float(((several - several.mean()) ** 2).sum()),
    )


def test_the_sums_are_those_of_the_losses_themselves() -> None:
    results, order = answer(study())
    sums, losses = Sums(), {}
    for one in order:
        result = results[run_id(one.run)]
        sums.count(one, result)
        key = one.optimizer, one.cell.size, one.cell.ratio, one.purpose
        losses.setdefault(key, []).extend(result.loss.get(split) for split in ("selection",))
    assert len(sums.rows()) == len(losses)
    for found in sums.rows():
        several = losses[found.optimizer, found.size, found.ratio, found.purpose]
        finite = [loss for loss in several if loss is not None]
        assert (found.done, found.losses) == (len(several), len(finite))
        assert found.diverged == len(several) - len(finite)
        assert found.best == min(finite)
        assert found.mean == pytest.approx(np.mean(finite))
        assert found.squares == pytest.approx(np.var(finite) * len(finite), abs=1e-12)


def test_a_failed_run_is_no_loss_and_is_not_done() -> None:
    (planned, *_), sums = answer(study())[1], Sums()
    sums.count(planned, RunResult(run_id=run_id(planned.run), state="failed", reason="no"))
    (found,) = sums.rows()
    assert (found.failed, found.done, found.losses, found.best) == (1, 0, 0, None)


def test_fresh_seeds_decide_where_two_have_them_with_the_noise_between_seeds() -> None:
    rows = (
        row("adamw", "tune", [1.0, 1.5]),
        row("adamw", "report", [2.0, 2.2]),
        row("muon", "report", [1.9, 1.8, 1.85]),
    )
    (leader,) = leaders(rows)
    assert (leader.optimizer, leader.behind, leader.losses) == ("muon", "adamw", 3)
    assert (leader.loss, leader.purpose) == (pytest.approx(1.85), "report")
    deviation = np.sqrt((0.02 + 0.005) / 3)
    half = stats.t.ppf(0.975, 3) * deviation * np.sqrt(1 / 3 + 1 / 2)
    ahead = leader.ahead
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx((0.25, 0.25 - half, 0.25 + half))


def test_while_tuning_the_best_runs_are_compared_and_no_noise_is_made_up() -> None:
    (leader,) = leaders((row("adamw", "tune", [2.0, 2.4]), row("muon", "tune", [2.1])))
    assert (leader.optimizer, leader.loss, leader.behind) == ("adamw", 2.0, "muon")
    assert leader.ahead.value == pytest.approx(0.1)
    assert not leader.ahead.bounded
    assert "no noise" in leader.ahead.note


def test_one_alone_leads_before_nobody() -> None:
    found = leaders((row("adamw", "tune", [2.0]), row("adamw", "report", [2.1, 2.2])))
    assert [(one.optimizer, one.behind, one.ahead.value) for one in found] == [("adamw", "", None)]
    assert leaders(()) == ()


def test_an_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = []
    for _ in range(400):
        drawn = generator.normal([[2.0], [2.01], [2.3]], 0.02, (3, 4))
        names = ("adamw", "muon", "soap")
        rows = [row(n, "report", list(d)) for n, d in zip(names, drawn, strict=True)]
        (one,) = leaders(rows)
        held.append(_holds(one))
    assert 0.92 <= np.mean(held) <= 0.985


def _holds(one: Leader) -> bool:
    true = {"adamw": 2.0, "muon": 2.01, "soap": 2.3}
    assert one.ahead.low is not None
    assert one.ahead.high is not None
    return one.ahead.low <= true[one.behind] - true[one.optimizer] <= one.ahead.high
