"""Five minutes on a laptop: AdamW, Muon and SOAP at two small sizes and three budgets."""

from bestiary.specs import SIZES, Candidate, Cell, Configuration, DataSpec, Setting, Study, Tuning
from bestiary.studies._candidates import candidate

RATIOS = (1.0, 2.0, 4.0)
SIZE_NAMES = ("8k", "33k")

# Momentum as long as the study's averages over most of a run of a few hundred steps, so every
# search begins shorter. The embedding and the head are most of a model this small: under Muon they
# get half the matrices' rate rather than a fifth of it.
START: dict[str, Configuration] = {
    "adamw": {"learning_rate": 0.016, "beta1": 0.8},
    "muon": {"learning_rate": 0.032, "momentum": 0.8, "beta1": 0.9, "adam_factor": 0.5},
    "soap": {"learning_rate": 0.016, "beta1": 0.8},
}

# Two coordinates each, with as many values for every optimizer; the grid of rates grows until it
# brackets the best.
GRID: dict[str, dict[str, tuple[Setting, ...]]] = {
    "adamw": {"learning_rate": (0.008, 0.016, 0.032), "beta1": (0.5, 0.7, 0.8, 0.9)},
    "muon": {"learning_rate": (0.016, 0.032, 0.064), "momentum": (0.5, 0.7, 0.8, 0.9)},
    "soap": {"learning_rate": (0.008, 0.016, 0.032), "beta1": (0.5, 0.7, 0.8, 0.9)},
}


def quickstart(data: DataSpec) -> Study:
    """Does a matrix optimizer train a small model faster than AdamW, also at twice the tokens?

    The learning rate and the momentum of every optimizer are tuned with the same number of runs at
    1x of both sizes; longer runs inherit. Winners are re-run on fresh seeds, the same for all.

    Args:
        data: The corpus, of bytes.
    """
    return Study(
        name="quickstart",
        question=(
            "Do Muon and SOAP train a small language model in fewer tokens than a well-tuned "
            "AdamW, and does the gain hold with model size and training length?"
        ),
        candidates=tuple(_candidate(name) for name in START),
        sizes={name: SIZES[name] for name in SIZE_NAMES},
        ratios=RATIOS,
        data=data,
        batch_size=16,
        tuning=Tuning(
            cells=tuple(Cell(size=name, ratio=1.0) for name in SIZE_NAMES),
            runs_per_cell=7,
        ),
        seeds=(1, 2),
        evaluations=4,
        evaluation_sequences=512,
        tokenizer="byte",
    )


def _candidate(name: str) -> Candidate:
    # The catalogue's warm-up counts steps of a long run; a share of the run fits a short one.
    return candidate(
        name,
        changes={**START[name], "warmup_fraction": 0.1},
        without=("batch_size", "warmup_steps"),
        grid=GRID[name],
    )
