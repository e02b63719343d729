r"""Shampoo (Gupta, Koren, Singer 2018, arXiv 1802.09568) with the step size of Adam.

Every matrix is cut into blocks. For a block with gradient G_t, t = 1, 2, ...:

    L <- beta2 L + (1 - beta2) G G^T;   R <- beta2 R + (1 - beta2) G^T G
    every `precondition_frequency`:  P_L = (L / (1 - beta2^t) + epsilon I)^(-1/4), P_R likewise
    m, v and a = m^ / (sqrt(v^) + graft_epsilon): Adam's moments and direction, bias-corrected
    u = P_L m^ P_R, scaled to the Frobenius norm of a;   before the first roots u = a
    p <- p - eta (u + lambda p)

The grafted norm is of Anil et al. 2020, arXiv 2002.09018. Roots are by eigenvalues; if the least
falls below epsilon by rounding, all are raised by the difference. A side longer than
`max_dimension` has no factor, and then the other's power is -1/2; a vector has Adam's direction.

State: m, v, factors and roots, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter, 24 in square blocks.
Cost: 4 M N (M + N) FLOPs a step, and 11 (M^3 + N^3) for new roots.

All parameters get it, as in Distributed Shampoo (Shi et al. 2023, arXiv 2309.06497), and each block
is grafted by itself. Their code leaves a ragged last block where a side does not divide by the
block's; here the blocks of one parameter are equal and the last ones padded, and there the two
differ. The study ran it as a side study with settings that are not published. Checked against
facebookresearch/optimizers, to 1e-8, as its learning rate is float32.
"""

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._factorizations import one_by_one_on_cpu
from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._kronecker import (
    BlockSize,
    Factors,
    MaxDimension,
    grams,
    identities,
    over_factors,
    product,
    rotated_back,
    sides,
)
from bestiary.optimizers._newton_schulz import frobenius_norm
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._whole_blocks import each_its_own

_SMALLEST = 1e-16  # Added to the norm that grafting divides by.


class Shampoo(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Shampoo."""

    learning_rate: LearningRate = 0.004
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.95
    epsilon: Annotated[float, Meta(gt=0, description="added to the factors' eigenvalues")] = 1e-12
    graft_epsilon: Annotated[
        float, Meta(gt=0, description="added to the root of Adam's second moment")
    ] = 1e-10
    precondition_frequency: Annotated[
        int, Meta(ge=1, description="steps between new roots; until the first, Adam")
    ] = 10
    block_size: BlockSize = 512
    max_dimension: MaxDimension = 10_000


class ShampooState(NamedTuple):
    """Adam's moments (G, M, N), factors and their inverse roots, each by shape of block."""

    mean: Batches
    square: Batches
    factors: dict[str, Factors]
    roots: dict[str, Factors]


def scale_by_shampoo(hyper: Shampoo, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u."""

    def layout(leaves: Leaves) -> Layout:
        return Layout(
            leaves,
            labels,
            block_size=hyper.block_size,
            whole_above=hyper.max_dimension,
            wide=True,
        )

    def init(params: Leaves) -> ShampooState:
        batches = layout(params).gather(params)
        has = sides(batches, max_dimension=hyper.max_dimension, vectors=False)
        roots = identities(batches, has)
        mean, square, factors = optax.tree.zeros_like((batches, batches, roots))
        return ShampooState(mean, square, factors, roots)

    def update(
        grads: Leaves, state: ShampooState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, ShampooState]:
        del params, extra
        plan = layout(grads)
        advance = partial(_advance, hyper=hyper, time=jnp.asarray(step) + 1)
        directions, state = each_its_own(advance, plan.gather(grads), state)
        return plan.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def _advance(
    grads: Batches, state: ShampooState, *, hyper: Shampoo, time: Array
) -> tuple[Batches, ShampooState]:
    """One step: the directions and the new state, by shape of block."""
    moment = optax.tree.update_moment
    mean = moment(grads, state.mean, hyper.beta1, 1)
    square = moment(grads, state.square, hyper.beta2, 2)
    factors = moment(grams(grads, like=state.factors), state.factors, hyper.beta2, 1)
    unbiased = optax.tree.bias_correction
    # A branch: whether it runs depends on the step alone, which no population batches.
    roots = jax.lax.cond(
        time % hyper.precondition_frequency == 0,
        lambda: _roots(unbiased(factors, hyper.beta2, time), hyper.epsilon),
        lambda: state.roots,
    )
    variance = unbiased(square, hyper.beta2, time)
    directions = {}
    for name, m_GMN in unbiased(mean, hyper.beta1, time).items():
        adam_GMN = m_GMN / (jnp.sqrt(variance[name]) + hyper.graft_epsilon)
        directions[name] = adam_GMN
        if jax.tree.leaves(roots[name]):
            grafted_GMN = grafted(rotated_back(m_GMN, roots[name]), adam_GMN)
            begun = time >= hyper.precondition_frequency
            directions[name] = jnp.where(begun, grafted_GMN, adam_GMN)
    return directions, ShampooState(mean, square, factors, roots)


def grafted(x_GMN: Array, norm_of_GMN: Array) -> Array:
    """The direction of one batch with the Frobenius norms of another."""
    return x_GMN * (frobenius_norm(norm_of_GMN) / (frobenius_norm(x_GMN) + _SMALLEST))


def _roots(factors: dict[str, Factors], epsilon: Scalar) -> dict[str, Factors]:
    """The inverse roots of all factors: of order 4, or 2 where a block has one factor."""

    def powers(pair: Factors) -> Factors:
        power = -0.5 / max(1, len(jax.tree.leaves(pair)))
        return jax.tree.map(lambda factor: jnp.full(len(factor), power, factor.dtype), pair)

    def root(factor_GMM: Array, power_G: Array) -> tuple[Array]:
        epsilon_G = jnp.broadcast_to(jnp.asarray(epsilon, power_G.dtype), power_G.shape)
        return (one_by_one_on_cpu(_matrix_power, factor_GMM, power_G, epsilon_G),)

    return over_factors(root, factors, {name: powers(pair) for name, pair in factors.items()})[0]


def _matrix_power(a: Array, power: Array, epsilon: Array) -> Array:
    """(A + epsilon I)^power of symmetric (..., M, M), eigenvalues at least epsilon (...)."""
    identity = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    values, vectors = jnp.linalg.eigh(a + epsilon[..., None, None] * identity)
    least = jnp.min(values, axis=-1, keepdims=True)
    values = values + jnp.maximum(epsilon[..., None] - least, 0.0)
    return product(vectors * (values ** power[..., None])[..., None, :], vectors.mT)


def _rules(hyper: Shampoo, labels: Labels) -> dict[str, Rule]:
    return everywhere(hyper.rule("shampoo", scale_by_shampoo(hyper, labels)))


SHAMPOO = Optimizer(
    name="shampoo",
    label="Shampoo",
    family="matrix",
    summary="Momentum whitened by Kronecker factors, with the step size of Adam.",
    paper="Gupta, Koren, Singer 2018, arXiv 1802.09568",
    hyperparameters=Shampoo,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.002, 0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98, 0.99),
        "precondition_frequency": (1, 5, 10),
        "block_size": (128, 256, 512),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
)
