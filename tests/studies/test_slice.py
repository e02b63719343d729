"""A part of a study is a study of its own that asks for nothing which the whole does not."""

import pytest

from bestiary.errors import UserError
from bestiary.specs import Cell, DataSpec, Phases, checked
from bestiary.studies import STUDIES, sliced

DATA = DataSpec(name="text", digest="0" * 64)


def test_a_slice_keeps_what_it_names_and_the_phases_of_it() -> None:
    paper = STUDIES["paper"].build(DATA)
    part = checked(
        sliced(paper, sizes=("130m", "300m"), optimizers=("adamw", "muon"), ratios=(1.0, 2.0))
    )
    assert part.name == "paper-130m-300m-adamw-muon-1x-2x"
    assert [one.name for one in part.candidates] == ["adamw", "muon"]
    assert set(part.cells) == {Cell(size=s, ratio=r) for s in part.sizes for r in (1.0, 2.0)}
    assert isinstance(part.phases, Phases)
    assert part.phases.followed == (Cell(size="300m", ratio=2.0),)
    assert part.phases.predicted == ()
    assert set(part.phases.grids) == {"adamw", "muon"}
    assert sliced(paper) is paper


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"sizes": ["130n"]}, "did you mean '130m'"),
        ({"optimizers": ["adamw", "muom"]}, "did you mean 'muon'"),
        ({"optimizers": ["muon"]}, "must keep the baseline adamw"),
        ({"ratios": [3.0]}, "unknown ratio '3'"),
        ({"sizes": ["1.2b"]}, "must keep a cell that is tuned"),
    ],
)
def test_a_slice_that_cannot_be_is_refused(flags: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        sliced(STUDIES["paper"].build(DATA), **flags)


def test_nobody_left_to_predict_leaves_no_prediction() -> None:
    part = sliced(STUDIES["paper"].build(DATA), optimizers=("adamw", "lion"))
    assert isinstance(part.phases, Phases)
    assert part.phases.predicted_candidates == ("adamw",)
    assert part.phases.predicted
