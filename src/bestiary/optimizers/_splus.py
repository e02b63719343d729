r"""SPlus (Frans, Levine, Abbeel 2025, arXiv 2506.07254): momentum's sign in Shampoo's basis.

For each hidden matrix M x N with gradient G_t, t = 1, 2, ..., and Q_L = Q_R = I at first:

    m <- beta1 m + (1 - beta1) G
    u = Q_L sign(Q_L^T m Q_R) Q_R^T;   p <- p - eta 2 / (M + N) (u + lambda p)
    L <- beta2 L + (1 - beta2) G G^T;   R <- beta2 R + (1 - beta2) G^T G
    t = 1, and every `precondition_frequency`:  Q_L, Q_R = eigenvectors of L, R
    w <- beta_w w + (1 - beta_w) p_{t-1};   evaluated at w / (1 - beta_w^t)

Embedding and head have u as well, with `other_factor` in place of 2 / (M + N); a vector has u =
sign(m) with that factor. A side longer than `max_dimension` has Q = I. No matrix is cut.

State: m, w, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter. Cost: 6 M N (M +
N) FLOPs a step, and 9 (M^3 + N^3) for new eigenvectors. A good eta is Adam's, times twice the width
of the model; all that is no hidden matrix is clipped as one group, hidden matrices as another.

Where implementations disagree: the authors' optax file, followed here, averages the weights before
the step and decays beside it; their torch file and pytorch_optimizer average after the step, before
a decay that comes last. They decide by size, or by name, what has no 2 / (M + N); here the role
does. Along null spaces of the factors m is rounding error, whose sign they take; here it is 0.
Checked against the authors' optax file, with the first eigenvectors given, and
`pytorch_optimizer.SPlus`.
"""

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import (
    Beta,
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
    WeightDecay,
)
from bestiary.optimizers._kronecker import (
    FactorBeta,
    Factors,
    PreconditionFrequency,
    eigenbasis,
    grams,
    identities,
    over_factors,
    paddings,
    rotated,
    rotated_back,
    sides,
    without_rounding,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, by_path, descend, everywhere
from bestiary.optimizers._spectral import RateFactor
from bestiary.optimizers._whole_blocks import each_its_own


class SPlus(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of SPlus."""

    learning_rate: LearningRate = 0.2
    weight_decay: WeightDecay = 0.01
    other_factor: RateFactor = 0.001
    beta1: Beta1 = 0.9
    beta2: FactorBeta = 0.999
    average_beta: Annotated[Beta, Meta(description="decay of the mean of the weights")] = 0.999
    precondition_frequency: PreconditionFrequency = 100
    max_dimension: Annotated[int, Meta(ge=1, description="longer sides have no factor")] = 10_000


class SPlusState(NamedTuple):
    """Momentum by path, factors and bases by shape; sums of weights, and 1 - beta_w^t."""

    momentum: Leaves
    factors: dict[str, Factors]
    basis: dict[str, Factors]
    sums: Leaves
    share: Array


def scale_by_splus(hyper: SPlus, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u."""

    def init(params: Leaves) -> SPlusState:
        batches = Layout(params, labels, wide=True).gather(params)
        has = sides(batches, max_dimension=hyper.max_dimension, vectors=False)
        basis = identities(batches, has)
        return SPlusState(
            momentum=optax.tree.zeros_like(params),
            factors=optax.tree.zeros_like(basis),
            basis=basis,
            sums=optax.tree.zeros_like(params),
            share=jnp.zeros((), jnp.result_type(*params.values())),
        )

    def update(
        grads: Leaves, state: SPlusState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, SPlusState]:
        del extra
        plan = Layout(grads, labels, wide=True)
        moment = optax.tree.update_moment
        momentum = moment(grads, state.momentum, hyper.beta1, 1)
        directions, factors, basis = each_its_own(
            partial(_advance, hyper=hyper, time=jnp.asarray(step) + 1),
            plan.gather(momentum),
            plan.gather(grads),
            state.factors,
            state.basis,
            paddings(plan, like=state.factors),
        )
        sums = moment(params, state.sums, hyper.average_beta, 1)
        share = moment(jnp.ones_like(state.share), state.share, hyper.average_beta, 1)
        return plan.scatter(directions), SPlusState(momentum, factors, basis, sums, share)

    return optax.GradientTransformationExtraArgs(init, update)


def averaged(state: dict[str, SPlusState], params: optax.Params) -> optax.Params:
    """The mean weights, to be evaluated; before the first step those trained."""

    def mean(path: str, param: Array) -> Array:
        own = next(group for group in state.values() if path in group.sums)
        known = own.share > 0
        summed = own.sums[path].reshape(param.shape)
        average = jnp.where(known, summed / jnp.where(known, own.share, 1.0), param)
        return average.astype(param.dtype)

    means = [mean(path, param) for path, param in by_path(params).items()]
    return jax.tree.unflatten(jax.tree.structure(params), means)


def _signed(m_GMN: Array, basis: Factors) -> Array:
    """The sign of momentum in the basis, turned back."""
    return rotated_back(jnp.sign(without_rounding(rotated(m_GMN, basis), basis)), basis)


def _advance(
    momentum: Batches,
    grads: Batches,
    factors: dict[str, Factors],
    basis: dict[str, Factors],
    padding: dict[str, Factors],
    *,
    hyper: SPlus,
    time: Array,
) -> tuple[Batches, dict[str, Factors], dict[str, Factors]]:
    """One step: directions, and the new factors and bases, by shape of block."""
    directions = {name: _signed(m_GMN, basis[name]) for name, m_GMN in momentum.items()}
    gram = grams(grads, like=factors)
    factors = optax.tree.update_moment(gram, factors, hyper.beta2, 1)
    # A branch: whether it runs depends on the step alone, which no population batches.
    basis = jax.lax.cond(
        (time == 1) | (time % hyper.precondition_frequency == 0),
        lambda: over_factors(eigenbasis, factors, padding)[0],
        lambda: basis,
    )
    return directions, factors, basis


def _by_width(param: Array, direction: Array, rate: Scalar, decay: Scalar) -> Array:
    """The update of matrices (..., fan_in, fan_out): the rate is divided by their mean side."""
    return descend(param, direction, rate * (2 / sum(param.shape[-2:])), decay)


def _rules(hyper: SPlus, labels: Labels) -> dict[str, Rule]:
    direction = scale_by_splus(hyper, labels)
    rate = hyper.learning_rate * hyper.other_factor
    others = hyper.rule("splus_elsewhere", direction, learning_rate=rate)
    hidden = hyper.rule("splus", direction, advance=_by_width)
    return everywhere(others) | {"hidden_matrix": hidden}


SPLUS = Optimizer(
    name="splus",
    label="SPlus",
    family="matrix",
    summary="The sign of momentum in Shampoo's eigenbasis, evaluated at the mean of its weights.",
    paper="Frans, Levine, Abbeel 2025, arXiv 2506.07254",
    hyperparameters=SPlus,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.05, 0.1, 0.2, 0.4),
        "weight_decay": (0.0, 0.01, 0.1, 1.0),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.95, 0.99, 0.999),
        "precondition_frequency": (10, 100),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    evaluation_params=averaged,
)
