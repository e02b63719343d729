"""Reading claims as people make them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.analysis.answers import read_claim
from bestiary.errors import UserError

LABELS = {"adamw": "AdamW", "nadamw": "NAdamW", "muon": "Muon", "adam_mini": "Adam-mini"}
SIZES = ("130m", "1.2b")


@pytest.mark.parametrize(
    ("text", "optimizer", "factor", "threshold", "measure", "size"),
    [
        ("Muon is 2x faster than AdamW", "muon", 2.0, 1.95, "tokens", ""),
        ("muon beats adamw", "muon", None, 1.0, "tokens", ""),
        ("NAdamW is 1.1 times faster than AdamW at 1.2B", "nadamw", 1.1, 1.05, "tokens", "1.2b"),
        ("Adam mini is twice as fast as AdamW", "adam_mini", 2.0, 1.95, "tokens", ""),
        ("adam-mini 1.375x", "adam_mini", 1.375, 1.3745, "tokens", ""),
        ("Muon needs 25% fewer tokens than AdamW", "muon", 4 / 3, 4 / 3 - 0.005, "tokens", ""),
        ("Muon is 30 % faster than AdamW in wall-clock time", "muon", 1.3, 1.295, "time", ""),
        (
            "Muon is 1.4\N{MULTIPLICATION SIGN} faster, at 130m.",
            "muon",
            1.4,
            1.35,
            "tokens",
            "130m",
        ),
    ],
)
def test_a_claim_is_read_as_it_was_meant(
    text: str, optimizer: str, factor: float, threshold: float, measure: str, size: str
) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert (claim.optimizer, claim.baseline) == (optimizer, "adamw")
    assert (claim.measure, claim.size) == (measure, size)
    assert claim.factor == pytest.approx(factor) if factor else claim.factor is None
    assert claim.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Muno is 2x faster than AdamX", "unknown optimizer 'Muno'; did you mean 'muon'"),
        ("AdamW is great", "must name an optimizer of the results"),
        ("AdamW is 2x faster than Muon", "faster optimizer first: 'muon is"),
        ("Muon is 1.1x faster than NAdamW", "claim compares muon and nadamw"),
        ("Muon is 0.9x faster than AdamW", "must be above 1, got 0.9"),
        ("Muon needs 120% fewer tokens", "at most 100 %"),
    ],
)
def test_a_claim_that_cannot_be_checked_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_claim(text, LABELS, baseline="adamw")
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        claim = read_claim(f"muon {text}", LABELS, baseline="adamw", sizes=SIZES)
    except UserError:
        return
    assert claim.optimizer in LABELS
    assert claim.threshold >= 1
