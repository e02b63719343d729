"""Anybody's results: known speedups come back, and what cannot be concluded is said in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.errors import UserError
from bestiary.evidence import Evidence, imported_evidence
from bestiary.measures import Measures
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
    found = seen([*adamw(1.0, 2.0), run("muon", 1.0, 3.4)])
    (muon,) = speedups(found, "muon")
    assert muon.value is None
    assert "at least 3 data-to-model ratios, got 2" in muon.note
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
    assert found.notes == ("lion at 130m: none of 1 runs finished, so there is no loss to compare",)


def test_a_missing_baseline_is_refused() -> None:
    with pytest.raises(UserError, match="'adamw' must be among the results, got muon"):
        seen([run("muon", 1.0, 3.4)])
    with pytest.raises(UserError, match="got no runs at all"):
        seen([])
