"""Runs that share a trunk: their first steps are the same, because only their ends differ.

Under `wsd` a run warms up, stays at the peak and cools down at its end; runs that differ in their
length and in the share that cools down take the very same steps until the first of them cools down.
Under `constant` none ever cools down, and a shorter run is the beginning of a longer one.
"""

import math
from typing import Final

import msgspec

from bestiary.specs._run import RunSpec, run_id

# Steps are float32 in the schedule: below this their sums are exact to less than a step.
_MOST_STEPS: Final = 2**23


def stable_steps(run: RunSpec) -> int:
    """After how many steps a run leaves the trunk; 0 where it has none.

    Args:
        run: The run.
    """
    schedule = run.schedule
    if schedule.kind not in ("wsd", "constant") or run.steps >= _MOST_STEPS:
        return 0
    if schedule.kind == "constant":
        return run.steps
    begin = run.steps * (1.0 - schedule.decay_fraction)
    return math.floor(begin) if begin > schedule.warmup_steps else 0


def trunk_id(run: RunSpec) -> str:
    """The identity of a run's trunk, which is that of all runs with the same first steps.

    Args:
        run: A run with `stable_steps`.
    """
    schedule = msgspec.structs.replace(run.schedule, decay_fraction=0.0)
    # The shortest that could have it, so that every run of the trunk has the same.
    shortest = max(1, math.ceil(schedule.warmup_steps))
    bare = msgspec.structs.replace(run, steps=shortest, evaluate_every=0, schedule=schedule)
    return run_id(bare)


def evaluation_steps(run: RunSpec, until: int) -> tuple[int, ...]:
    """The steps up to some step after which a run is evaluated.

    Args:
        run: The run.
        until: The last step of interest.
    """
    every = run.evaluate_every
    due = set(range(every, run.steps, every)) if every else set()
    return tuple(sorted(step for step in due | {run.steps} if step <= until))
