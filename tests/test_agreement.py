"""Two results of one run agree in every bit, or it is said by how much and from where."""

import msgspec

from bestiary.specs import Evaluation, RunResult, TrainPoint, agreement

LOSS = {"selection": 2.0, "report": 2.5}
RESULT = RunResult(
    run_id="a" * 64,
    state="done",
    loss=LOSS,
    last_step=20,
    curve=(TrainPoint(step=10, loss=3.0), TrainPoint(step=20, loss=2.25)),
    evaluations=(Evaluation(step=20, tokens=640, loss=LOSS),),
    seconds=3.0,
    environment={"cores": "2"},
)


def test_times_and_machines_are_no_part_of_it() -> None:
    again = msgspec.structs.replace(RESULT, seconds=9.0, environment={"cores": "64"})
    assert agreement(RESULT, again).in_every_bit


def test_the_largest_difference_and_the_first_step_are_found() -> None:
    points = (TrainPoint(step=10, loss=3.0 + 2**-20), TrainPoint(step=20, loss=2.25))
    again = msgspec.structs.replace(RESULT, curve=points, loss=LOSS | {"selection": 2.0 + 2**-10})
    found = agreement(RESULT, again)
    assert not found.in_every_bit
    assert (found.difference, found.step) == (2**-10, 10)
    assert found.fields == ("loss", "curve")


def test_one_that_diverged_is_compared_by_what_it_has() -> None:
    diverged = RunResult(run_id="a" * 64, state="diverged", last_step=3, last_finite_loss=9.0)
    assert agreement(diverged, diverged).in_every_bit
    found = agreement(RESULT, diverged)
    assert (found.in_every_bit, found.difference) == (False, None)
    assert found.fields[:2] == ("state", "loss")
