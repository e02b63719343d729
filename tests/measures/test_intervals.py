"""Intervals hold the truth as often as they say, and two independent methods agree on them."""

import re

import numpy as np
import pytest
from benchmarks.broken_assumptions import ROWS, held
from benchmarks.intervals import Design, coverage, fixed, from_prior
from tests.synthetic import analysed, measured, synthetic_results, synthetic_study

from bestiary.measures import noise_sensitivity, profile_checks
from bestiary.specs import canonical_json

DRAWS = 400


@pytest.mark.slow
@pytest.mark.parametrize(
    "design",
    [
        Design((1.0, 2.0, 4.0), 3, 0.004, 0.01, "as the prior", from_prior),
        Design((1.0, 2.0, 4.0), 3, 0.004, 0.01, "0.8", fixed(0.8)),
        Design((1.0, 2.0, 4.0, 8.0), 2, 0.01, 0.01, "0.45", fixed(0.45)),
    ],
    ids=["three ratios", "three ratios of a steep law", "four ratios"],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(design: Design) -> None:
    """The reduced form of benchmarks/intervals.py: 95% give or take what 120 studies can show."""
    counted = coverage(design, studies=120, draws=300)
    assert 0.92 <= counted.reported <= 0.98
    assert 0.92 <= counted.average <= 0.99
    assert 0.91 <= counted.profile <= 0.98
    assert counted.wrong <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["one rival four times noisier", "tuning luck, mean 0.004, low noise"]
)
def test_broken_assumptions_are_in_the_interval(name: str) -> None:
    """The reduced form of benchmarks/broken_assumptions.py: what 15 studies can show of it."""
    row = next(one for one in ROWS if one.name == name)
    reported, plain = held(row, studies=15, draws=200)
    assert reported.cells > max(0.88, plain.cells)
    assert reported.wrong < max(0.12, plain.wrong)


def test_profile_and_draws_agree() -> None:
    study = synthetic_study(ratios=(1.0, 2.0, 4.0, 8.0), sizes=("65k",))
    planned, results = synthetic_results(study)
    checks = profile_checks(measured(study, planned, results, draws=2_000))
    assert len(checks) == 8
    for one in checks:
        assert one.width_ratio == pytest.approx(1.0, abs=0.12)
        for ours, other in (
            (one.reported.low, one.profile.low),
            (one.reported.high, one.profile.high),
        ):
            assert ours is not None
            assert other is not None
            assert abs(np.log(ours / other)) < 0.02
    assert canonical_json(checks[0])


@pytest.mark.slow
def test_seeds_in_common_sharpen_a_comparison() -> None:
    """The luck that a seed brings to all optimizers of a cell is not taken for a speedup."""
    study = synthetic_study(ratios=(1.0, 2.0, 4.0, 8.0), sizes=("65k",))
    planned, results = synthetic_results(study, shared=0.02, own=0.001)
    for one in analysed(study, planned, results, draws=DRAWS).rows:
        if one.optimizer == "soap" and one.ratio in (2.0, 4.0):
            assert one.token_speedup.value == pytest.approx(1.25, rel=0.05)


def test_an_assumed_noise_is_varied_and_the_verdict_with_it() -> None:
    study = synthetic_study(seeds=(1,), sizes=("65k",))
    planned, results = synthetic_results(study, shared=0.0, own=0.0)
    found = noise_sensitivity(measured(study, planned, results, assumed_noise=0.005))
    assert len(found) == 6
    for one in found:
        assert [under.noise for under in one.under] == [0.00125, 0.0025, 0.005, 0.01, 0.02]
        widths = [
            np.log(under.token_speedup.high / under.token_speedup.low)
            for under in one.under
            if under.token_speedup.low and under.token_speedup.high
        ]
        assert widths == sorted(widths)
        assert one.under[0].verdict == "faster"
        assert one.stands_up_to is None or one.stands_up_to >= 0.005
    assert any(one.under[-1].verdict == "not distinguishable" for one in found)


def test_the_report_says_what_the_assumed_noise_decides() -> None:
    study = synthetic_study(seeds=(1,), sizes=("65k",))
    planned, results = synthetic_results(study, shared=0.0, own=0.0)
    told = analysed(study, planned, results, draws=DRAWS, assumed_noise=0.008).limits
    sentence = "At half of it no verdicts would differ, at twice it [23] verdicts would differ"
    assert any(re.search(sentence, one) for one in told)


def test_a_measured_noise_has_nothing_to_assume() -> None:
    study = synthetic_study(sizes=("65k",))
    assert noise_sensitivity(measured(study, *synthetic_results(study))) == ()
