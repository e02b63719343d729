"""`bestiary train` says where no starting point is known."""

import pytest

from bestiary.cli._train import Flags, Shape, model_of, planned_run, told_of_start_at
from bestiary.specs import DataSpec


@pytest.mark.parametrize(
    ("size", "given", "told"),
    [("33k", (), True), ("33k", ("learning_rate=0.01",), False), ("130m", (), False)],
)
def test_a_start_that_nobody_tuned_is_told_unless_the_rate_is_given(
    size: str, given: tuple[str, ...], told: bool
) -> None:
    flags = Flags(optimizer="muon", size=size, set=given)
    spec = planned_run(flags, model_of(size, Shape()), DataSpec(name="", digest="0" * 64))
    line = told_of_start_at(flags, spec)
    assert line.startswith("no starting point of muon is known at this size") == told
    assert told or not line
