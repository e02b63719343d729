"""`bestiary laws` on the published study: what a person reads."""

import pytest

from bestiary.cli import main


@pytest.mark.slow
def test_laws_tells_conditioning_errors_unseen_and_pathologies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["laws"]) == 0
    told = capsys.readouterr().out
    for words in ("condition", "a, B -0.9", "B, Huber", "322.7 is no power", "1.048 lies outside"):
        assert words in told
    assert "The losses need a term for the efficiency that changes with size" in told
    assert "Correlated beyond 0.95" in told
