"""What is said while a corpus is prepared: nothing at first, then rarely, with the time left."""

import pytest

from bestiary.cli._preparing_log import PreparingLog
from bestiary.data import TextProgress


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_quick_preparation_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told = PreparingLog("reading", clock := Clock())
    for second in range(5):
        clock.seconds = second
        told(TextProgress("read", second, 0))
    assert capsys.readouterr().err == ""


def test_a_long_one_says_how_far_it_is_and_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = PreparingLog("reading; it is kept", clock := Clock())
    for second in range(600):
        clock.seconds = second
        done = (second - 20) * 10**6
        told(
            TextProgress("read", second, 0)
            if second < 20
            else TextProgress("tokenised", done, 10**9)
        )
    first, second, *rest = capsys.readouterr().err.splitlines()
    assert (first, second) == ("reading; it is kept", "read 5B")
    assert rest[0] == "read 15B"
    assert rest[1] == "tokenised 15MB of 1GB, about 16 min 25 s left"
    assert rest[-1] == "tokenised 295MB of 1GB, about 11 min 45 s left"
    assert len(rest) == 5, "ever more rarely"
