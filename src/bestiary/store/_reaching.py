"""When a run first reached a loss, read off its curve."""

from itertools import pairwise

from msgspec.structs import replace

from bestiary.errors import UserError
from bestiary.store._foreign import ForeignResult, TargetLoss


def run_to_target(file: str, run: ForeignResult, target: TargetLoss) -> ForeignResult:
    """The run as one whose result is what it took to reach the target.

    Between two evaluations the loss is taken as falling evenly. A run that was stopped before it
    got there was trained for what its last evaluation counts.

    Args:
        file: Its file, for messages.
        run: With its curve.
        target: The loss.

    Raises:
        UserError: a curve that begins at or below the target, so that nothing says when it did.
    """
    if run.curve and run.curve[0][1] <= target.loss:
        at, loss = run.curve[0]
        raise UserError(
            f"{file}: the curve of {run.optimizer} at {run.size} that ends in row {run.row} begins "
            f"with {loss:.4g} at {at:g}, at or below the target of {target.loss:.4g}; add its "
            "earlier evaluations, or take a lower target"
        )
    took = _first(run.curve, target.loss)
    last = run.curve[-1][0] if run.curve else None
    return replace(
        run,
        loss=None,
        state=run.state if took is None else "done",
        reached=took is not None,
        amount=(last or None) if took is None else took,
    )


def _first(curve: tuple[tuple[float, float], ...], target: float) -> float | None:
    """How far the run was when its loss first was as low; None where it never was."""
    for (before, higher), (at, loss) in pairwise(curve):
        if loss <= target:
            return before + (at - before) * (higher - target) / (higher - loss)
    return None
