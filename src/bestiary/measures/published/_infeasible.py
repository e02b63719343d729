"""What the study's hyperparameter laws predict for 1.2b and cannot be run as predicted.

The laws are h(N, D) = alpha N^-A D^-B + beta, unbounded and unrounded. A bounded law, rounded to
what can run, avoids all of this.
"""

from bestiary.evidence.published import SIZES, configurations, predictions
from bestiary.specs import Spec

BATCH_SIZES = (128, 256, 512, 1024)
COORDINATES = ("learning_rate", "weight_decay", "warmup", "decay", "train_batch_size", "block_size")
LARGEST = SIZES[-1]


class Infeasible(Spec, frozen=True, kw_only=True):
    """One prediction that cannot be run, or that the law does not let depend on the data.

    Attributes:
        executed: What the authors ran instead; None where they ran nothing.
        why: What is wrong with the prediction.
    """

    optimizer: str
    ratio: float
    coordinate: str
    predicted: float
    executed: float | None
    why: str


def infeasible() -> tuple[Infeasible, ...]:
    """Every such prediction, in the order of the packaged table."""
    found = []
    for (optimizer, ratio), settings in predictions().items():
        executed = configurations().get((optimizer, LARGEST, ratio), {})
        for coordinate in COORDINATES:
            why = (
                _why(optimizer, coordinate, settings[coordinate]) if coordinate in settings else ""
            )
            if why:
                ran = executed.get(coordinate)
                found.append(
                    Infeasible(
                        optimizer=optimizer,
                        ratio=ratio,
                        coordinate=coordinate,
                        predicted=settings[coordinate],
                        executed=float(ran) if ran is not None else None,
                        why=why,
                    )
                )
    return tuple(found)


def _why(optimizer: str, coordinate: str, value: float) -> str:
    if coordinate == "decay" and value > 1:
        return "decays over more than the whole run"
    if coordinate == "train_batch_size" and value not in BATCH_SIZES:
        return f"not a batch size of the study, {', '.join(map(str, BATCH_SIZES))}"
    every = [
        settings[coordinate] for (name, _), settings in predictions().items() if name == optimizer
    ]
    if coordinate == "learning_rate" and max(every) - min(every) < 1e-4 * max(every):
        return "the same at every ratio: the fit returned its constant"
    return ""
