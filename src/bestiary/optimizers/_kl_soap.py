r"""KL-SOAP (Lin et al. 2025, arXiv 2509.03378): SOAP with factors that fit in Kullback-Leibler.

The Kronecker factors of the covariance that is nearest to that of the gradients whiten each other.
For a hidden matrix, or a block of one, with gradient G at step k = 0, 1, ...; bases Q, estimates d
of the factors' eigenvalues, and G' = Q_L^T G Q_R:

    k = 0:  S_L = G G^T / N, S_R = G^T G / M;  Q their eigenvectors;  d = 0.1;  the matrix stays
    k > 0:  m <- beta1 m + (1 - beta1) G';   v <- beta2 v + (1 - beta2) G'^2
            u = Q_L [m / (sqrt(v) + epsilon)] Q_R^T;   p <- p - eta (u + lambda p)
            S_L <- beta_s S_L + (1 - beta_s) G Q_R D_R^-1 Q_R^T G^T / N,   S_R likewise
            d_L <- beta_s d_L + (1 - beta_s) row means of G'^2 D_R^-1,     d_R likewise
    every `precondition_frequency`, after u:  Q <- qr(S Q), m turned into the new basis

No bias correction. d is at least 1 / 4000^2. AdamW elsewhere, its rate times `adam_factor`. Both
groups of gradients are clipped, each by its own norm.

State: m, v, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter. Cost: SOAP's and
4 M N (M + N) FLOPs. Follows the modded-nanogpt track 3 file, which is for whole matrices; the
authors' code (yorkerlin/KL-Methods) has more options. Checked with the first eigenvectors given.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._factorizations import orthonormal_columns
from bestiary.optimizers._interface import (
    Beta,
    Beta1,
    Beta2,
    Epsilon,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._kronecker import (
    Factors,
    eigenbasis,
    identities,
    over_factors,
    product,
    rotated,
    rotated_back,
    without_rounding,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar
from bestiary.optimizers._spectral import AdamElsewhere, with_adam

_FIRST_EIGENVALUE = 0.1
_LEAST_EIGENVALUE = 4000.0**-2
_BOTH = (True, True)


class KLSOAP(AdamElsewhere, frozen=True, kw_only=True):
    """Hyperparameters of KL-SOAP; Adam's betas and epsilon are also those of other parameters."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.9
    shampoo_beta: Annotated[Beta, Meta(description="decay of the Kronecker factors")] = 0.9
    epsilon: Epsilon = 1e-8
    precondition_frequency: Annotated[
        int, Meta(ge=1, description="steps between refreshes of the bases")
    ] = 10
    block_size: Annotated[
        int, Meta(ge=0, description="largest side of a block; 0 keeps matrices whole")
    ] = 0


class KLSOAPState(NamedTuple):
    """Moments in the bases (G, M, N), factors, bases, eigenvalues (G, M), by shape of block."""

    mean: Batches
    square: Batches
    factors: dict[str, Factors]
    basis: dict[str, Factors]
    eigenvalues: dict[str, Factors]


def scale_by_kl_soap(hyper: KLSOAP, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u of hidden matrices."""

    def layout(leaves: Leaves) -> Layout:
        return Layout(leaves, labels, block_size=hyper.block_size, wide=True)

    def init(params: Leaves) -> KLSOAPState:
        batches = layout(params).gather(params)
        zeros = {name: jnp.zeros_like(x_GMN) for name, x_GMN in batches.items()}
        return KLSOAPState(
            mean=zeros,
            square=zeros,
            factors={name: identities(x, _BOTH, scale=0.0) for name, x in batches.items()},
            basis={name: identities(x, _BOTH) for name, x in batches.items()},
            eigenvalues={
                name: Factors(*(jnp.full_like(x[:, :, 0], _FIRST_EIGENVALUE) for x in (y, y.mT)))
                for name, y in batches.items()
            },
        )

    def update(
        grads: Leaves, state: KLSOAPState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, KLSOAPState]:
        del params, extra
        plan = layout(grads)
        batches = plan.gather(grads)
        padding = {name: Factors(*plan.padding(name)) for name in batches}  # type: ignore[arg-type]
        directions, state = _advance(batches, state, hyper, step=jnp.asarray(step), padding=padding)
        return plan.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def _advance(
    grads: Batches,
    state: KLSOAPState,
    hyper: KLSOAP,
    *,
    step: Array,
    padding: dict[str, Factors],
) -> tuple[Batches, KLSOAPState]:
    """One step: the directions and the new state, by shape of block."""
    first = step == 0
    directions, means, squares, factors, eigenvalues = {}, {}, {}, {}, {}
    for name, g_GMN in grads.items():
        basis, old = state.basis[name], state.eigenvalues[name]
        turned_GMN = rotated(g_GMN, basis)
        means[name] = _ema(state.mean[name], turned_GMN, hyper.beta1, unless=first)
        squares[name] = _ema(state.square[name], turned_GMN**2, hyper.beta2, unless=first)
        adam_GMN = without_rounding(means[name]) / (jnp.sqrt(squares[name]) + hyper.epsilon)
        directions[name] = jnp.where(first, 0.0, rotated_back(adam_GMN, basis))
        targets, values = _targets(g_GMN, turned_GMN, basis, old, first=first)
        decay = jnp.where(first, 0.0, hyper.shampoo_beta)
        factors[name] = jax.tree.map(
            lambda a, b, decay=decay: decay * a + (1 - decay) * b, state.factors[name], targets
        )
        eigenvalues[name] = jax.tree.map(
            lambda a, b: jnp.maximum(
                _ema(a, b, hyper.shampoo_beta, unless=first), _LEAST_EIGENVALUE
            ),
            old,
            values,
        )
    # One branch runs: its index depends on the step alone, which no population batches.
    due = (step % hyper.precondition_frequency == 0).astype(jnp.int32)
    basis, mean = jax.lax.switch(
        jnp.where(first, 2, due),
        (
            lambda: (state.basis, means),
            lambda: _refreshed(factors, state.basis, means, padding),
            lambda: (over_factors(eigenbasis, factors, padding)[0], means),
        ),
    )
    return directions, KLSOAPState(mean, squares, factors, basis, eigenvalues)


def _targets(
    g_GMN: Array, turned_GMN: Array, basis: Factors, eigenvalues: Factors, *, first: Array
) -> tuple[Factors, Factors]:
    """What factors and eigenvalues tend to: each side whitened by the other."""
    rows, columns = g_GMN.shape[-2:]
    # At first there is nothing to whiten with.
    left_GM1, right_G1N = (
        jnp.where(first, 1.0, values) for values in (_left(eigenvalues), _right(eigenvalues))
    )
    by_right_GMN = rotated(g_GMN, Factors(None, basis.right)) / jnp.sqrt(right_G1N)
    by_left_GMN = rotated(g_GMN, Factors(basis.left, None)) / jnp.sqrt(left_GM1)
    factors = Factors(
        product(by_right_GMN, by_right_GMN.mT) / columns,
        product(by_left_GMN.mT, by_left_GMN) / rows,
    )
    values = Factors(
        jnp.mean(turned_GMN**2 / right_G1N, axis=-1), jnp.mean(turned_GMN**2 / left_GM1, axis=-2)
    )
    return factors, values


def _refreshed(
    factors: dict[str, Factors],
    bases: dict[str, Factors],
    means: Batches,
    padding: dict[str, Factors],
) -> tuple[dict[str, Factors], Batches]:
    """The bases after one step of orthogonal iteration, and the means turned into them."""

    def turn(factor_GMM: Array, basis_GMM: Array, padding_GM: np.ndarray) -> tuple[Array]:
        # A padded coordinate is an eigenvector of its own.
        identity_1MM = jnp.eye(factor_GMM.shape[-1], dtype=factor_GMM.dtype)[None]
        own_GMM = padding_GM[:, :, None] * identity_1MM
        return (orthonormal_columns(product(factor_GMM + own_GMM, basis_GMM)),)

    (after,) = over_factors(turn, factors, bases, padding)
    return after, {
        name: rotated(rotated_back(m_GMN, bases[name]), after[name])
        for name, m_GMN in means.items()
    }


def _left(values: Factors) -> Array:
    assert values.left is not None
    return values.left[:, :, None]


def _right(values: Factors) -> Array:
    assert values.right is not None
    return values.right[:, None, :]


def _ema(old: Array, new: Array, decay: Scalar, *, unless: Array) -> Array:
    return jnp.where(unless, old, decay * old + (1 - decay) * new)


def _rules(hyper: KLSOAP, labels: Labels) -> dict[str, Rule]:
    return with_adam(
        hyper.rule("kl_soap", scale_by_kl_soap(hyper, labels), idle_first_step=True), hyper
    )


KL_SOAP = Optimizer(
    name="kl_soap",
    label="KL-SOAP",
    family="matrix",
    summary="SOAP whose Kronecker factors whiten each other.",
    paper="Lin et al. 2025, arXiv 2509.03378",
    hyperparameters=KLSOAP,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "precondition_frequency": (1, 5, 10),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "shampoo_beta": (0.9, 0.95, 0.98),
        "batch_size": (128, 256, 512),
        "warmup_steps": (500.0, 1000.0, 2000.0),
    },
)
