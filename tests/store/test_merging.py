"""What differs by rounding is one, what differs is not, and what was merged is said."""

from hypothesis import given
from hypothesis import strategies as st

from bestiary.store import ForeignResult
from bestiary.store._merging import TOLERANCE, merged


def row(size: str, ratio: float, optimizer: str = "adamw") -> ForeignResult:
    return ForeignResult(
        optimizer=optimizer, size=size, ratio=ratio, loss=3.0, file="ours.csv", row=2
    )


def test_ratios_that_differ_by_rounding_are_one() -> None:
    rows, told = merged([row("a", 1.0), row("a", 1.0003, "muon"), row("a", 0.9998), row("a", 2.0)])
    assert [one.ratio for one in rows] == [1.0, 1.0, 1.0, 2.0]
    assert told == ("ratios 0.9998, 1.0003 are read as 1: within 1% of each other",)


def test_sizes_named_by_a_rounded_count_are_one() -> None:
    rows, told = merged([row("124412928", 1.0), row("124400000", 1.0), row("355000000", 1.0)])
    assert [one.size for one in rows] == ["124400000", "124400000", "355000000"]
    assert told == ("size 124412928 is read as 124400000: within 1% of each other",)


def test_names_are_never_merged_and_no_ratio_is_drawn_along_a_chain() -> None:
    rows, told = merged([row("small", 1.0), row("smaller", 1.0), row("1.2b", 1.02)])
    assert [one.size for one in rows] == ["small", "smaller", "1.2b"]
    assert [one.ratio for one in rows] == [1.0, 1.0, 1.02]
    assert told == ()
    chain = [row("a", 1.0 * 1.008**step) for step in range(5)]
    assert len({one.ratio for one in merged(chain)[0]}) == 3


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=12))
def test_what_stands_for_a_ratio_is_one_of_them_and_within_the_tolerance(
    ratios: list[float],
) -> None:
    rows, _ = merged([row("a", ratio) for ratio in ratios])
    for one, ratio in zip(rows, ratios, strict=True):
        assert one.ratio in ratios
        assert abs((one.ratio or 0) / ratio - 1) <= TOLERANCE * 1.0001
    assert merged(rows)[0] == rows
