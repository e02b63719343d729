"""Models are compiled quickly; how training compiles them is tested where they are trained."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def quick(quick_compilation: None) -> None:
    """For every test here."""
