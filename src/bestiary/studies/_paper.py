"""The study of arXiv 2509.02046: eleven optimizers, four sizes, four data-to-model ratios."""

from bestiary.specs import SIZES, Candidate, Cell, DataSpec, Phases, Setting, Study, Tuning
from bestiary.studies._candidates import candidate
from bestiary.studies._ladder import followed_cells, tuned_cells

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
# Those that the study extrapolated to 1.2b and to 16x.
EXTRAPOLATED = ("adamw", "nadamw", "muon", "soap")
FURTHEST = 16.0

_TWO_BATCHES: tuple[Setting, ...] = (128, 256)
# What phase II of the study tuned, by its released grids; where those differ between cells, what
# most of them have.
FOLLOWED: dict[str, dict[str, tuple[Setting, ...]]] = {
    "adamw": {
        "learning_rate": (0.004, 0.008),
        "warmup_steps": (2000.0, 4000.0),
        "weight_decay": (0.1, 0.2),
    },
    "nadamw": {"learning_rate": (0.004, 0.008), "warmup_steps": (2000.0, 4000.0)},
    "mars": {
        "learning_rate": (0.004, 0.008),
        "beta1": (0.9, 0.95, 0.98),
        "warmup_steps": (1000.0, 2000.0, 4000.0),
    },
    "cautious": {"learning_rate": (0.004, 0.008)},
    "lion": {"learning_rate": (0.0005, 0.001), "beta2": (0.9, 0.95, 0.98)},
    "adam_mini": {
        "learning_rate": (0.002, 0.004),
        "warmup_steps": (2000.0, 4000.0),
        "weight_decay": (0.1, 0.2),
    },
    "muon": {"learning_rate": (0.004, 0.008)},
    "scion": {"learning_rate": (0.004, 0.008)},
    "kron": {"learning_rate": (0.0005, 0.001)},
    "soap": {"learning_rate": (0.004, 0.008), "block_size": (128, 256, 512)},
    "sophia": {
        "weight_decay": (0.0, 0.1, 0.2, 0.3),
        "beta1": (0.9, 0.95),
        "beta2": (0.9, 0.95, 0.98, 0.99),
    },
}


def paper(data: DataSpec) -> Study:
    """The study again in its three phases, with what it lacked: fresh seeds and equal effort.

    Phase I's six regimes are tuned over the study's whole grid, phase II follows in the other six
    cells over its grids, and for four optimizers phase III predicts 1.2b and 16x.

    Args:
        data: A corpus of Llama-3 tokens, such as the study's mixture of DCLM, StarCoder and
            Proof-Pile 2.
    """
    three = SIZE_NAMES[:3]
    return Study(
        name="paper",
        question=(
            "Which of these optimizers trains a Llama in the fewest tokens, against a well-tuned "
            "AdamW, and does that change with its size and its multiple of Chinchilla?"
        ),
        candidates=tuple(_entered(name) for name in OPTIMIZERS),
        sizes={name: SIZES[name] for name in SIZE_NAMES},
        ratios=(*RATIOS, FURTHEST),
        data=data,
        batch_size=128,
        tuning=Tuning(
            cells=tuned_cells(three, RATIOS),
            runs_per_cell=40,
        ),
        phases=Phases(
            protocol="study",
            followed=followed_cells(three, RATIOS),
            predicted=(
                *(Cell(size="1.2b", ratio=ratio) for ratio in RATIOS),
                *(Cell(size=size, ratio=FURTHEST) for size in ("130m", "300m")),
            ),
            predicted_candidates=EXTRAPOLATED,
            grids={name: {**grid, "batch_size": _TWO_BATCHES} for name, grid in FOLLOWED.items()},
        ),
        seeds=(1, 2, 3),
        evaluations=8,
        compute_dtype="bfloat16",
        tokenizer="Llama 3",
    )


def _entered(name: str) -> Candidate:
    """An optimizer in the variant that the study ran, for instance with its stacked statistics."""
    from bestiary.optimizers import lookup

    return candidate(name, changes=lookup(name).presets.get("study", {}))
