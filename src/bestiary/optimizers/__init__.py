"""Optimizers: one file is one optimizer, and every one is an optax transform.

Shapes are named by suffix in numerics: G matrices of equal shape in one batch, M rows (fan-in),
N columns (fan-out).
"""

from collections.abc import Callable as _Callable

from optax import GradientTransformationExtraArgs as _Transformation

from bestiary.optimizers._catalogue import CATALOGUE as CATALOGUE
from bestiary.optimizers._catalogue import available as available
from bestiary.optimizers._catalogue import lookup as lookup
from bestiary.optimizers._catalogue import resolve as resolve
from bestiary.optimizers._catalogue import split_static as split_static
from bestiary.optimizers._constructors import constructor as _constructor
from bestiary.optimizers._describe import described as described
from bestiary.optimizers._from_optax import from_optax as from_optax
from bestiary.optimizers._interface import Hyperparameters as Hyperparameters
from bestiary.optimizers._interface import LearningRate as LearningRate
from bestiary.optimizers._interface import Optimizer as Optimizer
from bestiary.optimizers._labelling import Roles as Roles
from bestiary.optimizers._labelling import roles as roles
from bestiary.optimizers._optimizer import evaluation_params as evaluation_params
from bestiary.optimizers._optimizer import optimizer as optimizer
from bestiary.optimizers._routing import Routed as Routed
from bestiary.optimizers._routing import routing as routing
from bestiary.optimizers._rules import Rule as Rule
from bestiary.optimizers._rules import everywhere as everywhere
from bestiary.optimizers._starts import start_is_known as start_is_known
from bestiary.optimizers._starts import told_of_start as told_of_start


def __getattr__(name: str) -> _Callable[..., _Transformation]:
    """Every optimizer of the catalogue by name: `from bestiary.optimizers import muon`."""
    if name not in CATALOGUE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _constructor(name)


def __dir__() -> list[str]:
    return [*globals(), *CATALOGUE]
