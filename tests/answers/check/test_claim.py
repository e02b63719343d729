"""Reading claims as people make them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.answers.check import read_claim
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
        ("Muon is 30% faster than AdamW in wall-clock time", "muon", 1.3, 1.295, "time", ""),
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
    assert (claim.quantity, claim.size) == (measure, size)
    assert claim.ratio is None
    assert claim.factor == pytest.approx(factor) if factor else claim.factor is None
    assert claim.threshold == pytest.approx(threshold)


@pytest.mark.parametrize(
    ("text", "factor", "measure"),
    [
        ("Muon halves training time", 2, "time"),
        ("Muon saves 30% of compute", 1 / 0.7, "tokens"),
        ("Muon cuts the tokens by a third", 1.5, "tokens"),
        ("Muon cuts training time to a third", 3, "time"),
        ("Muon cuts compute in half compared to AdamW", 2, "tokens"),
        ("Muon beats AdamW by 40 %", 1.4, "tokens"),
        ("Muon beats AdamW by 40 percent", 1.4, "tokens"),
        ("Muon needs only 60% of the tokens of AdamW", 1 / 0.6, "tokens"),
        ("Muon reaches AdamW's loss in two thirds of the steps", 1.5, "tokens"),
        ("Muon is two times faster", 2, "tokens"),
        ("Muon gives a three-fold speedup", 3, "tokens"),
        ("Muon is faster than AdamW by a factor of 1.35", 1.35, "tokens"),
        ("Muon has a speedup of 1.4 over AdamW", 1.4, "tokens"),
        ("Muon is 1.4x as efficient as AdamW", 1.4, "tokens"),
        ("AdamW is 2x slower than Muon", 2, "tokens"),
        ("AdamW needs twice as many tokens as Muon; that is 2x more tokens", 2, "tokens"),
        ("Muon is an order of magnitude faster", 10, "tokens"),
        ("Muon is half the cost of AdamW", 2, "time"),
        ("Muon wins", None, "tokens"),
    ],
)
def test_other_words_for_the_same_are_read(text: str, factor: float, measure: str) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert claim.factor == (factor if factor is None else pytest.approx(factor))
    assert (claim.optimizer, claim.quantity) == ("muon", measure)
    if factor is None:
        assert claim.reading == (
            "Muon needs fewer tokens than AdamW for the same loss, on average over all cells"
        )
    else:
        assert claim.reading.startswith("AdamW needs ")
        assert f" times the {measure} of Muon or more" in claim.reading
        told = " for the same loss, on average over all cells"
        assert claim.reading.endswith(told)


@pytest.mark.parametrize(
    ("text", "unit", "factor", "threshold"),
    [
        ("Muon has 5% lower loss than AdamW", "%", 5.0, 4.5),
        ("Muon's loss is 0.02 lower than AdamW's", "nats", 0.02, 0.015),
        ("Muon reaches a lower loss than AdamW", "nats", None, 0.0),
        ("Muon lowers AdamW's loss by 2.5 percent", "%", 2.5, 2.45),
        ("Muon has the same loss as AdamW", "%", None, -0.5),
    ],
)
def test_a_claim_about_a_loss_is_none_about_tokens(
    text: str, unit: str, factor: float | None, threshold: float
) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert (claim.quantity, claim.unit, claim.factor) == ("loss", unit, factor)
    assert claim.threshold == pytest.approx(threshold)
    assert "loss of" in claim.reading


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Muon is 1.4x faster", "of Muon or more (from 1.35 on, as it is rounded) for"),
        ("Muon is 30% faster", "of Muon or more (from 1.295 on, as it is rounded) for"),
        ("Muon has 5% lower loss", "by 5% or more (from 4.5 on, as it is rounded), on average"),
        ("Muon is faster", "Muon needs fewer tokens than AdamW for"),
    ],
)
def test_what_a_stated_number_reaches_from_is_said(text: str, told: str) -> None:
    assert told in read_claim(text, LABELS, baseline="adamw", sizes=SIZES).reading


@pytest.mark.parametrize(
    ("text", "comparison"),
    [
        ("Muon is as fast as AdamW", "equal"),
        ("Muon matches AdamW", "equal"),
        ("Muon is on par with AdamW", "equal"),
        ("Muon is no slower than AdamW", "no slower"),
        ("Muon is at least as fast as AdamW", "no slower"),
        ("Muon is twice as fast as AdamW", "at least"),
        ("Muon matches AdamW's loss with fewer tokens", "faster"),
        ("Muon is faster than AdamW", "faster"),
    ],
)
def test_equal_is_not_faster(text: str, comparison: str) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert (claim.optimizer, claim.comparison, claim.quantity) == ("muon", comparison, "tokens")
    if comparison == "equal":
        assert claim.reading.startswith("Muon needs as many tokens as AdamW")
        assert "up to 5%" in claim.reading


@pytest.mark.parametrize(
    ("text", "scope", "where"),
    [
        ("Muon is 1.2x faster", "average", ", on average over all cells"),
        ("Muon is 1.2x faster in every cell", "every cell", ", in every cell"),
        ("Muon is always 1.2x faster", "every cell", ", in every cell"),
        ("Muon is 1.2x faster on average over all sizes", "average", ", on average over all cells"),
        ("Muon is 1.2x faster at 130m", "average", ", on average over the cells at 130m"),
        ("Muon is 1.2x faster at all ratios at 1.2b", "every cell", ", in every cell at 1.2b"),
        ("Muon is 1.2x faster at 1.2b 8x", "average", " at 1.2b 8x"),
    ],
)
def test_the_scope_is_read_and_said(text: str, scope: str, where: str) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert claim.scope == scope
    assert claim.reading.endswith(f"for the same loss{where}")


@pytest.mark.parametrize(
    ("text", "size", "ratio", "factor"),
    [
        ("Muon beats AdamW at 1.2b 8x", "1.2b", 8.0, None),
        ("Muon is 1.1x faster than AdamW at 1.2B, 8x Chinchilla", "1.2b", 8.0, 1.1),
        ("at 4x Muon is 1.3x faster", "", 4.0, 1.3),
        ("Muon, at 2x faster training, wins", "", None, 2.0),
    ],
)
def test_a_ratio_is_no_factor(text: str, size: str, ratio: float, factor: float) -> None:
    claim = read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert (claim.size, claim.ratio, claim.factor) == (size, ratio, factor)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Muno is 2x faster than AdamX", "unknown optimizer 'Muno'; did you mean 'muon'"),
        ("AdamW is great", "must name an optimizer of the results"),
        ("AdamW is 2x faster than Muon", "cannot be claimed to be the faster; write 'muon is"),
        ("Muon is 2x slower than AdamW", "cannot be claimed to be the faster"),
        ("Muon is not faster than AdamW", "its denial .'not'"),
        ("Muon halves memory", "only claims about speed .* not 'memory'; write for instance"),
        ("Muon takes 0.02 fewer tokens", "0.02 cannot be read as how much faster"),
        ("Muon is 2x faster at 7b", "no results at '7b', only at 130m, 1.2b"),
        ("ice cream is tasty", "must name an optimizer of the results"),
        ("", "must name an optimizer of the results"),
        ("Muon is 1.1x faster than NAdamW", "claim compares muon and nadamw"),
        ("Muon is 0.9x faster than AdamW", "must be above 1, got 0.9"),
        ("Muon is 99999x faster than AdamW", "must be at most 10000, got 99999"),
        ("Muon is 1,4x faster than AdamW", "is written like 2 or 1.4, got '1,4'"),
        ("Muon is 1e3x faster than AdamW", "is written like 2 or 1.4, got '1e3'"),
        ("Muon is 1.2.3 times faster than AdamW", "is written like 2 or 1.4, got '1.2.3'"),
        ("Muon is 1,5% faster than AdamW", "is written like 2 or 1.4, got '1,5'"),
        ("Muon needs 120% fewer tokens", "at most 100%"),
    ],
)
def test_a_claim_that_cannot_be_checked_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_claim(text, LABELS, baseline="adamw", sizes=SIZES)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        claim = read_claim(f"muon {text}", LABELS, baseline="adamw", sizes=SIZES)
    except UserError:
        return
    assert claim.optimizer in LABELS
    assert claim.threshold >= 1
