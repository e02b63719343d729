"""How fast this machine trains: some seconds of each of a study's small models."""

import tempfile
from typing import NamedTuple

from bestiary.cli._corpora import prepared
from bestiary.data import Corpus
from bestiary.specs import SIZES, ModelSpec, RunSpec, Study

# FLOPs of one calibration: some seconds on a core, and nothing on an accelerator.
FLOPS = 4e10
# A larger model would take longer to compile than to time; the STAND_IN is timed instead.
MOST_PARAMETERS = 20e6
STAND_IN = "4m"


class Speed(NamedTuple):
    """A rate with its origin.

    Attributes:
        flops_per_second: Model FLOPs per second of all workers together, by size.
        source: Where the numbers come from, in words.
    """

    flops_per_second: dict[str, float]
    source: str


def given(study: Study, flops_per_second: float, source: str = "as given") -> Speed:
    """One rate for every size, as a user states it."""
    return Speed(dict.fromkeys(study.sizes, flops_per_second), source)


def measured(study: Study) -> Speed:
    """The rate of this process on every size that is small enough, and a stand-in for the rest."""
    corpus = prepared(())
    small = {n: m for n, m in study.sizes.items() if m.parameters < MOST_PARAMETERS}
    if len(small) < len(study.sizes):
        small[STAND_IN] = SIZES[STAND_IN]
    rates = {name: _rate(model, corpus) for name, model in small.items()}
    by_size = {name: rates.get(name, rates.get(STAND_IN, 0.0)) for name in study.sizes}
    return Speed(by_size, f"measured here with AdamW on {', '.join(small)}")


def _rate(model: ModelSpec, corpus: Corpus) -> float:
    from bestiary.optimizers import resolve
    from bestiary.train import Policy, train

    batch = 16
    steps = max(3, min(60, int(FLOPS / (model.flops_per_token * batch * model.context))))
    run = RunSpec(
        model=model,
        data=corpus.spec,
        optimizer=resolve("adamw", {}),
        batch_size=batch,
        steps=steps,
        evaluation_sequences=1,
    )
    with tempfile.TemporaryDirectory(prefix="bestiary-plan-") as folder:
        (result,) = train([run], corpus, folder, Policy(checkpoint_seconds=0))
    return result.tokens * model.flops_per_token / max(result.seconds, 1e-9)
