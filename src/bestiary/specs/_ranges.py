"""Ranges of what no optimizer's type describes: a run's own coordinates, and other people's names.

The ranges of an optimizer's hyperparameters come from its types (`Candidate.ranges`).
"""

from bestiary.specs._feasible import Feasible

_RATE = Feasible(low=0.0, high=1.0, from_one=True)
_SHARE = Feasible(low=0.0, high=1.0)
_STEP_SIZE = Feasible(low=0.0, high=1.0, low_open=True, high_open=True)
_BATCH = Feasible(low=1.0, kind="power of two")
_WHOLE = Feasible(low=0.0, kind="whole")
_PERIOD = Feasible(low=1.0, kind="whole")

# Of the coordinates of a configuration that belong to the run and not to the optimizer.
RUN_RANGES: dict[str, Feasible] = {
    "batch_size": _BATCH,
    "warmup_fraction": _SHARE,
    "warmup_steps": _WHOLE,
    "decay_fraction": _SHARE,
    "final_fraction": _SHARE,
}
RUN_COORDINATES: tuple[str, ...] = (*RUN_RANGES, "schedule")

# Of hyperparameters of results that come without their types, by name: as the published tables,
# this catalogue and other code call them. Other numbers are positive reals. Both ends of a rate are
# allowed, because somebody may have run one.
FOREIGN_RANGES: dict[str, Feasible] = {
    **RUN_RANGES,
    **dict.fromkeys(
        (
            "beta1",
            "beta2",
            "beta3",
            "momentum",
            "average_beta",
            "entry_beta",
            "feedback",
            "neuron_beta",
            "precondition_beta",
            "shampoo_beta",
            "soap_beta",
        ),
        _RATE,
    ),
    **dict.fromkeys(
        (
            "decay",
            "fraction",
            "preconditioner_update_probability",
            "rank_fraction",
            "update_probability",
        ),
        _SHARE,
    ),
    **dict.fromkeys(("precond_lr", "preconditioner_lr", "preconditioner_rate"), _STEP_SIZE),
    **dict.fromkeys(("block_size", "train_batch_size"), _BATCH),
    "warmup": _WHOLE,
    "precondition_frequency": _PERIOD,
}
