"""What somebody's runs at one cell say about tuning: values tried, edges, and length."""

import math
from collections.abc import Sequence

from bestiary.evidence._record import Key, LossCourse, Tried, TuningBehind
from bestiary.specs import SIZES, Cell, Configuration
from bestiary.store import ForeignResult
from bestiary.tune import edges, varied

# Names under which a published configuration states its sequences per step.
BATCH = ("batch_size", "train_batch_size")
# A rise of the loss by this many standard deviations is one.
RISE = 3.0
# Runs end on whole steps.
FULL = 0.02


def tried_runs(runs: Sequence[ForeignResult]) -> tuple[Tried, ...]:
    """Every run as a trial of its configuration."""
    return tuple(
        Tried(
            settings=run.settings,
            state="failed" if run.state == "unfinished" else run.state,
            loss=run.loss,
            batch_size=_batch_size(run),
        )
        for run in runs
    )


def tuning_behind(
    key: Key, runs: Sequence[ForeignResult], winner: Configuration, loss: float, noise: float
) -> TuningBehind:
    """The tuning effort at one cell.

    Args:
        key: Optimizer, size and ratio.
        runs: Every run of the optimizer there.
        winner: The configuration that was chosen.
        loss: Its loss.
        noise: Standard deviation of one loss.
    """
    trials = [(run.settings, math.inf if run.loss is None else run.loss) for run in runs]
    tuning = runs if None in {run.seed for run in runs} else _configurations(runs)
    return TuningBehind(
        runs=len(tuning),
        coordinates=tuple(varied(trials)),
        unbracketed=edges(winner, loss, trials, noticeable=RISE * noise),
        cell=Cell(size=key[1], ratio=key[2]),
        inherited=len(tuning) == 1,
    )


def _configurations(runs: Sequence[ForeignResult]) -> set[str]:
    """The different ones: a seed more of the same is no tuning."""
    return {repr(sorted(run.settings.items())) for run in runs}


def course_of(run: ForeignResult) -> LossCourse:
    """Its loss over the training, where that was stated."""
    if len(run.curve) < 2:
        return LossCourse()
    progress, losses = zip(*run.curve, strict=True)
    return LossCourse(progress=progress, losses=losses)


def took_full_length(size: str, parameters: float, runs: Sequence[ForeignResult]) -> bool | None:
    """Whether every one of these runs took the tokens of its ratio, to 2%; None if one is mute."""
    lengths = {_is_full(size, parameters, run) for run in runs}
    if False in lengths:
        return False
    return None if None in lengths or not lengths else True


def _is_full(size: str, parameters: float, run: ForeignResult) -> bool | None:
    wanted = 20 * parameters * (run.ratio or 0)
    if run.curve and abs(run.curve[-1][0] / wanted - 1) < FULL:
        return True  # progress that ends there is in tokens
    tokens = run.tokens or _tokens(size, run)
    return None if not tokens else abs(tokens / wanted - 1) < FULL


def _tokens(size: str, run: ForeignResult) -> float | None:
    """Steps times batch times context, where all three are known."""
    model, batch = SIZES.get(size.lower()), _stated_batch(run)
    if not run.steps or model is None or batch is None:
        return None
    return run.steps * batch * model.context


def _stated_batch(run: ForeignResult) -> float | None:
    """Sequences per step as the configuration states them."""
    batch = next((run.settings[name] for name in BATCH if name in run.settings), None)
    return float(batch) if isinstance(batch, int | float) else None


def _batch_size(run: ForeignResult) -> int | None:
    """The same where it is a whole number."""
    batch = _stated_batch(run)
    return int(batch) if batch is not None and batch == int(batch) else None
