"""What a driver and its executor say to each other: plain data, fit for a pipe, a file or a socket.

A job is answered by any number of `Progress` and `Notice`, then by exactly one of the others.
"""

from bestiary.specs import RunResult, RunSpec, Spec


class Job(Spec, frozen=True, kw_only=True, tag=True):
    """Runs to train together: one, or several of equal shape as one population.

    Attributes:
        number: Different for every job of a driver, so that an answer names what it answers.
        runs: What to train.
        folder: Where this attempt keeps its files, those of all its runs; no other attempt writes
            there. Its log is beside it, `<folder>.log`.
        earlier: Folders of earlier attempts, the newest last, whose checkpoints may be continued.
        trunks: Folders of attempts at shorter runs of the same trunk; it may begin at a checkpoint
            that they left.
        leave_at: A step after which to leave a checkpoint for longer runs of it; 0 for none.
        evaluate_also: Steps before it that those are evaluated at.
        keep_weights: Whether to leave the last checkpoint and the tokenizer in the folder.
        devices: Over how many of its worker's devices a run is laid.
    """

    number: int
    runs: tuple[RunSpec, ...]
    folder: str
    earlier: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    leave_at: int = 0
    evaluate_also: tuple[int, ...] = ()
    keep_weights: bool = False
    devices: int = 1


class Stop(Spec, frozen=True, tag=True):
    """Write a checkpoint, answer `Stopped`, and take no more jobs."""


class Progress(Spec, frozen=True, kw_only=True, tag=True):
    """The job goes on. A repeated step is a sign of life but no progress."""

    job: int
    step: int
    loss: float | None


class Notice(Spec, frozen=True, kw_only=True, tag=True):
    """Something about the job that a person should know; it goes on.

    Job 0 is the executor itself: a pilot came or went.
    """

    job: int
    line: str


class Finished(Spec, frozen=True, kw_only=True, tag=True):
    """The job is done: one result per run, in order; divergence is a result too."""

    job: int
    results: tuple[RunResult, ...]


class Lost(Spec, frozen=True, kw_only=True, tag=True):
    """The job ended without results, by a crash or a hang that another attempt may be spared.

    Attributes:
        job: The job.
        reason: One line on why.
        with_machine: Whether all of its machine or pilot went, which is hardly the run's doing.
    """

    job: int
    reason: str
    with_machine: bool = False


class Failed(Spec, frozen=True, kw_only=True, tag=True):
    """The job ended by an error that every attempt would meet again."""

    job: int
    reason: str


class Halted(Spec, frozen=True, kw_only=True, tag=True):
    """The job could not go on, nor could any other here: the disk is full."""

    job: int
    reason: str


class Stopped(Spec, frozen=True, kw_only=True, tag=True):
    """The job was asked to stop and did; the next attempt continues it."""

    job: int


Final = Finished | Lost | Failed | Halted | Stopped
Event = Progress | Notice | Final
