"""Comparing studies: the published versions, a study with itself, and one that was shifted."""

import math

import msgspec
import pytest
from tests.results import imported, synthetic_evidence
from tests.synthetic import evidence_of, synthetic_results, synthetic_study

from bestiary.answers.compare import compare
from bestiary.answers.compare._change import change_of
from bestiary.answers.compare._summary import _beyond
from bestiary.errors import UserError
from bestiary.evidence import imported_evidence, published_evidence


@pytest.mark.slow
def test_a_study_is_the_same_as_itself() -> None:
    evidence = published_evidence()
    answer = compare(evidence, evidence)
    assert not answer.facts
    assert all(cell.change.value == 0 for cell in answer.cells)
    assert {cell.losses for cell in answer.cells} == {"within noise"}
    assert all(one.first == one.second for one in answer.winners)
    assert answer.answer == ("Nothing differs: the same design and the same losses.",)


@pytest.mark.slow
def test_the_released_losses_differ_from_the_printed_ones_where_the_study_says() -> None:
    # Seven cells differ; those of Muon at 130m 8x and 300m 1x are among the smaller differences.
    answer = compare(published_evidence(), published_evidence("fantastic2025-released"))
    moved = {(c.optimizer, c.size, c.ratio) for c in answer.cells if c.change.value != 0}
    assert moved == {
        ("nadamw", "130m", 4.0),
        ("cautious", "130m", 4.0),
        ("muon", "130m", 8.0),
        ("muon", "300m", 1.0),
        ("adamw", "520m", 1.0),
        ("nadamw", "520m", 1.0),
        ("muon", "1.2b", 1.0),
    }
    # AdamW at 520m 1x moves, and with it the speedups of optimizers whose own loss did not.
    still = [c for c in answer.cells if c.change.value == 0 and c.speedups == "beyond noise"]
    assert {c.size for c in still} == {"520m"}
    assert next(one for one in answer.winners if one.first != one.second).size == "130m"
    assert {one.split()[0] for one in answer.only_second} == {"shampoo"}
    assert answer.by_chance == pytest.approx(0.35)
    told = " ".join(answer.answer)
    assert "143 of 150 losses are identical. 5 of the other 7 losses changed" in told
    assert "11 single speedups changed beyond noise, 9 of them because the baseline moved" in told


@pytest.mark.slow
def test_another_seed_is_noise_and_a_shift_is_not() -> None:
    first = synthetic_evidence()
    again = compare(first, synthetic_evidence(random_seed=1))
    shifted = compare(first, synthetic_evidence(shift=0.1))
    beyond = [sum(c.losses == "beyond noise" for c in one.cells) for one in (again, shifted)]
    assert beyond[0] <= 4
    assert beyond[1] == len(shifted.cells) == 18
    assert shifted.cells[0].change.value == pytest.approx(0.1)
    for one in shifted.optimizers:
        assert one.change.value == pytest.approx(0.1)
        assert one.losses == "beyond noise"
        # Less noisy than one cell alone, by the root of their number.
        single = [c.change for c in shifted.cells if c.optimizer == one.optimizer]
        widths = [(each.high or 0) - (each.low or 0) for each in (one.change, *single)]
        assert widths[0] == pytest.approx(math.hypot(*widths[1:]) / len(single))
    # Every loss rose alike, so the order of optimizers stays.
    assert all(one.change == "within noise" for one in shifted.winners)


def test_a_change_of_winner_beyond_noise_is_one() -> None:
    evidence = synthetic_evidence()
    swap = {"muon": "soap", "soap": "muon"}
    observations = tuple(
        msgspec.structs.replace(one, optimizer=swap.get(one.optimizer, one.optimizer))
        for one in evidence.observations
    )
    answer = compare(evidence, msgspec.structs.replace(evidence, observations=observations))
    moved = {(one.first, one.second, one.change) for one in answer.winners}
    assert ("muon", "soap", "beyond noise") in moved


def test_what_the_studies_are_is_compared_too() -> None:
    evidence = synthetic_evidence()
    newer = msgspec.structs.replace(evidence, facts={**evidence.facts, "jax": "0.11"})
    answer = compare(evidence, newer)
    assert [(fact.name, fact.first, fact.second) for fact in answer.facts] == [
        ("jax", "0.10.2", "0.11")
    ]


def test_studies_that_differ_in_one_thing_are_said_to() -> None:
    study = synthetic_study()
    runs = synthetic_results(study)
    wider = msgspec.structs.replace(study.candidates[1], schedule="linear")
    changed = msgspec.structs.replace(
        study, candidates=(study.candidates[0], wider, study.candidates[2])
    )
    answer = compare(evidence_of(study, *runs), evidence_of(changed, *runs))
    assert [(fact.name, fact.first, fact.second) for fact in answer.facts] == [
        ("muon schedule", "cosine", "linear")
    ]
    assert answer.answer[0] == "The studies differ in muon schedule."


def test_losses_on_different_text_do_not_compare_but_speedups_do() -> None:
    evidence = synthetic_evidence()
    other = msgspec.structs.replace(evidence, facts={**evidence.facts, "data": "other text"})
    answer = compare(evidence, other)
    assert "the second on other" in answer.incomparable
    assert answer.answer[1].startswith("Losses do not compare, only speedups and rankings do")
    assert not any("losses changed" in told for told in answer.answer)
    assert {cell.losses for cell in answer.cells} == {"not known"}


def test_what_stays_after_correction_for_all_comparisons() -> None:
    one, far = change_of(0.0021, 0.002), change_of(0.0061, 0.002)
    assert [_beyond(one, count) for count in (1, 20)] == [True, False]
    assert [_beyond(far, count) for count in (1, 20)] == [True, True]


def test_an_own_study_compares_with_an_import() -> None:
    theirs = imported_evidence(imported())
    answer = compare(synthetic_evidence(), theirs)
    assert {(c.optimizer, c.size) for c in answer.cells} == {("adamw", "16k"), ("muon", "16k")}
    assert "nothing says that both are of the same text" in answer.incomparable
    # The import states no settings, which is no difference.
    assert not any(cell.settings for cell in answer.cells)
    assert any(one.startswith("soap") for one in answer.only_first)


def test_studies_without_a_common_cell_are_refused() -> None:
    with pytest.raises(UserError, match="share no optimizer at any size and ratio"):
        compare(synthetic_evidence(), published_evidence())


def test_unfinished_studies_can_be_compared() -> None:
    whole = synthetic_evidence()
    part = msgspec.structs.replace(whole, observations=whole.observations[:5])
    assert len(compare(part, whole).cells) == 5
    assert len(compare(part, whole).only_second) == 13
