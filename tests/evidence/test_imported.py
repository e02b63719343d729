"""Anybody's results: known speedups come back, and what cannot be concluded is said in words."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.answers.check import check
from bestiary.errors import UserError
from bestiary.evidence import Evidence, imported_evidence, stated_noise, unmeasured_noise
from bestiary.measures import Measures
from bestiary.measures._differences import difference
from bestiary.measures._joint import joint_fit
from bestiary.specs import Estimate
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin

RATIOS = (1.0, 2.0, 4.0, 8.0)
FLAT = (3.502, 3.5, 3.499, 3.4985)


def run(optimizer: str, ratio: float, loss: float | None, **other: object) -> ForeignResult:
    state = "done" if loss is not None else "diverged"
    fields = {"size": "130m", "state": state, "file": "ours.csv", "row": 2} | other
    return ForeignResult(optimizer=optimizer, ratio=ratio, loss=loss, **fields)


def adamw(*ratios: float, **other: object) -> list[ForeignResult]:
    return [run("adamw", ratio, 0.4 * ratio**-0.5 + 3.1, **other) for ratio in ratios]


def seen(rows: list[ForeignResult], **noise: float) -> Evidence:
    return imported_evidence(
        ForeignImport(origin=ImportOrigin(source="t"), results=tuple(rows)), **noise
    )


def speedups(evidence: Evidence, optimizer: str, draws: int = 100) -> list[Estimate]:
    measures = Measures(evidence, draws)
    return [measures.of(one).speedup for one in evidence.of(optimizer).values()]


@pytest.mark.slow
@given(st.floats(0.2, 0.6), st.floats(0.3, 0.8), st.floats(0.7, 1.9))
@settings(max_examples=25, deadline=None)
def test_a_known_speedup_comes_back(a: float, B: float, speedup: float) -> None:
    rows = [run("adamw", ratio, a * ratio**-B + 3) for ratio in RATIOS]
    rows += [run("muon", ratio, a * (speedup * ratio) ** -B + 3) for ratio in RATIOS]
    for one in speedups(seen(rows, assumed_noise=1e-4), "muon"):
        np.testing.assert_allclose(one.value, speedup, rtol=1e-4)
        assert one.low <= one.value <= one.high


def test_the_best_configuration_is_the_one_with_the_lowest_mean() -> None:
    rows = adamw(*RATIOS)
    rows += [
        run("muon", 1.0, loss, seed=seed, settings={"learning_rate": 0.01})
        for seed, loss in enumerate((3.30, 3.50))
    ]
    rows += [
        run("muon", 1.0, 3.38, seed=0, settings={"learning_rate": 0.02}),
        run("muon", 1.0, None, seed=1, settings={"learning_rate": 0.02}),
        run("muon", 1.0, None),
    ]
    (one,) = seen(rows).of("muon").values()
    assert (one.loss, len(one.done), len(one.tried), one.count("diverged")) == (3.38, 1, 5, 1)
    assert one.settings == {"learning_rate": 0.02}
    assert [tried.state for tried in one.tried].count("diverged") == 2


def test_noise_is_measured_or_assumed_and_said() -> None:
    rows = adamw(*RATIOS)
    assert seen(rows, assumed_noise=0.01).noise["130m"].total == pytest.approx(0.01)
    assert seen(rows).noise["130m"].source.startswith("assumed")
    losses = 3.3 + 0.02 * np.random.default_rng(0).standard_normal(30)
    rows += [run("muon", 1.0, float(loss), seed=seed) for seed, loss in enumerate(losses)]
    noise = seen(rows).noise["130m"]
    assert noise.source == "measured at all sizes together, 29 degrees of freedom"
    assert noise.total == pytest.approx(np.std(losses, ddof=1), rel=1e-12)


def test_noise_differs_by_size_where_each_size_repeats_enough() -> None:
    # True deviations of 0.04 at one size and 0.004 at the other, seeds shared by three optimizers.
    generator, rows = np.random.default_rng(0), []
    for size, deviation in (("130m", 0.04), ("300m", 0.004)):
        for name in ("adamw", "muon", "soap"):
            for ratio in RATIOS:
                for seed in range(6):
                    loss = 3.5 - 0.1 * ratio**0.3 + deviation * generator.standard_normal()
                    rows.append(run(name, ratio, loss, seed=seed, size=size))
    noise = seen(rows).noise
    assert noise["130m"].total == pytest.approx(0.04, rel=0.2)
    assert noise["300m"].total == pytest.approx(0.004, rel=0.2)
    assert noise["130m"].source.startswith("measured at 130m")


def test_too_few_ratios_give_a_reason_and_no_number() -> None:
    found = seen([*adamw(1.0), run("muon", 1.0, 3.4)])
    (muon,) = speedups(found, "muon")
    assert muon.value is None
    assert "two ratios" in muon.note
    assert any("all results are at one size" in note for note in found.notes)


def test_losses_that_do_not_fall_give_a_reason_and_no_number() -> None:
    rows = [run("adamw", ratio, 3.0 + 0.1 * ratio) for ratio in RATIOS]
    found = seen([*rows, run("muon", 1.0, 3.0)])
    assert [one.value for one in speedups(found, "muon")] == [None]


def test_a_baseline_that_may_not_fall_leaves_an_open_interval() -> None:
    # The losses fall by less than their noise, so many redrawn baselines rise with data.
    rows = [run("adamw", ratio, loss) for ratio, loss in zip(RATIOS, FLAT, strict=True)]
    found = seen([*rows, run("muon", 2.0, 3.4999)], assumed_noise=0.01)
    (muon,) = speedups(found, "muon", draws=200)
    assert muon.value is not None
    assert (muon.low, muon.high) == (0.0, None)


def test_a_loss_below_the_asymptote_is_said_and_is_no_number() -> None:
    found = seen([*adamw(*RATIOS), run("muon", 1.0, 3.05)])
    (muon,) = speedups(found, "muon")
    assert (muon.value, muon.extrapolated) == (None, True)
    assert "below the asymptote" in muon.note


def test_extrapolation_is_flagged() -> None:
    found = seen([*adamw(*RATIOS), run("muon", 8.0, 3.22)])
    (muon,) = speedups(found, "muon")
    assert muon.extrapolated
    assert muon.note == "beyond adamw's largest ratio, 8"


def test_an_optimizer_that_only_diverged_is_said() -> None:
    rows = [*adamw(*RATIOS), run("lion", 1.0, None), *adamw(*RATIOS, size="300m")]
    found = seen(rows)
    assert found.notes == (
        "lion at 130m: none of 1 runs finished, so there is no loss to compare",
        "lion: 1 of 1 runs diverged",
    )


def test_a_missing_baseline_is_refused() -> None:
    with pytest.raises(UserError, match="'adamw' must be among the results, got muon"):
        seen([run("muon", 1.0, 3.4)])
    with pytest.raises(UserError, match="got no runs at all"):
        seen([])


def test_one_short_seed_is_a_short_cell() -> None:
    whole = [
        run("muon", ratio, 3.0, seed=seed, tokens=int(20 * 134_217_728 * ratio))
        for ratio in RATIOS
        for seed in (1, 2)
    ]
    short = [msgspec.structs.replace(whole[1], tokens=whole[1].tokens * 6 // 10), *whole[2:]]
    full = seen([*adamw(*RATIOS), *whole]).of("muon").values()
    cut = seen([*adamw(*RATIOS), whole[0], *short]).of("muon").values()
    assert {one.full_length for one in full} == {True}
    assert [one.full_length for one in cut] == [False, True, True, True]


def test_a_difference_takes_the_seeds_of_both_into_account() -> None:
    rows = [run("adamw", 1.0, 3.5, seed=0)]
    rows += [run("muon", 1.0, 3.4, seed=seed) for seed in range(1, 9)]
    evidence = seen(rows, assumed_noise=0.01)
    noise = stated_noise(0.01, "stated")
    adamw_run, muon = (next(iter(evidence.of(name).values())) for name in ("adamw", "muon"))
    gap = difference(muon, adamw_run, noise)
    half = 1.959964 * 0.01 * (1 / 8 + 1) ** 0.5
    assert gap.high - gap.value == pytest.approx(half, rel=1e-6)
    assert gap.value - gap.low == pytest.approx(half, rel=1e-6)


def test_seeds_that_diverged_leave_no_faster_without_reserve() -> None:
    """24 of 36 runs of a real sweep diverged, and the claim once passed."""
    losses = {"adamw": 0.0, "muon": -0.1}
    rows = [
        run(name, ratio, 0.4 * ratio**-0.5 + 3.1 + gain, seed=seed, size=size)
        for name, gain in losses.items()
        for size in ("130m", "300m")
        for ratio in RATIOS
        for seed in (1, 2, 3)
    ]
    lost = [
        msgspec.structs.replace(row, loss=None, state="diverged")
        if row.optimizer == "muon" and row.seed != 1
        else row
        for row in rows
    ]
    whole, part = (seen(each, assumed_noise=1e-3) for each in (rows, lost))
    before, after = (check("muon is faster than adamw", one) for one in (whole, part))
    assert before.items[0].outcome == "passed"
    assert after.items[0].outcome == "unknown"
    assert "16 of 24 runs diverged" in after.items[0].evidence
    assert {item.name: item.outcome for item in after.items}["seeds"] == "failed"
    measures = Measures(part, 100)
    assert {measures.of(one).verdict for one in part.of("muon").values()} == {"undetermined"}


def test_an_optimizer_may_have_any_name() -> None:
    generator = np.random.default_rng(0)
    rows = [
        run(
            name,
            ratio,
            0.4 * (gain * ratio) ** -0.5 + floor + generator.normal(0, 0.002),
            seed=1,
            size=size,
        )
        for name, gain in (("adamw", 1.0), ("Schedule-Free AdamW", 1.1))
        for size, floor in (("130m", 3.1), ("300m", 2.9), ("520m", 2.8))
        for ratio in RATIOS
    ]
    fit = joint_fit(seen(rows), draws=0)
    assert "log r Schedule-Free AdamW" in fit.law.names


def test_losses_without_noise_have_no_joint_law_and_say_so() -> None:
    rows = [
        run(name, ratio, 3.3, seed=seed, size=size)
        for name in ("adamw", "muon")
        for size in ("130m", "300m")
        for ratio in RATIOS
        for seed in (1, 2)
    ]
    with pytest.raises(
        UserError, match="needs noisy losses, and repeated runs at 130m, 300m agree"
    ):
        joint_fit(seen(rows))


def test_a_size_known_through_tokens_is_one_size_whatever_the_rounding() -> None:
    """Three sizes once became five, and a law was fitted to a design that was never run."""
    rows = [
        run(name, ratio, 3.5 - 0.1 * ratio, size=size, tokens=round(20 * n * ratio) + shift)
        for size, n in (("s", 65_536), ("m", 262_144), ("l", 1_048_576))
        for shift, (name, ratio) in enumerate(
            (name, ratio) for name in ("adamw", "muon") for ratio in (1.0, 2.0, 4.0)
        )
    ]
    evidence = seen(rows)
    assert len({one.parameters for one in evidence.observations}) == 3
    for size, n in (("s", 65_536), ("m", 262_144), ("l", 1_048_576)):
        assert evidence.sizes[size] == pytest.approx(n, rel=1e-4)


def test_noise_that_nobody_measured_is_one_rule_for_imports_and_own_studies() -> None:
    rows = [*adamw(*RATIOS), *adamw(*RATIOS, size="8k"), *adamw(*RATIOS, size="1.2b")]
    noise = seen(rows).noise
    assert noise["8k"].total == pytest.approx(0.03)
    assert noise["130m"].total == noise["1.2b"].total == pytest.approx(0.0008)
    assert "`--noise`" in noise["8k"].source
    own = unmeasured_noise(33e3, None)
    assert 0.0008 < own.total < 0.03
    assert unmeasured_noise(33e3, 0.005).total == pytest.approx(0.005)


def test_few_degrees_of_freedom_widen_intervals_as_t_does() -> None:
    """Two seeds of one configuration are one degree of freedom: 12.7 deviations, and not 2."""
    rows = [*adamw(*RATIOS)]
    rows += [run("muon", ratio, 0.4 * (1.4 * ratio) ** -0.5 + 3.1) for ratio in RATIOS[1:]]
    rows += [
        run("muon", 1.0, 0.4 * 1.4**-0.5 + 3.1 + luck, seed=seed)
        for seed, luck in enumerate((-0.001, 0.001))
    ]
    measured = seen(rows)
    assert measured.noise["130m"].freedom == 1
    stated = msgspec.structs.replace(
        measured, noise={"130m": stated_noise(measured.noise["130m"].total, "stated")}
    )
    few, many = (speedups(one, "muon", 2_000)[1] for one in (measured, stated))
    widths = [np.log((one.high or np.inf) / (one.low or 1e-9)) for one in (few, many)]
    assert widths[0] > 3 * widths[1]


def test_step_times_of_imports_give_speedups_in_time() -> None:
    rows = [
        run(
            name,
            ratio,
            0.4 * (gain * ratio) ** -0.5 + 3.1,
            seed=seed,
            tokens=1000,
            steps=10,
            step_seconds=time,
        )
        for name, gain, time in (("adamw", 1.0, 1.0), ("muon", 1.4, 1.1))
        for ratio in RATIOS
        for seed in (0, 1)
    ]
    measures = Measures(seen(rows, assumed_noise=1e-3), 200)
    for one in measures.evidence.of("muon").values():
        cell = measures.of(one)
        assert cell.step_time_ratio.value == pytest.approx(1.1)
        assert cell.time_speedup.value == pytest.approx((cell.speedup.value or 0) / 1.1)


def test_two_ratios_are_enough_for_imports_as_for_own_studies() -> None:
    rows = [run("adamw", ratio, 0.4 * ratio**-0.5 + 3.1) for ratio in (1.0, 2.0)]
    rows += [run("muon", ratio, 0.4 * (1.2 * ratio) ** -0.5 + 3.1) for ratio in (1.0, 2.0)]
    for one in speedups(seen(rows, assumed_noise=1e-4), "muon", 400):
        assert (one.low or 0) <= 1.2 <= (one.high or 9)
        assert one.value == pytest.approx(1.2, rel=0.05)
