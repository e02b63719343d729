"""Comparing studies: the published versions, a study with itself, and one that was shifted."""

import msgspec
import pytest
from tests.analysis.answers.results import imported, synthetic_analysis, synthetic_findings

from bestiary.analysis.answers import (
    Findings,
    compare,
    imported_findings,
    own_findings,
    published_findings,
)
from bestiary.errors import UserError


def test_a_study_is_the_same_as_itself() -> None:
    findings = published_findings()
    answer = compare(findings, findings)
    assert not answer.facts
    assert all(cell.change.value == 0 for cell in answer.cells)
    assert {cell.losses for cell in answer.cells} == {"within noise"}
    assert all(one.first == one.second for one in answer.winners)


def test_the_released_losses_differ_from_the_printed_ones_where_the_study_says() -> None:
    # Seven cells differ; those of Muon at 130m 8x and 300m 1x are among the smaller differences.
    answer = compare(published_findings(), published_findings("fantastic2025-released"))
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


def test_another_seed_is_noise_and_a_shift_is_not() -> None:
    first = synthetic_findings()
    again = compare(first, synthetic_findings(random_seed=1))
    shifted = compare(first, synthetic_findings(shift=0.1))
    beyond = [sum(c.losses == "beyond noise" for c in one.cells) for one in (again, shifted)]
    assert beyond[0] <= 4
    assert beyond[1] == len(shifted.cells) == 18
    assert shifted.cells[0].change.value == pytest.approx(0.1)
    # Every loss rose alike, so the order of optimizers stays.
    assert all(one.change == "within noise" for one in shifted.winners)


def test_a_change_of_winner_beyond_noise_is_one() -> None:
    analysis = synthetic_analysis()
    swap = {"muon": "soap", "soap": "muon"}
    rows = tuple(
        msgspec.structs.replace(row, optimizer=swap.get(row.optimizer, row.optimizer))
        for row in analysis.rows
    )
    other = own_findings(msgspec.structs.replace(analysis, rows=rows))
    answer = compare(own_findings(analysis), other)
    moved = {(one.first, one.second, one.change) for one in answer.winners}
    assert ("muon", "soap", "beyond noise") in moved


def test_what_the_studies_are_is_compared_too() -> None:
    analysis = synthetic_analysis()
    newer = msgspec.structs.replace(
        analysis.provenance, environment={**analysis.provenance.environment, "jax": "0.11"}
    )
    other = own_findings(msgspec.structs.replace(analysis, provenance=newer))
    answer = compare(own_findings(analysis), other)
    assert [(fact.name, fact.first, fact.second) for fact in answer.facts] == [
        ("jax", "0.10.2", "0.11")
    ]


def test_an_own_study_compares_with_an_import() -> None:
    theirs = imported_findings(imported())
    answer = compare(synthetic_findings(), theirs)
    assert {(c.optimizer, c.size) for c in answer.cells} == {("adamw", "16k"), ("muon", "16k")}
    assert any(one.startswith("soap") for one in answer.only_first)


def test_studies_without_a_common_cell_are_refused() -> None:
    with pytest.raises(UserError, match="share no optimizer at any size and ratio"):
        compare(synthetic_findings(), published_findings())


def test_unfinished_studies_can_be_compared() -> None:
    whole = synthetic_findings()
    part: Findings = msgspec.structs.replace(whole, found=whole.found[:5])
    assert len(compare(part, whole).cells) == 5
    assert len(compare(part, whole).only_second) == 13
