"""At which sizes a starting point is known, and what to say where none is."""

from bestiary.optimizers._interface import Optimizer
from bestiary.specs import SIZES

# The study tuned at 130M and found the best of most hyperparameters unchanged up to 520M.
_TUNED_AT = "130m"
_REACH = 4.0


def start_is_known(entry: Optimizer, parameters: int) -> bool:
    """Whether the catalogue's starting point was tuned near this size.

    It was where the study ran the optimizer, at 130M parameters; it is taken to hold within a
    factor of four. Nothing is extrapolated beyond.

    Args:
        entry: The optimizer.
        parameters: Of the model's matrices, the N of Chinchilla.
    """
    ratio = parameters / SIZES[_TUNED_AT].matrix_parameters
    return entry.studied and 1 / _REACH <= ratio <= _REACH


def told_of_start(entry: Optimizer, parameters: int) -> str:
    """One line that says that no starting point is known at a size, or nothing where one is."""
    if start_is_known(entry, parameters):
        return ""
    origin = "the study's" if entry.studied else "ours, never tuned,"
    return (
        f"no starting point of {entry.name} is known at this size: it begins with {origin} at "
        f"{_TUNED_AT}, which can be far off; tune learning_rate before you judge it"
    )
