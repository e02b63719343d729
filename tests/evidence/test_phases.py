"""The page says by which rule hyperparameters were frozen, and what it froze, in words."""

import pytest
from tests.tune.surfaces import FOLLOWED, Surface, answered, phased

from bestiary.evidence._phases import phase_notes
from bestiary.specs import Phases


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (
            Phases(followed=FOLLOWED),
            [
                "Depends on scale: nothing of Adamw. Judged so: near-optimal is within 3 "
                "deviations of the measured noise",
                "Frozen, as they do not: learning_rate 0.008, weight_decay 0.1, beta2 0.95 of "
                "Adamw.",
            ],
        ),
        (
            Phases(followed=FOLLOWED, freezing="shown"),
            [
                "Followed, as they may depend on scale: learning_rate, weight_decay, beta2 of "
                "Adamw. Judged so: frozen is only what is shown",
                "Frozen: nothing of Adamw.",
            ],
        ),
    ],
)
def test_the_rule_is_said_in_words(phases: Phases, said: list[str]) -> None:
    noisy = Surface(noise=0.02, curvature=0.01)
    planner, _ = answered(phased(phases, runs_per_cell=12), {"adamw": noisy})
    for line, start in zip(phase_notes(planner), said, strict=False):
        assert line.startswith(start)
