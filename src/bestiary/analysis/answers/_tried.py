"""What somebody's runs at one cell say about tuning: values tried, edges, and length."""

from collections.abc import Sequence

from bestiary.analysis._ranking import lowest_by_batch
from bestiary.analysis.answers._findings import Effort, RunCurve
from bestiary.specs import SIZES, Configuration, Setting
from bestiary.store import ForeignResult

# Names under which a published configuration states its sequences per step.
BATCH = ("batch_size", "train_batch_size")
# A rise of the loss by this many standard deviations is one.
RISE = 3.0
# Runs end on whole steps.
FULL = 0.02


def effort_of(
    runs: Sequence[ForeignResult], winner: Configuration, loss: float, noise: float
) -> Effort:
    """The tuning effort at one cell.

    Args:
        runs: Every run of the optimizer there.
        winner: The configuration that was chosen.
        loss: Its loss.
        noise: Standard deviation of one loss.
    """
    names = dict.fromkeys(name for run in runs for name in run.settings)
    tried = {name: {run.settings[name] for run in runs if name in run.settings} for name in names}
    varied = tuple(name for name, values in tried.items() if len(values) > 1)
    edges = tuple(
        name
        for name in varied
        if name in winner
        and _on_edge(winner[name], tried[name])
        and _still_falls(name, runs, winner, loss, noise)
    )
    tuning = runs if None in {run.seed for run in runs} else _configurations(runs)
    return Effort(
        runs=len(tuning), coordinates=varied, unbracketed=edges, inherited=len(tuning) == 1
    )


def _configurations(runs: Sequence[ForeignResult]) -> set[str]:
    """The different ones: a seed more of the same is no tuning."""
    return {repr(sorted(run.settings.items())) for run in runs}


def losses_by_batch(runs: Sequence[ForeignResult]) -> dict[int, float]:
    """The lowest loss at each batch size, in sequences, where the learning rate was tuned."""
    batches = [
        next((run.settings[name] for name in BATCH if name in run.settings), None) for run in runs
    ]
    return lowest_by_batch(
        (int(batch), run.settings.get("learning_rate"), run.loss)
        for batch, run in zip(batches, runs, strict=True)
        if isinstance(batch, int | float) and batch == int(batch)
    )


def curves_of(runs: Sequence[ForeignResult], winner: Configuration) -> tuple[RunCurve, ...]:
    """Loss over training of the finished runs of one configuration."""
    return tuple(
        RunCurve(
            seed=run.seed,
            points=tuple((progress / run.curve[-1][0], loss) for progress, loss in run.curve),
        )
        for run in runs
        if run.settings == winner and run.loss is not None and len(run.curve) > 1
    )


def took_full_length(size: str, parameters: float, runs: Sequence[ForeignResult]) -> bool | None:
    """Whether the best run took the tokens of its ratio, to 2%; None where it does not say."""
    done = [run for run in runs if run.loss is not None and run.ratio is not None]
    if not done:
        return None
    best = min(done, key=lambda run: run.loss or 0.0)
    wanted = 20 * parameters * (best.ratio or 0)
    if best.curve and abs(best.curve[-1][0] / wanted - 1) < FULL:
        return True  # progress that ends there is in tokens
    tokens = best.tokens or _tokens(size, best)
    return None if not tokens else abs(tokens / wanted - 1) < FULL


def _tokens(size: str, run: ForeignResult) -> float | None:
    """Steps times batch times context, where all three are known."""
    batch = next((run.settings[name] for name in BATCH if name in run.settings), None)
    model = SIZES.get(size.lower())
    if not run.steps or model is None or not isinstance(batch, int | float):
        return None
    return run.steps * batch * model.context


def _on_edge(value: Setting, tried: set[Setting]) -> bool:
    """Whether a number is the least or greatest tried; 0 is an end in itself."""
    numbers = [one for one in tried if isinstance(one, int | float) and not isinstance(one, bool)]
    if not numbers or isinstance(value, bool | str) or value == 0:
        return False
    return value in (min(numbers), max(numbers))


def _still_falls(
    name: str, runs: Sequence[ForeignResult], winner: Configuration, loss: float, noise: float
) -> bool:
    """Whether the nearest other value of one coordinate is clearly worse, or diverged."""
    chosen = float(winner[name])
    around = [
        run
        for run in runs
        if run.settings.get(name) != winner[name]
        and isinstance(run.settings.get(name), int | float)
        and {**run.settings, name: 0} == {**winner, name: 0}
    ]
    if not around:
        return True
    nearest = min(around, key=lambda run: abs(float(run.settings[name]) - chosen))
    return nearest.loss is None or nearest.loss - loss > RISE * noise
