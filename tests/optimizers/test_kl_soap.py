"""The least eigenvalues of KL-SOAP's factors."""

import pytest

from bestiary.optimizers._kl_soap import least_eigenvalue


@pytest.mark.parametrize(
    ("side", "official"), [(4, 10.0), (10, 10.0), (768, 768.0), (4000, 4000.0), (9000, 4000.0)]
)
def test_the_official_bound_grows_with_the_side(side: int, official: float) -> None:
    """In the authors' code the inverse root is at most max(10, min(side, 4000))."""
    assert least_eigenvalue(side, "official") == official**-2
    assert least_eigenvalue(side, "nanogpt") == 4000.0**-2
