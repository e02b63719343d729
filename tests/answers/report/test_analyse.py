"""From results to an answer: the known truth of a made-up study comes out, doubt included."""

import json
import math
import re
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from benchmarks.made_up import seen
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synthetic import (
    RATES,
    SPEEDUP,
    STEP_SECONDS,
    analysed,
    result_of,
    synthetic_results,
    synthetic_study,
)

from bestiary.answers.report import Analysis, Row
from bestiary.answers.report._answer import _headline, _on_the_clock
from bestiary.answers.report._limits import _where
from bestiary.errors import UserError
from bestiary.measures import Drawn, Draws, Summary, beyond_chance
from bestiary.measures._size_draws import SizeDraws
from bestiary.specs import (
    NOTHING,
    Cell,
    Estimate,
    Planned,
    RunResult,
    Study,
    canonical_json,
    run_id,
)
from bestiary.tune import ledger, needed, winners

DRAWS = 400
Data = tuple[Study, list[Planned], dict[str, RunResult]]


def data(shared: float = 0.01, own: float = 0.004, random_seed: int = 0, **study: object) -> Data:
    made = synthetic_study(**study)  # type: ignore[arg-type]
    return made, *synthetic_results(made, shared, own, random_seed)


def row(analysis: Analysis, optimizer: str, size: str, ratio: float) -> Row:
    found = [
        one
        for one in analysis.rows
        if (one.optimizer, one.size, one.ratio) == (optimizer, size, ratio)
    ]
    return found[0]


def with_state(
    results: dict[str, RunResult], runs: list[Planned], state: str
) -> dict[str, RunResult]:
    """The same results, some of them without a loss."""
    lost = {run_id(one.run): RunResult(run_id=run_id(one.run), state=state) for one in runs}  # type: ignore[arg-type]
    return {**results, **lost}


@pytest.fixture(scope="module")
def usual() -> tuple[Study, Analysis]:
    study, planned, results = data()
    return study, analysed(study, planned, results, command="bestiary run", draws=DRAWS)


def test_without_noise_the_true_speedups_come_out() -> None:
    study, planned, results = data(shared=0.0, own=0.0, ratios=(1.0, 2.0, 4.0, 8.0))
    for one in analysed(study, planned, results, draws=DRAWS).rows:
        assert one.token_speedup.value == pytest.approx(SPEEDUP[one.optimizer], rel=1e-3)
        expected = SPEEDUP[one.optimizer] * STEP_SECONDS["adamw"] / STEP_SECONDS[one.optimizer]
        assert one.time_speedup.value == pytest.approx(expected, rel=1e-3)
        assert one.verdict == ("baseline" if one.optimizer == "adamw" else "faster")


def test_with_noise_the_intervals_hold_the_truth_and_have_width(
    usual: tuple[Study, Analysis],
) -> None:
    for one in usual[1].summaries:
        speedup = one.token_speedup
        assert speedup.low is not None
        assert speedup.high is not None
        assert speedup.low <= SPEEDUP[one.optimizer] <= speedup.high
        assert speedup.high - speedup.low > 0.01


def test_rows_are_complete_and_in_the_order_of_the_study(usual: tuple[Study, Analysis]) -> None:
    study, analysis = usual
    expected = [(cell, one.name) for cell in study.cells for one in study.candidates]
    assert [(Cell(size=r.size, ratio=r.ratio), r.optimizer) for r in analysis.rows] == expected
    assert analysis.planned == analysis.finished == 90
    assert len(analysis.curves) == 54
    assert all(len(curve.train_loss) <= 120 for curve in analysis.curves)
    assert analysis.provenance.environment["jax"] == "0.10.2"
    assert analysis.provenance.command == "bestiary run"


@pytest.mark.slow
def test_the_record_travels_as_json_and_is_deterministic(usual: tuple[Study, Analysis]) -> None:
    study, planned, results = data()
    text = canonical_json(usual[1])
    assert msgspec.json.decode(text, type=Analysis) == usual[1]
    backwards = dict(reversed(results.items()))
    again = analysed(study, planned, backwards, command="bestiary run", draws=DRAWS)
    assert canonical_json(again) == text


def test_equal_optimizers_are_not_distinguishable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDUP, "soap", 1.0)
    study, planned, results = data(names=("adamw", "soap"))
    analysis = analysed(study, planned, results, draws=DRAWS)
    assert {one.verdict for one in analysis.rows} == {"baseline", "not distinguishable"}
    assert "No optimizer needs fewer tokens than AdamW beyond doubt" in analysis.answer[0]


def test_tokens_and_time_are_told_apart(usual: tuple[Study, Analysis]) -> None:
    answer = usual[1].answer
    assert not [sentence for sentence in answer if "faster" in sentence]
    (soap,) = [sentence for sentence in answer if sentence.startswith("SOAP in tokens: 1.2")]
    # Needs 1.25 times fewer tokens, each of which takes 1.4 times as long.
    assert "of 6 cells fewer than AdamW in 6. In time on this machine: 0.8" in soap
    assert "more in" in soap.split("In time")[1]


def test_a_headline_that_speaks_of_an_interval_shows_one(usual: tuple[Study, Analysis]) -> None:
    assert "AdamW needs 1.4" in usual[1].answer[0]
    assert re.search(r"\[\d\.\d\d, \d\.\d\d\] as many .*in brackets", usual[1].answer[0])


def test_a_slower_optimizer_is_called_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDUP, "soap", 0.7)
    study, planned, results = data()
    assert (
        row(analysed(study, planned, results, draws=DRAWS), "soap", "65k", 2.0).verdict == "slower"
    )


def test_the_tuning_is_told(usual: tuple[Study, Analysis]) -> None:
    analysis = usual[1]
    tuned, elsewhere = row(analysis, "muon", "65k", 1.0), row(analysis, "muon", "65k", 4.0)
    assert tuned.tuned == ("learning_rate", "weight_decay")
    assert tuned.unbracketed == ("weight_decay",)
    assert tuned.inherited_from is None
    assert elsewhere.inherited_from == Cell(size="65k", ratio=1.0)
    rates = [
        (point.value, point.state, point.winner)
        for point in analysis.sensitivity
        if (point.optimizer, point.size, point.coordinate) == ("adamw", "16k", "learning_rate")
    ]
    assert rates == [
        (0.002, "done", False),
        (0.004, "done", False),
        (0.008, "done", True),
        (0.016, "done", False),
        (0.032, "diverged", False),
    ]
    entry = analysis.effort[0]
    assert (entry.runs, entry.diverged, entry.tuned) == (12, 2, tuned.tuned)
    trace = entry.cells[0].best_after
    assert len(trace) == 6
    assert trace[2] == min(loss for loss in trace if loss is not None)
    assert entry.tokens > 0
    assert entry.device_seconds > 0


@pytest.mark.slow
def test_an_unfinished_study_leads_with_its_answer_and_says_next_that_it_may_change() -> None:
    study, planned, results = data()
    whole = analysed(study, planned, results, draws=DRAWS).answer
    results.pop(run_id(planned[-1].run))
    part = analysed(study, planned, results, draws=DRAWS).answer
    assert part[0].split(":")[0] == whole[0].split(":")[0]
    assert part[1] == "This may change: 1 planned run has no result yet."
    assert not any("may change" in sentence for sentence in whole)


@pytest.mark.slow
def test_a_value_tried_only_beside_other_settings_says_which() -> None:
    study, planned, results = data()
    coordinate = "learning_rate"
    told = analysed(study, planned, results, draws=100).sensitivity
    winner = next(
        p for p in told if (p.optimizer, p.coordinate, p.winner) == ("soap", coordinate, True)
    )
    assert winner.differs == {}

    def elsewhere(one: Planned) -> Planned:
        mine = (one.optimizer, one.purpose) == ("soap", "tune")
        if not mine or one.configuration[coordinate] == winner.value:
            return one
        return msgspec.structs.replace(
            one, configuration={**one.configuration, "weight_decay": 9.0}
        )

    moved = analysed(study, [elsewhere(one) for one in planned], results, draws=100).sensitivity
    rates = [
        p for p in moved if (p.optimizer, p.size, p.coordinate) == ("soap", winner.size, coordinate)
    ]
    assert [p.value for p in rates] == [
        p.value
        for p in told
        if (p.optimizer, p.size, p.coordinate) == ("soap", winner.size, coordinate)
    ]
    assert {p.winner: p.differs for p in rates} == {True: {}, False: {"weight_decay": 9.0}}


@pytest.mark.slow
def test_where_it_was_tuned_and_at_what_cost_agrees_with_the_planner() -> None:
    study, results, planned = synthetic_study(), {}, []
    while asked := needed(study, results):
        planned += asked
        results |= {run_id(one.run): result_of(one, 1e-3 * one.run.seed) for one in asked}
    analysis, won = analysed(study, planned, results, draws=100), winners(study, results)
    for one in analysis.rows:
        cell = Cell(size=one.size, ratio=one.ratio)
        winner = won[one.optimizer, cell]
        assert (one.configuration, one.unbracketed) == (winner.configuration, winner.edges)
        assert (one.inherited_from or cell) == winner.tuned_in
    assert analysis.effort == ledger(study, results)


def test_the_smallest_value_tried_is_an_edge() -> None:
    study, planned, results = data()
    kept = [one for one in planned if one.configuration["learning_rate"] >= 0.008]
    rates = tuple(rate for rate in RATES if rate >= 0.008)
    candidates = tuple(
        msgspec.structs.replace(
            one,
            start={**one.start, "learning_rate": 0.008},
            grid={**one.grid, "learning_rate": rates},
            extend=(),
        )
        for one in study.candidates
    )
    narrow = msgspec.structs.replace(study, candidates=candidates)
    analysis = analysed(narrow, kept, results, draws=DRAWS)
    assert row(analysis, "adamw", "16k", 1.0).unbracketed == ("learning_rate", "weight_decay")
    assert any("learning_rate of AdamW at" in one for one in analysis.limits)


def test_where_the_baseline_rejects_its_curve_the_first_sentence_doubts_and_no_size_is_told() -> (
    None
):
    study, planned, results = data(ratios=(1.0, 2.0, 4.0, 8.0))
    assert "with doubt" not in analysed(study, planned, results, draws=DRAWS).answer[0]
    badly = {
        run_id(one.run)
        for one in planned
        if (one.optimizer, one.cell, one.purpose)
        == ("adamw", Cell(size="65k", ratio=2.0), "report")
    }
    for key in badly:
        loss = {split: value + 0.2 for split, value in results[key].loss.items()}
        results[key] = msgspec.structs.replace(results[key], loss=loss)
    found = analysed(study, planned, results, draws=DRAWS).answer
    assert "Take what 65k adds to it with doubt" in found[0]
    assert any("what that owes to size is not known" in one for one in found)


def test_places_that_nobody_would_read_are_counted() -> None:
    assert (
        _where(["AdamW at 8k 1x", "Muon at 8k 1x"], "9 cells") == "of AdamW at 8k 1x, Muon at 8k 1x"
    )
    assert _where(["Muon at 8k 1x"] * 9, "44 cells") == "in 9 of 44 cells"


def test_two_ratios_say_that_the_exponent_is_assumed() -> None:
    study, planned, results = data(ratios=(1.0, 2.0))
    analysis = analysed(study, planned, results, draws=DRAWS)
    exponent = analysis.laws[0].exponent
    assert exponent.low == pytest.approx(0.16, rel=0.15)
    assert exponent.high == pytest.approx(1.9, rel=0.1)
    assert "Two ratios do not show the exponent" in analysis.laws[0].note
    assert row(analysis, "muon", "65k", 2.0).token_speedup.extrapolated


def test_one_ratio_has_a_verdict_but_no_speedup() -> None:
    study, planned, results = data(ratios=(2.0,))
    analysis = analysed(study, planned, results, draws=DRAWS)
    muon = row(analysis, "muon", "65k", 2.0)
    assert muon.token_speedup.value is None
    assert "two ratios or more" in muon.token_speedup.note
    assert muon.verdict == "faster"
    assert analysis.laws[0].curve == ()
    assert "No speedup over AdamW can be stated" in analysis.answer[0]


@pytest.mark.slow
def test_one_seed_takes_the_assumed_noise_and_says_so() -> None:
    study, planned, results = data(seeds=(1,))
    narrow, wide = (
        analysed(study, planned, results, draws=DRAWS, assumed_noise=noise)
        for noise in (1e-3, 0.05)
    )
    assert any("0.05 nats between seeds is assumed" in one for one in wide.limits)
    first, second = (row(one, "muon", "16k", 1.0).token_speedup for one in (narrow, wide))
    assert (second.high or 9) - (second.low or 0) > 5 * ((first.high or 9) - (first.low or 0))
    assert row(wide, "muon", "16k", 1.0).time_speedup.low is None


def test_an_optimizer_that_always_diverged_is_slower_and_has_no_number() -> None:
    study, planned, results = data()
    lost = [one for one in planned if one.optimizer == "soap" and one.purpose == "report"]
    analysis = analysed(study, planned, with_state(results, lost, "diverged"), draws=DRAWS)
    soap = row(analysis, "soap", "16k", 1.0)
    assert (soap.verdict, soap.diverged, soap.loss.value) == ("slower", 3, None)
    assert soap.token_speedup.note == "every reported run diverged"
    assert any("SOAP has no speedup" in one for one in analysis.answer)


def test_one_diverged_seed_forbids_the_word_faster() -> None:
    study, planned, results = data()
    lost = [one for one in planned if one.optimizer == "muon" and one.run.seed == 3]
    analysis = analysed(study, planned, with_state(results, lost, "diverged"), draws=DRAWS)
    muon = row(analysis, "muon", "16k", 1.0)
    assert muon.verdict == "undetermined"
    assert muon.loss.note == "1 of 3 seeds diverged; the mean is over the rest"
    assert any("Muon at 16k 1x (1 of 3)" in one for one in analysis.limits)


def test_without_a_baseline_nothing_is_claimed() -> None:
    study, planned, results = data()
    lost = [one for one in planned if one.optimizer == "adamw" and one.purpose == "report"]
    analysis = analysed(study, planned, with_state(results, lost, "failed"), draws=DRAWS)
    assert all(one.token_speedup.value is None for one in analysis.rows if one.optimizer != "adamw")
    assert "No speedup over AdamW can be stated" in analysis.answer[0]


@pytest.mark.slow
def test_a_loss_below_the_asymptote_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPEEDUP, "muon", 1e9)
    study, planned, results = data(ratios=(1.0, 2.0, 4.0, 8.0))
    muon = row(analysed(study, planned, results, draws=DRAWS), "muon", "65k", 8.0)
    assert muon.token_speedup.value is None
    assert muon.token_speedup.extrapolated
    assert "baseline's curve" in muon.token_speedup.note
    assert muon.verdict == "faster"


@pytest.mark.slow
@given(st.sets(st.integers(0, 77), max_size=78), st.integers(0, 100))
@settings(max_examples=15, deadline=None)
def test_any_part_of_a_study_can_be_analysed(missing: set[int], random_seed: int) -> None:
    study, planned, results = data(random_seed=random_seed, ratios=(1.0, 4.0))
    left = [one for index, one in enumerate(results) if index not in missing]
    analysis = analysed(study, planned, {one: results[one] for one in left}, draws=100)
    json.loads(canonical_json(analysis))
    assert analysis.finished == len(left)
    assert analysis.answer


def test_nothing_planned_yet_is_an_analysis_too() -> None:
    study = synthetic_study()
    analysis = analysed(study, [], {}, draws=100)
    assert {one.verdict for one in analysis.rows} == {"baseline", "undetermined"}
    assert analysis.effort[0].runs == 0
    canonical_json(analysis)


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(UserError, match="at least 100 draws"):
        analysed(synthetic_study(), [], {}, draws=10)


@pytest.mark.slow
def test_it_brings_no_jax() -> None:
    code = "import sys, bestiary.answers.report; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_where_every_run_diverged_nothing_is_worse() -> None:
    study, planned, results = data(names=("adamw", "soap"))
    lost = [one for one in planned if one.purpose == "report"]
    analysis = analysed(study, planned, with_state(results, lost, "diverged"), draws=DRAWS)
    assert {one.verdict for one in analysis.rows} == {"baseline", "undetermined"}


def test_two_that_leave_the_baselines_curve_are_told_apart_by_their_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SPEEDUP, "muon", 9.0)
    monkeypatch.setitem(SPEEDUP, "soap", 6.0)
    study, planned, results = data(ratios=(1.0, 2.0))
    analysis = analysed(study, planned, results, draws=DRAWS)
    assert "below that of SOAP, the next" in analysis.answer[1]
    assert all(one.token_speedup.high is None for one in analysis.summaries[1:])


def test_the_best_of_many_equal_ones_is_no_winner() -> None:
    best = Summary(
        optimizer="muon",
        label="Muon",
        family="matrix",
        token_speedup=Estimate(value=1.1, low=1.01, high=1.2),
        time_speedup=NOTHING,
        step_time_ratio=NOTHING,
        faster=1,
        slower=0,
        undecided=1,
    )
    draws_K = np.random.default_rng(0).normal(math.log(1.1), 0.042, 2_000)
    key = ("muon", "small", 1.0)
    size = SizeDraws(draws_K, log_speedups={key: Drawn(math.log(1.1), draws_K)})
    evidence = seen({key: [3.0], ("adamw", "small", 1.0): [3.1]}, {"small": 1e6})
    found = Draws(evidence, {"small": size}, {}, 0)
    assert beyond_chance(found, "muon", 1)
    assert not beyond_chance(found, "muon", 26)
    assert "may reach by chance" in _headline(best, "AdamW", False, 26)
    # In time as in tokens; where no clock was read there is no winner at all.
    assert not beyond_chance(found, "muon", 1, time=True)
    timed = Draws(evidence, {"small": size}, {key: Drawn(0.0, np.zeros(2_000))}, 0)
    fast = msgspec.structs.replace(best, time_speedup=best.token_speedup)
    assert "needs the least time" in _on_the_clock(timed, [fast], "AdamW")[0]
    (among_many,) = _on_the_clock(timed, [fast] * 26, "AdamW")
    assert "the best of 26 equal ones may reach by chance" in among_many
