"""The study of arXiv 2509.02046: eleven optimizers, four sizes, four data-to-model ratios."""

from bestiary.specs import SIZES, Candidate, Cell, DataSpec, Study, Tuning
from bestiary.studies._candidates import candidate

OPTIMIZERS = (
    "adamw",
    "nadamw",
    "mars",
    "cautious",
    "lion",
    "adam_mini",
    "muon",
    "scion",
    "kron",
    "soap",
    "sophia",
)
RATIOS = (1.0, 2.0, 4.0, 8.0)
SIZE_NAMES = ("130m", "300m", "520m", "1.2b")


def paper(data: DataSpec) -> Study:
    """The study again, with what it lacked: fresh seeds, a second validation set, equal effort.

    Phase I's six regimes are tuned over the study's whole grid; the other cells inherit from the
    nearest of them.

    Args:
        data: A corpus of Llama-3 tokens, such as the study's mixture of DCLM, StarCoder and
            Proof-Pile 2.
    """
    tuned = [("130m", ratio) for ratio in RATIOS] + [("300m", 1.0), ("520m", 1.0)]
    return Study(
        name="paper",
        question=(
            "Which of eleven optimizers trains a Llama of 0.1B to 1.2B parameters in the fewest "
            "tokens, against a well-tuned AdamW, at 1 to 8 times Chinchilla?"
        ),
        candidates=tuple(_entered(name) for name in OPTIMIZERS),
        sizes={name: SIZES[name] for name in SIZE_NAMES},
        ratios=RATIOS,
        data=data,
        batch_size=128,
        tuning=Tuning(
            cells=tuple(Cell(size=size, ratio=ratio) for size, ratio in tuned),
            runs_per_cell=40,
        ),
        seeds=(1, 2, 3),
        evaluations=8,
        compute_dtype="bfloat16",
    )


def _entered(name: str) -> Candidate:
    """An optimizer in the variant that the study ran, for instance with its stacked statistics."""
    from bestiary.optimizers import lookup

    return candidate(name, changes=lookup(name).presets.get("study", {}))
