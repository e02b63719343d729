"""Which sequences of a validation set are read when not all are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bestiary.train._evaluation import _spread


@given(rows=st.integers(1, 5000), most=st.integers(0, 6000))
def test_evaluated_rows_are_spread_evenly_over_the_whole_set(rows: int, most: int) -> None:
    chosen = _spread(rows, most)
    assert len(chosen) == (min(rows, most) if most else rows)
    assert chosen[0] == 0
    assert chosen[-1] < rows
    gaps = np.diff([*chosen, rows])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1
