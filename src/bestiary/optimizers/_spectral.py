"""What Muon and its relatives share: momentum, orthogonal matrices, scale, AdamW elsewhere."""

from typing import Annotated, Literal, Protocol

import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
)
from bestiary.optimizers._newton_schulz import Coefficients, newton_schulz
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._whole_blocks import each_its_own
from bestiary.specs import ComputeDtype

Momentum = Annotated[float, Meta(ge=0, lt=1, description="decay of the momentum of matrices")]
MatrixEpsilon = Annotated[
    float, Meta(gt=0, description="added to the norm before orthogonalisation")
]
RateFactor = Annotated[
    float, Meta(gt=0, description="learning rate of all that is no hidden matrix, as a factor")
]
# Each is written out in the program, so that thousands would compile for hours; and all sets of
# coefficients have converged, as far as they do, long before a hundred.
Iterations = Annotated[int, Meta(ge=1, le=100, description="Newton-Schulz iterations")]
CoefficientSet = Annotated[Coefficients, Meta(description="Newton-Schulz coefficients")]
Precision = Annotated[ComputeDtype, Meta(description="type of the Newton-Schulz iteration")]
Form = Annotated[
    Literal["sum", "mean"],
    Meta(description="momentum as mu m + g (sum) or mu m + (1 - mu) g (mean): differ by epsilon"),
]
Scale = Annotated[
    Literal["aspect", "rms", "spectral", "none"],
    Meta(
        description="factor by shape: aspect sqrt(max(1, out/in)), rms 0.2 sqrt(max(out, in)), "
        "spectral sqrt(out/in)"
    ),
]


class Iteration(Protocol):
    """The settings of a Newton-Schulz iteration, in any record."""

    @property
    def matrix_epsilon(self) -> Scalar: ...
    @property
    def coefficients(self) -> Coefficients: ...
    @property
    def iterations(self) -> int: ...
    @property
    def precision(self) -> ComputeDtype: ...


class AdamElsewhere(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of a rule for hidden matrices with AdamW elsewhere."""

    adam_factor: RateFactor = 0.2
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95
    epsilon: Epsilon = 1e-15


class SpectralHyperparameters(AdamElsewhere, frozen=True, kw_only=True):
    """Hyperparameters of an orthogonalised momentum on hidden matrices with AdamW elsewhere."""

    learning_rate: LearningRate = 0.016
    momentum: Momentum = 0.98
    matrix_epsilon: MatrixEpsilon = 1e-15
    nesterov: Annotated[bool, Meta(description="look ahead by one step of momentum")] = True
    form: Form = "sum"
    scale: Scale = "aspect"
    coefficients: CoefficientSet = "simple"
    iterations: Iterations = 10
    precision: Precision = "float32"


def momentum_of(
    grads: Leaves, momenta: Leaves, hyper: SpectralHyperparameters
) -> tuple[Leaves, Leaves]:
    """The direction of momentum, with or without Nesterov, and the new momenta.

    m <- mu m + k g with k = 1 (sum) or 1 - mu (mean); the direction is m, or mu m + k g.
    """
    decay = hyper.momentum
    weight = 1.0 if hyper.form == "sum" else 1.0 - decay
    after = {path: decay * momenta[path] + weight * grad for path, grad in grads.items()}
    if not hyper.nesterov:
        return after, after
    return {path: decay * after[path] + weight * grad for path, grad in grads.items()}, after


def orthogonal(leaves: Leaves, labels: Labels, hyper: Iteration) -> Leaves:
    """NS of every matrix: one batch for all layers and kinds of equal shape."""
    layout = Layout(leaves, labels, wide=True)

    def orthogonalised(batches: Batches) -> Batches:
        return {name: orthogonal_batch(x_GMN, hyper) for name, x_GMN in batches.items()}

    return layout.scatter(each_its_own(orthogonalised, layout.gather(leaves)))


def orthogonal_batch(x_GMN: Array, hyper: Iteration) -> Array:
    """NS of a batch, with the settings of a record."""
    return newton_schulz(
        x_GMN,
        coefficients=hyper.coefficients,
        steps=hyper.iterations,
        epsilon=hyper.matrix_epsilon,
        precision=hyper.precision,
    )


def shape_scale(shape: tuple[int, ...], scale: Scale) -> float:
    """The factor of an update of shape (..., fan_in, fan_out)."""
    fan_in, fan_out = shape[-2:]
    return {
        "aspect": max(1.0, fan_out / fan_in) ** 0.5,
        "rms": 0.2 * max(fan_out, fan_in) ** 0.5,
        "spectral": (fan_out / fan_in) ** 0.5,
        "none": 1.0,
    }[scale]


def scaled(leaves: Leaves, scale: Scale) -> Leaves:
    """Every leaf times the factor of its shape."""
    return {path: shape_scale(leaf.shape, scale) * leaf for path, leaf in leaves.items()}


def with_adam(matrices: Rule, hyper: AdamElsewhere) -> dict[str, Rule]:
    """The rule for hidden matrices, and AdamW, clipped by its own norm, for everything else."""
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)
    rate = hyper.learning_rate * hyper.adam_factor
    others = hyper.rule("adamw", adam, learning_rate=rate, elementwise=True)
    return everywhere(others) | {"hidden_matrix": matrices}
