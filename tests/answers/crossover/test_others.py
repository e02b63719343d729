"""Where the order of two optimizers changes, in results without their runs."""

import msgspec
import pytest

from bestiary.answers.crossover import Crossover, crossover
from bestiary.errors import UserError
from bestiary.evidence import Evidence, imported_evidence, published_evidence
from bestiary.measures import Crossing
from bestiary.specs import SIZES, from_builtins
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin

SIZE_NAMES = ("16k", "65k", "262k", "1m")


def loss(size: str, ratio: float, efficiency: float) -> float:
    own = float(SIZES[size].matrix_parameters)
    return 1 + (own / 65_536) ** -0.3 / 3 + (efficiency * 20 * own * ratio / 1.3e6) ** -0.4 / 2


def crossing_at(parameters: float) -> Evidence:
    """Exact losses in which muon has (N / N*)^-0.15 the data efficiency: 1 at N*."""
    rows = []
    for size in SIZE_NAMES:
        own = float(SIZES[size].matrix_parameters)
        for ratio in (1.0, 2.0, 4.0, 8.0):
            for name in ("adamw", "muon"):
                efficiency = (own / parameters) ** -0.15 if name == "muon" else 1.0
                rows.append(row(name, size, ratio, loss(size, ratio, efficiency)))
    return evidence_of(rows)


def row(name: str, size: str, ratio: float, value: float, **more: object) -> ForeignResult:
    return ForeignResult(
        optimizer=name,
        size=size,
        ratio=ratio,
        loss=value,
        file="t.csv",
        row=2,
        **more,  # type: ignore[arg-type]
    )


def evidence_of(rows: list[ForeignResult]) -> Evidence:
    return imported_evidence(ForeignImport(origin=ImportOrigin(source="made"), results=tuple(rows)))


def along(found: Crossover, axis: str) -> list[Crossing]:
    return [one for one in found.crossings if one.axis == axis]


def test_a_crossing_is_found_where_it_is() -> None:
    truth = 150_000.0
    found = crossover(crossing_at(truth), "muon", "adamw")
    for crossing in along(found, "size"):
        assert crossing.at.value == pytest.approx(truth, rel=0.1)
        assert crossing.better_below == "muon"
        assert crossing.changes
        assert crossing.verdict.startswith("muon ahead below")
        assert crossing.at.low is not None
        assert crossing.at.high is not None
        assert crossing.at.low < truth < crossing.at.high


@pytest.mark.slow
def test_the_order_asked_does_not_matter() -> None:
    evidence = published_evidence()
    one, other = crossover(evidence, "muon", "nadamw"), crossover(evidence, "nadamw", "muon")
    for first, second in zip(along(one, "size"), along(other, "size"), strict=True):
        assert first.at.value == pytest.approx(second.at.value)
        assert first.better_below == second.better_below == "muon"
    gaps = [-(cell.loss_gap.value or 0) for cell in other.advantages]
    assert [cell.loss_gap.value for cell in one.advantages] == gaps


@pytest.mark.slow
def test_the_published_tie_at_1_2b_8x_is_one() -> None:
    # C8: NAdamW, Muon and SOAP end within 2e-4 nats of each other.
    found = crossover(published_evidence(), "muon", "nadamw")
    assert [(one.size, one.ratio) for one in found.advantages if not one.leader] == [("1.2b", 8.0)]
    assert found.answer[0].endswith("not told apart at 1.2b 8x.")


def test_soap_overtakes_muon_with_more_data_as_published() -> None:
    # C6: Muon is best at 1x to 4x, SOAP at 8x and above.
    found = crossover(published_evidence(), "muon", "soap")
    for crossing in along(found, "ratio"):
        assert crossing.better_below == "muon"
        assert crossing.changes
        assert 4 < (crossing.at.value or 0) < 8
        assert (crossing.at.high or 0) < 16


@pytest.mark.slow
def test_published_batch_sizes_were_not_tuned_enough_to_compare() -> None:
    found = crossover(published_evidence(), "muon", "adamw")
    assert not along(found, "batch")
    assert any(limit.startswith("Nothing is known of batches") for limit in found.limits)


def test_tuned_batch_sizes_of_an_import_are_compared() -> None:
    rows = []
    for name in ("adamw", "muon"):
        for batch in (64, 128, 256):
            for rate, worse in ((0.01, 0.0), (0.02, 0.1)):
                gain = 0.05 * (batch - 100) / 100 if name == "muon" else 0.0
                settings = {"batch_size": batch, "learning_rate": rate}
                rows.append(row(name, "16k", 1.0, 2.0 + worse - gain, settings=settings))
    (crossing,) = along(crossover(evidence_of(rows), "adamw", "muon"), "batch")
    assert crossing.better_below == "adamw"
    assert crossing.at.value == pytest.approx(100, rel=0.15)


def test_curves_of_an_import_tell_when_mid_training_misleads() -> None:
    # Muon leads until its rate decays last; steps of one, tokens of the other: shares are compared.
    rows = [
        row("adamw", "16k", 1.0, 1.5, seed=1, curve=((50.0, 2.5), (90.0, 2.2), (100.0, 1.5))),
        row("muon", "16k", 1.0, 1.6, seed=1, curve=((5e5, 2.3), (9e5, 1.9), (1e6, 1.6))),
    ]
    (found,) = crossover(evidence_of(rows), "adamw", "muon").midway
    assert (found.winner, found.misleader, found.wrong_until) == ("adamw", "muon", 0.9)
    unpaired = [msgspec.structs.replace(rows[0], seed=2), rows[1]]
    answer = crossover(evidence_of(unpaired), "adamw", "muon")
    assert answer.midway == ()
    assert "no loss curves of both on one seed" in answer.limits[-1]


@pytest.mark.slow
def test_the_record_travels_as_json() -> None:
    found = crossover(published_evidence(), "soap", "muon")
    assert from_builtins(Crossover, msgspec.to_builtins(found)) == found


def test_mistakes_are_refused() -> None:
    evidence = published_evidence()
    with pytest.raises(UserError, match="did you mean 'muon'"):
        crossover(evidence, "mun", "adamw")
    with pytest.raises(UserError, match="two different optimizers, got 'muon' twice"):
        crossover(evidence, "muon", "muon")
