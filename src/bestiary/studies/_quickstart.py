"""Five minutes on a laptop: AdamW, Muon and SOAP at two small sizes and two budgets."""

from bestiary.specs import SIZES, Candidate, Cell, DataSpec, Setting, Study, Tuning
from bestiary.studies._candidates import candidate

RATIOS = (1.0, 2.0)
SIZE_NAMES = ("16k", "65k")

# Where each search begins, and the rates tried at first; the grid grows until it brackets the best.
LEARNING_RATES: dict[str, tuple[float, tuple[float, ...]]] = {
    "adamw": (0.016, (0.008, 0.016, 0.032)),
    "muon": (0.032, (0.016, 0.032, 0.064)),
    "soap": (0.016, (0.008, 0.016, 0.032)),
}


def quickstart(data: DataSpec) -> Study:
    """Does a matrix optimizer train a small model faster than AdamW, also at twice the tokens?

    The learning rate is tuned for every optimizer with the same number of runs; everything else is
    the study's starting point. Winners are re-run on fresh seeds, the same for all optimizers.

    Args:
        data: The corpus, of bytes.
    """
    return Study(
        name="quickstart",
        question=(
            "Do Muon and SOAP train a small language model in fewer tokens than a well-tuned "
            "AdamW, and does the gain hold with model size and training length?"
        ),
        candidates=tuple(_candidate(name) for name in LEARNING_RATES),
        sizes={name: SIZES[name] for name in SIZE_NAMES},
        ratios=RATIOS,
        data=data,
        batch_size=16,
        tuning=Tuning(
            cells=tuple(Cell(size=name, ratio=1.0) for name in SIZE_NAMES),
            runs_per_cell=4,
        ),
        seeds=(1, 2, 3),
        evaluations=4,
        evaluation_sequences=256,
    )


def _candidate(name: str) -> Candidate:
    start, rates = LEARNING_RATES[name]
    # The catalogue's warm-up counts steps of a long run; a share of the run fits a short one.
    changes: dict[str, Setting] = {"learning_rate": start, "warmup_fraction": 0.1}
    return candidate(
        name,
        changes=changes,
        without=("batch_size", "warmup_steps"),
        grid={"learning_rate": rates},
    )
