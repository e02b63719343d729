"""Amounts read as people say them."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bestiary.specs import DASH, duration, quantity, size_of


def test_bytes_have_their_own_units() -> None:
    assert [size_of(count) for count in (None, 512, 198_000, 2_130_000_000)] == [
        *(DASH, "512B", "198kB", "2.13GB"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.4, "3 s"),
        (59.7, "1 min 0 s"),
        (245, "4 min 5 s"),
        (12_000, "3 h 20 min"),
        (1e6, "11 d 13 h"),
        (1e9, "31.7 years"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@hypothesis_settings(deadline=None)
@given(st.floats(min_value=1, max_value=9e26))
def test_a_quantity_keeps_three_digits(value: float) -> None:
    units = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    units |= {"P": 1e15, "E": 1e18, "Z": 1e21, "Y": 1e24}
    text = quantity(value)
    number = float(text[:-1]) * units[text[-1]] if text[-1] in units else float(text)
    assert number == pytest.approx(value, rel=0.0051)
