"""Does one trunk with cooldown branches give the speedups of full runs? Asked twice, compared."""

from bestiary.specs import SIZES, Candidate, Cell, DataSpec, ScheduleKind, Setting, Study, Tuning
from bestiary.studies._candidates import candidate
from bestiary.studies._quickstart import START

SIZE = "8k"
RATIOS = (1.0, 2.0, 4.0, 8.0)
SEEDS = tuple(range(1, 9))
# The average that each rule is steered by, with the learning rate all that is tuned.
_AVERAGE = {"adamw": "beta1", "muon": "momentum", "soap": "beta1"}
# A tenth of the shortest run, for the warm-up of a trunk cannot grow with the run.
_WARMUP_STEPS = 16.0


def trunk(data: DataSpec) -> Study:
    """One trunk at a constant rate for each optimizer and seed, and a cooldown for each ratio.

    A trunk has one configuration, so it is tuned at one ratio, in the middle.

    Args:
        data: The corpus, of bytes.
    """
    changes: dict[str, Setting] = {"warmup_steps": _WARMUP_STEPS, "decay_fraction": 0.2}
    candidates = tuple(_entered(name, changes, "wsd") for name in START)
    return _study("trunk", data, candidates, tuned=(2.0,), runs=16)


def trunk_full(data: DataSpec) -> Study:
    """The same question by full runs: each on its own schedule, tuned at every ratio.

    Args:
        data: The corpus, of bytes.
    """
    candidates = tuple(_entered(name, {"warmup_fraction": 0.1}) for name in START)
    return _study("trunk-full", data, candidates, tuned=RATIOS, runs=8)


def _study(
    name: str,
    data: DataSpec,
    candidates: tuple[Candidate, ...],
    *,
    tuned: tuple[float, ...],
    runs: int,
) -> Study:
    return Study(
        name=name,
        question=(
            "By how much does a small language model train faster with Muon or SOAP than with a "
            "well-tuned AdamW, at four lengths of training?"
        ),
        candidates=candidates,
        sizes={SIZE: SIZES[SIZE]},
        ratios=RATIOS,
        data=data,
        batch_size=16,
        tuning=Tuning(
            cells=tuple(Cell(size=SIZE, ratio=ratio) for ratio in tuned), runs_per_cell=runs
        ),
        seeds=SEEDS,
        evaluations=4,
        evaluation_sequences=512,
        tokenizer="byte",
    )


def _entered(
    name: str, changes: dict[str, Setting], schedule: ScheduleKind | None = None
) -> Candidate:
    rate = float(START[name]["learning_rate"])
    long = {"batch_size", "warmup_steps"} - set(changes)
    return candidate(
        name,
        changes={**START[name], **changes},
        without=tuple(sorted(long)),
        grid={
            "learning_rate": (rate / 2, rate, 2 * rate),
            _AVERAGE[name]: (0.7, 0.8, 0.9),
        },
        schedule=schedule,
    )
