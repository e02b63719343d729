"""The study's eleven optimizers at sizes that a machine of one's own can train, in three phases."""

from bestiary.specs import SIZES, Candidate, Cell, DataSpec, Phases, Setting, Study, Tuning
from bestiary.studies._candidates import candidate
from bestiary.studies._ladder import tuned_cells
from bestiary.studies._paper import OPTIMIZERS

RATIOS = (1.0, 2.0, 4.0, 8.0)
# The average that a rule is steered by, which must be short where a run is: 0.8 to begin with.
AVERAGE = {"muon": "momentum", "scion": "momentum"}


def smoke(data: DataSpec) -> Study:
    """Does everything work here? Two optimizers in three phases of a few steps; no answer.

    Args:
        data: The corpus, of bytes.
    """
    sizes, ratios = ("8k",), (0.02, 0.04, 0.08)
    return Study(
        name="smoke",
        question="Does a study in three phases go through on this machine?",
        candidates=tuple(_entered(name, rates=2, averages=(0.8,)) for name in ("adamw", "muon")),
        sizes={name: SIZES[name] for name in sizes},
        ratios=ratios,
        data=data,
        batch_size=4,
        tuning=Tuning(cells=(Cell(size="8k", ratio=0.02),), runs_per_cell=3),
        seeds=(1,),
        evaluations=1,
        evaluation_sequences=32,
        phases=Phases(
            followed=(Cell(size="8k", ratio=0.04),),
            predicted=(Cell(size="8k", ratio=0.08),),
            followed_runs=2,
            confirming_runs=2,
        ),
    )


def laptop(data: DataSpec) -> Study:
    """Which of eleven optimizers trains models of 8k to 65k parameters in the fewest tokens?

    Args:
        data: The corpus, of bytes.
    """
    return _ladder(
        "laptop",
        ("8k", "33k", "65k"),
        data,
        batch_size=16,
        predicted=(("33k", 8.0), ("65k", 4.0), ("65k", 8.0)),
        followed=(("33k", 2.0), ("33k", 4.0), ("65k", 2.0)),
    )


def proxy(data: DataSpec) -> Study:
    """The same from 1m to 17m, for one accelerator.

    Args:
        data: The corpus, of bytes.
    """
    return _ladder(
        "proxy",
        ("1m", "4m", "17m"),
        data,
        batch_size=64,
        predicted=(("4m", 8.0), ("17m", 4.0), ("17m", 8.0)),
        followed=(("4m", 2.0), ("4m", 4.0), ("17m", 2.0)),
    )


def _ladder(
    name: str,
    sizes: tuple[str, ...],
    data: DataSpec,
    *,
    batch_size: int,
    followed: tuple[tuple[str, float], ...],
    predicted: tuple[tuple[str, float], ...],
) -> Study:
    return Study(
        name=name,
        question=(
            # True of every slice of it: the page names its optimizers and sizes.
            "Which of these optimizers trains a small language model in the fewest tokens, against "
            "a well-tuned AdamW, and does that change with scale?"
        ),
        candidates=tuple(_entered(one, rates=3, averages=(0.6, 0.8, 0.9)) for one in OPTIMIZERS),
        sizes={size: SIZES[size] for size in sizes},
        ratios=RATIOS,
        data=data,
        batch_size=batch_size,
        tuning=Tuning(cells=tuned_cells(sizes, RATIOS), runs_per_cell=12),
        seeds=(1, 2, 3, 4),
        evaluations=4,
        evaluation_sequences=512,
        phases=Phases(
            followed=tuple(Cell(size=size, ratio=ratio) for size, ratio in followed),
            predicted=tuple(Cell(size=size, ratio=ratio) for size, ratio in predicted),
            followed_runs=8,
            confirming_runs=5,
        ),
    )


def _entered(name: str, *, rates: int, averages: tuple[float, ...]) -> Candidate:
    """Tuned in its learning rate, its average and its weight decay; short runs warm up by share."""
    from bestiary.optimizers import lookup

    entry = lookup(name)
    rate, decay = float(entry.start["learning_rate"]), float(entry.start["weight_decay"])
    average = AVERAGE.get(name, "beta1")
    grid: dict[str, tuple[Setting, ...]] = {
        "learning_rate": tuple(rate * 2.0**step for step in range(-1, rates - 1)),
        average: averages,
        "weight_decay": (0.0, decay or 0.1),
    }
    varied = {key: row for key, row in grid.items() if len(row) > 1}
    return candidate(
        name,
        changes={
            **entry.presets.get("study", {}),
            average: 0.8,
            "weight_decay": decay or 0.1,
            "warmup_fraction": 0.1,
        },
        without=("batch_size", "warmup_steps"),
        grid=varied if rates > 2 else {"learning_rate": grid["learning_rate"]},
    )
