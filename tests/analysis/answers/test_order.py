"""Where the order of two optimizers changes, by the joint law of results without their runs."""

import msgspec
import pytest

from bestiary.analysis.answers import Findings, Order, imported_findings, order, published_findings
from bestiary.errors import UserError
from bestiary.specs import SIZES, from_builtins
from bestiary.store import ForeignImport, ForeignResult, Origin


def crossing_at(parameters: float) -> Findings:
    """Exact losses in which muon has 1.2 (N / N*)^-0.15 / 1.2 the data efficiency: 1 at N*."""
    rows = []
    for size in ("16k", "65k", "262k", "1m"):
        own = float(SIZES[size].matrix_parameters)
        for ratio in (1.0, 2.0, 4.0, 8.0):
            for name in ("adamw", "muon"):
                efficiency = (own / parameters) ** -0.15 if name == "muon" else 1.0
                reach = efficiency * 20 * own * ratio / 1.3e6
                loss = 1 + (own / 65_536) ** -0.3 / 3 + reach**-0.4 / 2
                row = ForeignResult(
                    optimizer=name, size=size, ratio=ratio, loss=loss, file="t.csv", row=2
                )
                rows.append(row)
    return imported_findings(ForeignImport(origin=Origin(source="made"), results=tuple(rows)))


def test_a_crossing_is_found_where_it_is() -> None:
    truth = 150_000.0
    found = order(crossing_at(truth), "muon", "adamw")
    assert found.crossing.at.value == pytest.approx(truth, rel=0.1)
    assert found.crossing.better_below == "muon"
    assert found.crossing.chance > 0.95
    assert "the ranking changes: muon below" in found.crossing.verdict
    low, high = found.crossing.at.low, found.crossing.at.high
    assert low is not None
    assert high is not None
    assert low < truth < high


def test_the_order_asked_does_not_matter() -> None:
    findings = published_findings()
    one, other = order(findings, "muon", "nadamw"), order(findings, "nadamw", "muon")
    assert one.crossing.at.value == pytest.approx(other.crossing.at.value)
    assert one.crossing.better_below == other.crossing.better_below == "muon"
    assert [gap.gap.value for gap in one.gaps] == [-(gap.gap.value or 0) for gap in other.gaps]


def test_the_published_tie_at_1_2b_8x_is_one() -> None:
    # C8: NAdamW, Muon and SOAP end within 2e-4 nats of each other.
    gaps = {
        (gap.size, gap.ratio): gap for gap in order(published_findings(), "muon", "nadamw").gaps
    }
    assert not gaps["1.2b", 8.0].beyond_noise
    assert all(gap.beyond_noise for cell, gap in gaps.items() if cell != ("1.2b", 8.0))


def test_the_record_travels_as_json() -> None:
    found = order(published_findings(), "soap", "muon")
    assert from_builtins(Order, msgspec.to_builtins(found)) == found


def test_mistakes_are_refused() -> None:
    findings = published_findings()
    with pytest.raises(UserError, match="did you mean 'muon'"):
        order(findings, "mun", "adamw")
    with pytest.raises(UserError, match="two different optimizers, got 'muon' twice"):
        order(findings, "muon", "muon")
