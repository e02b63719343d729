"""A study small enough for a test: two optimizers, one size, two ratios, a few steps each."""

from bestiary.specs import Cell, DataSpec, ModelSpec, Study, Tuning
from bestiary.studies import candidate

MODEL = ModelSpec(
    layers=1,
    hidden=16,
    intermediate=32,
    heads=1,
    key_value_heads=1,
    context=16,
    vocabulary=256,
)
RATES = {"adamw": (0.004, 0.016), "lion": (0.001, 0.004)}


def tiny(data: DataSpec) -> Study:
    """AdamW against Lion, tuned with two runs each."""
    return Study(
        name="tiny",
        question="Does Lion beat AdamW in a moment?",
        candidates=tuple(
            candidate(
                name,
                changes={"learning_rate": rates[0], "warmup_fraction": 0.1},
                without=("batch_size", "warmup_steps"),
                grid={"learning_rate": rates},
            )
            for name, rates in RATES.items()
        ),
        sizes={"tiny": MODEL},
        ratios=(0.05, 0.1),
        data=data,
        batch_size=4,
        tuning=Tuning(cells=(Cell(size="tiny", ratio=0.05),), runs_per_cell=2),
        seeds=(1, 2),
        evaluations=2,
        evaluation_sequences=8,
    )
