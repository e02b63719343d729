"""`bestiary reproduce` prints recomputed beside published numbers, and every verdict."""

import io
import re
from contextlib import redirect_stderr, redirect_stdout

import pytest

from bestiary.answers.reproduce import Reproduction, reproduce
from bestiary.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> Reproduction:
    return reproduce(draws=100)


@pytest.fixture(scope="module")
def text() -> str:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        assert main(["reproduce", "fantastic2025", "--draws", "100"]) == 0
    assert err.getvalue() == ""
    return out.getvalue()


def test_every_published_speedup_stands_beside_the_recomputed(
    text: str, found: Reproduction
) -> None:
    published = [row for row in found.speedups if row.published is not None]
    pairs = re.findall(r"(\d\.\d{3})\*? \((\d\.\d{2})\)", text)
    assert sorted(pairs) == sorted(
        (f"{row.speedup.value:.3f}", f"{row.published:.2f}") for row in published
    )
    assert all(abs(float(ours) - float(theirs)) < 0.0056 for ours, theirs in pairs)
    for point in found.against_size:
        assert f"{point.published:.3f}" in text
        assert f"{point.published_released:.3f}" in text


def test_both_versions_stand_side_by_side(text: str, found: Reproduction) -> None:
    assert len(found.changed) == 7
    for cell in found.changed:
        line = rf"{cell.size} +{cell.ratio:g}x +{cell.optimizer} +{cell.printed:.4f} "
        assert re.search(line + rf" +{cell.released:.4f}", text)
    # The changed loss of AdamW moves the whole column at 520m.
    assert re.search(r"520m +muon +1\.326 \(1\.33\) +1\.226", text)
    assert re.search(r"520m +muon +1\.296 +1\.227", text)
    assert re.search(r"130m +8x +soap, muon .* muon, soap", text)


def test_every_claim_has_its_verdict_and_evidence(text: str, found: Reproduction) -> None:
    for check in found.claims:
        verdict = check.verdict
        assert re.search(rf"^{verdict.claim} {verdict.judgement}", text, flags=re.MULTILINE)
        assert verdict.evidence in text
    assert "C2 not refuted (does not hold with AdamW's 16x points in its curves" in text


def test_predictions_that_cannot_be_run_are_shown(text: str) -> None:
    assert re.search(r"muon +decay +1\.01, 1\.029, 1\.048 ", text)
    assert re.search(r"adamw +train_batch_size .*322\.7 ", text)
