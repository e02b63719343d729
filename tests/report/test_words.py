from msgspec.structs import replace
from tests.report.made_up import NONE, row

from bestiary.report import _words as words
from bestiary.report import loss, settings, speedup
from bestiary.report._words import NOTHING
from bestiary.specs import TIMES, Estimate


def test_a_speedup_reads_as_factor_and_interval() -> None:
    assert speedup(Estimate(value=1.434, low=1.31, high=1.558)) == f"1.43{TIMES} [1.31, 1.56]"


def test_an_open_end_an_extrapolation_and_a_missing_value_are_visible() -> None:
    estimate = Estimate(value=2.0, low=1.2, high=None, extrapolated=True)
    assert speedup(estimate) == f"2.00{TIMES}† [1.20, …]"
    assert speedup(NONE) == NOTHING


def test_a_loss_carries_its_spread() -> None:
    assert loss(row("adamw", "65k", 1.0)) == "1.6500 ± 0.0121"


def test_an_optimum_on_the_edge_is_marked() -> None:
    assert settings({"beta1": 0.9, "learning_rate": 0.002}, marked=["learning_rate"]) == (
        "beta1 0.9, learning_rate 0.002‡"
    )


def test_tokens_and_time_are_told_apart() -> None:
    muon = row("muon", "16k", 1.0)
    slow = Estimate(value=0.86, low=0.8, high=0.9)
    assert words.verdict(muon) == "fewer tokens, less time"
    assert words.verdict(replace(muon, time_speedup=slow)) == "fewer tokens, more time"
    assert words.verdict(replace(muon, time_speedup=NONE)) == "fewer tokens"
    lost = replace(muon, verdict="slower", loss=NONE, time_speedup=NONE)
    assert words.verdict(lost) == "diverged"
    assert words.verdict(row("adamw", "16k", 1.0)) == "baseline"


def test_a_loss_of_fewer_seeds_than_planned_says_so() -> None:
    muon = row("muon", "16k", 1.0)
    assert words.seeds(muon) == "3 seeds"
    assert words.seeds(replace(muon, pending=1)) == "3 of 4 seeds"
    assert words.seeds(replace(muon, seeds=muon.seeds[:1])) == "1 seed"
