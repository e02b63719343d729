"""Verdicts keep their definition, whatever their parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.answers.reproduce._verdict import ClaimPart, PublishedClaim, certain, drawn, normal

CLAIM = PublishedClaim(name="C0", statement="it is so", where="nowhere")
parts = st.lists(
    st.floats(0, 1).map(lambda share: ClaimPart(text="a part", margin=share - 0.5, support=share)),
    min_size=1,
    max_size=6,
)


@given(parts)
def test_a_verdict_is_as_strong_as_its_parts(given_parts: list[ClaimPart]) -> None:
    supports = [part.support for part in given_parts]
    verdict = CLAIM.judged(given_parts, "numbers")
    if min(supports) <= 0.025 / len(supports):
        assert verdict.judgement == "does not hold"
    elif min(supports) >= 0.975:
        assert verdict.judgement == "holds"
    else:
        assert verdict.judgement == "not refuted"
    assert verdict.parts == tuple(given_parts)
    assert verdict.evidence.startswith("numbers. ")


def test_parts_measure_support_in_three_ways() -> None:
    draws = np.array([-1.0, 1.0, 2.0, 3.0])
    assert drawn("x", 1.0, draws).support == 0.75
    assert normal("x", 1.6449, 1.0).support == pytest.approx(0.95, abs=1e-4)
    assert (certain("x", 0.1).support, certain("x", -0.1).support) == (1.0, 0.0)


def test_among_many_parts_one_may_look_false_by_chance() -> None:
    doubtful = ClaimPart(text="a part", margin=-1.0, support=0.02)
    assert CLAIM.judged([doubtful], "numbers").judgement == "does not hold"
    sure = [ClaimPart(text="another", margin=1.0, support=1.0)] * 9
    assert CLAIM.judged([doubtful, *sure], "numbers").judgement == "not refuted"


def test_contradicted_and_open_parts_are_named() -> None:
    against = ClaimPart(text="pigs fly", margin=-1.0, support=0.0)
    undecided = ClaimPart(text="rain falls", margin=0.0, support=0.5)
    evidence = CLAIM.judged([against, undecided], "numbers").evidence
    assert "contradicted: pigs fly (0%)" in evidence
    assert "open: rain falls (50%)" in evidence


def test_the_joint_support_is_that_of_all_parts_in_one_draw() -> None:
    first = drawn("x", 1.0, np.array([1.0, 1.0, -1.0, -1.0]))
    second = drawn("y", 1.0, np.array([-1.0, 1.0, 1.0, -1.0]))
    verdict = CLAIM.judged([first, second, normal("z", 0.0, 1.0)], "numbers")
    assert verdict.joint == pytest.approx(0.25 * 0.5)
    assert "all parts together are true in 12% of the draws" in verdict.evidence
    assert verdict.judgement == "not refuted"
    # Each of many parts may be open where all of them together hardly ever are.
    doubtful = [normal("z", -1.0, 1.0)] * 6
    assert (CLAIM.judged(doubtful, "numbers").joint or 0) < 1e-4
