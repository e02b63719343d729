"""The quantile of Student's t is scipy's, also where it is expanded about the normal one."""

import math

import pytest
from scipy.special import stdtrit

from bestiary.laws import student_quantile


@pytest.mark.parametrize("freedom", [1, 7.5, 2999, 3000, 11_200, 1e9, math.inf])
@pytest.mark.parametrize("chance", [1e-6, 0.025, 0.5, 0.6, 0.975, 0.9999])
def test_a_quantile_is_that_of_scipy(freedom: float, chance: float) -> None:
    known = pytest.approx(stdtrit(freedom, chance), rel=1e-12, abs=1e-15)
    assert student_quantile(chance, freedom) == known
