"""Where a ranking changes: the made-up crossing comes out with its interval, or is left open."""

import math

import msgspec
import numpy as np
import pytest
from tests import synthetic
from tests.results import beside_its_curve, synthetic_evidence
from tests.synthetic import LAW, best, evidence_of, plan, synthetic_results, synthetic_study

from bestiary.answers.crossover import Advantage, Crossover, crossover
from bestiary.answers.crossover._crossover import by_cells
from bestiary.errors import UserError
from bestiary.evidence import Tried
from bestiary.measures import Crossing, Drawn, lowest_by_batch, over_cells
from bestiary.specs import NOTHING, SIZES, Cell, Planned, RunResult, Study, canonical_json, run_id

DRAWS = 400
SMALL, MIDDLE, LARGE = (SIZES[size].matrix_parameters for size in ("16k", "65k", "262k"))
Data = tuple[Study, list[Planned], dict[str, RunResult]]


def crossing_truth(monkeypatch: pytest.MonkeyPatch, by_size: float, by_ratio: float) -> None:
    """Muon's log speedup is linear in log N and log D, 0 at 65k and ratio 2; SOAP has none."""

    def loss(size: str, ratio: float, optimizer: str) -> float:
        a, exponent, b = LAW["65k"]
        logs = math.log(SIZES[size].matrix_parameters / MIDDLE), math.log(ratio / 2)
        log_speedup = by_size * logs[0] + by_ratio * logs[1] if optimizer == "muon" else 0.0
        return a * (ratio * math.exp(log_speedup)) ** -exponent + b

    monkeypatch.setattr(synthetic, "true_loss", loss)


def data(noise: float = 0.002, **study: object) -> Data:
    made = synthetic_study(**{"sizes": ("16k", "65k", "262k"), **study})  # type: ignore[arg-type]
    return made, *synthetic_results(made, noise, noise / 2)


def one(found: Crossover, axis: str, **held: float) -> Crossing:
    return next(c for c in found.crossings if c.axis == axis and held.items() <= c.held.items())


def test_a_change_of_ranking_with_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    crossing_truth(monkeypatch, by_size=-0.2, by_ratio=0.0)
    found = crossover(evidence_of(*data()), "muon", "soap", draws=DRAWS)
    crossing = one(found, "size", ratio=2.0)
    assert crossing.better_below == "muon"
    assert crossing.changes
    assert crossing.verdict.startswith("muon ahead below")
    (told,) = (one for one in found.answer if one.startswith("Over sizes"))
    assert f"{crossing.where}, [" in told
    assert crossing.chance > 0.95
    assert crossing.at.value == pytest.approx(MIDDLE, rel=0.2)
    assert crossing.at.low is not None
    assert crossing.at.high is not None
    assert crossing.at.low < MIDDLE < crossing.at.high
    factors = {(a.size, a.ratio): a.factor.value for a in found.advantages}
    assert factors["16k", 2.0] == pytest.approx(4**0.2, rel=0.05)
    assert factors["262k", 2.0] == pytest.approx(4**-0.2, rel=0.05)


def test_the_other_order_gives_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    crossing_truth(monkeypatch, by_size=-0.2, by_ratio=0.0)
    forth, back = (
        one(crossover(evidence_of(*data()), *names, draws=DRAWS), "size", ratio=2.0)
        for names in (("muon", "soap"), ("soap", "muon"))
    )
    assert back.better_below == forth.better_below
    assert back.at.value == pytest.approx(forth.at.value)
    assert back.chance == forth.chance


def test_a_change_with_data_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    crossing_truth(monkeypatch, by_size=0.0, by_ratio=0.3)
    crossing = one(
        crossover(evidence_of(*data()), "muon", "soap", draws=DRAWS), "ratio", size=float(LARGE)
    )
    assert crossing.better_below == "soap"
    assert crossing.at.value == pytest.approx(2.0, rel=0.15)
    assert (crossing.low, crossing.high) == (1.0, 4.0)


def test_a_clear_winner_does_not_cross() -> None:
    found = crossover(evidence_of(*data()), "adamw", "muon", draws=DRAWS)
    assert {c.better for c in found.crossings if c.axis == "size"} == {"muon"}
    assert {one.leader for one in found.advantages} == {"muon"}
    assert found.answer[0] == "Ahead beyond noise: adamw at 0, muon at 9 of 9 cells."
    assert found.answer[1].startswith("Over sizes: muon ahead throughout (1x, 2x, 4x)")


def test_equal_optimizers_have_no_crossing_beyond_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    crossing_truth(monkeypatch, by_size=0.0, by_ratio=0.0)
    found = crossover(evidence_of(*data(noise=0.01)), "muon", "soap", draws=DRAWS)
    for crossing in found.crossings:
        assert crossing.verdict == "no change of order beyond doubt"
        assert crossing.at.low is None or crossing.at.high is None
    assert canonical_json(found)


def test_a_change_with_batch_is_read_off_the_tuning() -> None:
    study, planned, results = data(sizes=("65k",))
    cell = study.tuning.cells[0]
    for batch, gap in ((8, 0.05), (32, -0.05), (64, -0.1)):
        for name in ("muon", "soap"):
            other = msgspec.structs.replace(study, batch_size=batch)
            for worse in (0.0, 0.2):
                configuration = best(study.candidate(name))
                if worse:
                    configuration = {**configuration, "learning_rate": 0.002}
                run = plan(other, name, cell, configuration, 0, "tune")
                planned.append(run)
                final = 2.0 + worse + (gap if name == "muon" else 0.0)
                results[run_id(run.run)] = synthetic.done(run.run, name, final)
    crossing = one(
        crossover(evidence_of(study, planned, results), "muon", "soap", draws=DRAWS), "batch"
    )
    assert crossing.better_below == "soap"
    assert (crossing.low, crossing.high) == (8.0, 64.0)
    assert crossing.at.value == pytest.approx(16, rel=0.5)


def test_a_batch_size_tried_at_one_learning_rate_alone_says_nothing() -> None:
    runs = [(8, 0.01, 2.0), (8, 0.02, 1.9), (8, 0.04, None), (32, 0.02, 1.5), (64, 0.02, None)]
    tried = [
        Tried(
            settings={"learning_rate": rate},
            state="done" if loss else "diverged",
            loss=loss,
            batch_size=batch,
        )
        for batch, rate, loss in runs
    ]
    assert lowest_by_batch(tried) == {8: 1.9}


def test_what_a_plane_gets_wrong_widens_the_crossing() -> None:
    """Advantages off the plane by 0.02 with noise of 0.001: the line is not known to 0.001."""
    names, parameters = ("one", "other"), {"small": 1e6, "large": 1e8}
    generator = np.random.default_rng(0)

    def widths(bend: float) -> float:
        advantages = {}
        for size, sign in (("small", 1), ("large", -1)):
            for ratio, off in ((1.0, bend), (2.0, -2 * bend), (4.0, bend)):
                value = 0.2 * sign + off
                draws = value + 0.001 * generator.normal(size=2000)
                advantages[Cell(size=size, ratio=ratio)] = Drawn(value, draws)
        found = over_cells(advantages, parameters, names, seed=0)[0]
        assert found.at.low is not None
        assert found.at.high is not None
        return math.log(found.at.high / found.at.low)

    assert widths(0.0) < 0.05 < widths(0.02)


def test_what_was_not_measured_is_said() -> None:
    found = crossover(
        evidence_of(*data(sizes=("65k",), ratios=(1.0, 2.0))), "muon", "soap", draws=DRAWS
    )
    assert any("One size only" in told for told in found.limits)
    assert any("Nothing is known of batches" in told for told in found.limits)
    alone = crossover(
        evidence_of(*data(sizes=("65k",), ratios=(1.0,))), "muon", "soap", draws=DRAWS
    )
    assert alone.crossings == ()
    # One ratio gives no curve to read data off; the losses are compared all the same.
    (cell,) = alone.advantages
    assert cell.factor.value is None
    assert cell.loss_gap.value is not None
    assert "at 0 of 1 cells" in alone.limits[0]


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="did you mean 'muon'"):
        crossover(evidence_of(*data(sizes=("65k",))), "moun", "soap")
    with pytest.raises(UserError, match="two different optimizers"):
        crossover(evidence_of(*data(sizes=("65k",))), "soap", "soap")


def test_what_rests_on_a_rejected_curve_is_named() -> None:
    evidence = synthetic_evidence(ratios=(1.0, 2.0, 4.0, 8.0))
    sound = crossover(evidence, "muon", "soap", draws=DRAWS)
    assert not any("beside their curve" in one for one in sound.limits)
    found = crossover(beside_its_curve(evidence, "65k"), "muon", "soap", draws=DRAWS)
    assert "The losses of AdamW at 65k lie beside their curve" in found.limits[0]


def test_where_every_cell_has_one_leader_it_is_ahead_throughout() -> None:
    """At 33k Muon led beyond noise in all three cells, and the answer said "open" for the noise of
    8k, through which the plane goes too."""
    cut = Crossing(
        axis="ratio",
        held={"size": 3e4},
        low=1.0,
        high=4.0,
        better_below="muon",
        at=NOTHING,
        chance=0.2,
        better="",
        changes=False,
        verdict="no change of order beyond doubt",
    )

    def at(size: str, ratio: float, leader: str) -> Advantage:
        return Advantage(size=size, ratio=ratio, loss_gap=NOTHING, factor=NOTHING, leader=leader)

    sizes = {"8k": 8e3, "33k": 3e4}
    led = [at("8k", 1.0, ""), *(at("33k", ratio, "muon") for ratio in (1.0, 2.0, 4.0))]
    found = by_cells(cut, led, sizes)
    assert (found.better, found.verdict) == ("muon", "muon ahead throughout")
    assert by_cells(cut, [*led, at("33k", 8.0, "")], sizes) == cut
    assert by_cells(cut, [*led, at("33k", 8.0, "adamw")], sizes) == cut
    assert by_cells(cut, led[:2], sizes) == cut
    changing = msgspec.structs.replace(cut, changes=True)
    assert by_cells(changing, led, sizes) == changing
