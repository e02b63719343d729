"""Starting points are claimed only near the size at which somebody tuned them."""

import pytest

from bestiary.optimizers import CATALOGUE, lookup, start_is_known, told_of_start
from bestiary.specs import SIZES


@pytest.mark.parametrize(
    ("name", "size", "known"),
    [
        ("muon", "130m", True),
        ("muon", "520m", True),
        ("muon", "33k", False),
        ("adamw", "33k", False),
        ("splus", "130m", False),
    ],
)
def test_a_start_is_known_near_the_studys_size_alone(name: str, size: str, known: bool) -> None:
    parameters = SIZES[size].matrix_parameters
    assert start_is_known(lookup(name), parameters) == known
    told = told_of_start(lookup(name), parameters)
    assert (told == "") == known
    assert known or told.startswith(f"no starting point of {name} is known at this size: it begins")


def test_what_the_study_did_not_run_is_nowhere_known() -> None:
    for entry in CATALOGUE.values():
        known = any(start_is_known(entry, size.matrix_parameters) for size in SIZES.values())
        assert known == entry.studied
