"""What a trained run scores on downstream tasks: metrics with their standard errors."""

from bestiary.specs._spec import Spec

# The metric that stands for a task where it has several, the first of them that it has.
HEADLINES = ("acc_norm", "acc", "exact_match", "f1", "word_perplexity", "perplexity")


class Score(Spec, frozen=True, kw_only=True):
    """One metric of a task.

    Attributes:
        value: The metric over all documents; None where it is not a finite number.
        error: Its standard error over documents; None where the metric has none.
        rises: Whether more is better.
    """

    value: float | None
    error: float | None = None
    rises: bool = True


class TaskScore(Spec, frozen=True, kw_only=True):
    """How one run did on one task.

    Attributes:
        task: The task's name.
        few_shot: Solved examples before every question.
        version: Of the task, as its own file says.
        harness: What asked, with its version.
        documents: How many were asked.
        available: How many the task has.
        chance: What guessing scores, of a task with choices; else None.
        questions: The sha256 of all that was asked, in order: runs are compared where it is equal.
        metrics: By name.
    """

    task: str
    few_shot: int
    version: str
    harness: str
    documents: int
    available: int
    chance: float | None = None
    questions: str
    metrics: dict[str, Score]

    @property
    def name(self) -> str:
        """As `--tasks` takes it: `arc_easy:10`."""
        return f"{self.task}:{self.few_shot}"

    @property
    def headline(self) -> str:
        """The metric that stands for the task; empty where it has none."""
        known = [name for name in HEADLINES if name in self.metrics]
        return next(iter([*known, *self.metrics]), "")


class Scores(Spec, frozen=True, kw_only=True):
    """Everything a run was asked.

    Attributes:
        run_id: The run.
        tasks: By name and shots, as `arc_easy:10`.
    """

    run_id: str
    tasks: dict[str, TaskScore] = {}
