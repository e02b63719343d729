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

beta_s is `shampoo_beta`. No bias correction. AdamW elsewhere, its rate times `adam_factor`. Both
groups of gradients are clipped, each by its own norm.

Two flavours. `official` (yorkerlin/KL-Methods): the first S is (1 - beta_s) times that; d is at
least 1 / max(10, min(M, 4000))^2, M the side; decay acts after the step. `nanogpt` (the
modded-nanogpt track 3 file): as above, and d at least 1 / 4000^2. Both are for whole matrices.

State: m, v, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter, and d, a number
for each row and column. Cost: 8 M N (M + N) FLOPs a step, and 4.7 (M^3 + N^3) + 4 M N (M + N) a
refresh. Checked against both, with the first eigenvectors given, the hyperball of the track 3 file
replaced by weight decay. The authors' other options (KL-Shampoo, damping, gradients of three axes)
are not here, and their bfloat16 is not followed.
"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._kronecker import (
    BlockSize,
    FactorBeta,
    Factors,
    PreconditionFrequency,
    eigenbasis,
    identities,
    orthogonal_step,
    over_factors,
    paddings,
    product,
    rotated,
    rotated_back,
    without_rounding,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, step_then_decay
from bestiary.optimizers._spectral import AdamElsewhere, with_adam
from bestiary.optimizers._whole_blocks import each_its_own

_FIRST_EIGENVALUE = 0.1
_LARGEST_INVERSE_ROOT = 4000.0


class KLSOAP(AdamElsewhere, frozen=True, kw_only=True):
    """Hyperparameters of KL-SOAP; Adam's betas and epsilon are also those of other parameters."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.9
    shampoo_beta: FactorBeta = 0.9
    epsilon: Epsilon = 1e-8
    precondition_frequency: PreconditionFrequency = 10
    block_size: BlockSize = 0
    flavour: Annotated[
        Literal["nanogpt", "official"],
        Meta(description="first factor, least eigenvalue and decay as in which code"),
    ] = "nanogpt"


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
        basis = identities(batches, dict.fromkeys(batches, (True, True)))
        mean, square, factors = optax.tree.zeros_like((batches, batches, basis))
        eigenvalues = jax.tree.map(
            lambda q_GMM: jnp.full_like(q_GMM[:, :, 0], _FIRST_EIGENVALUE), basis
        )
        return KLSOAPState(mean, square, factors, basis, eigenvalues)

    def update(
        grads: Leaves, state: KLSOAPState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, KLSOAPState]:
        del params, extra
        plan = layout(grads)
        padding = paddings(plan, like=state.factors)
        advance = partial(_advance, hyper=hyper, step=jnp.asarray(step))
        directions, state = each_its_own(advance, plan.gather(grads), state, padding)
        return plan.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def _advance(
    grads: Batches,
    state: KLSOAPState,
    padding: dict[str, Factors],
    *,
    hyper: KLSOAP,
    step: Array,
) -> tuple[Batches, KLSOAPState]:
    """One step: the directions and the new state, by shape of block."""
    first = step == 0
    moment, where = optax.tree.update_moment, optax.tree.where
    turned = {name: rotated(g_GMN, state.basis[name]) for name, g_GMN in grads.items()}
    mean = where(first, state.mean, moment(turned, state.mean, hyper.beta1, 1))
    square = where(first, state.square, moment(turned, state.square, hyper.beta2, 2))
    directions, targets, values = {}, {}, {}
    for name, m_GMN in mean.items():
        basis = state.basis[name]
        adam_GMN = without_rounding(m_GMN, basis) / (jnp.sqrt(square[name]) + hyper.epsilon)
        directions[name] = jnp.where(first, 0.0, rotated_back(adam_GMN, basis))
        targets[name], values[name] = _targets(
            grads[name], turned[name], state.basis[name], state.eigenvalues[name], first=first
        )
    # The official factors begin at zero, the others at the first target.
    zero_start = hyper.flavour == "official"
    kept = hyper.shampoo_beta if zero_start else jnp.where(first, 0.0, hyper.shampoo_beta)
    factors = moment(targets, state.factors, kept, 1)
    eigenvalues = moment(values, state.eigenvalues, hyper.shampoo_beta, 1)
    eigenvalues = where(first, state.eigenvalues, eigenvalues)
    eigenvalues = jax.tree.map(
        lambda d_GM: jnp.maximum(d_GM, least_eigenvalue(d_GM.shape[-1], hyper.flavour)), eigenvalues
    )
    # One branch runs: its index depends on the step alone, which no population batches.
    due = step % hyper.precondition_frequency == 0
    basis, mean = jax.lax.switch(
        jnp.where(first, 2, jnp.int32(due)),
        (
            lambda: (state.basis, mean),
            lambda: _refreshed(factors, padding, state.basis, mean),
            lambda: (*over_factors(eigenbasis, factors, padding), mean),
        ),
    )
    return directions, KLSOAPState(mean, square, factors, basis, eigenvalues)


def least_eigenvalue(side: int, flavour: str) -> float:
    """The lower end of d on a side of this length."""
    largest = _LARGEST_INVERSE_ROOT
    if flavour == "official":
        largest = max(10.0, min(side, largest))
    return largest**-2


def _targets(
    g_GMN: Array, turned_GMN: Array, basis: Factors, eigenvalues: Factors, *, first: Array
) -> tuple[Factors, Factors]:
    """What factors and eigenvalues tend to: each side whitened by the other."""
    rows, columns = g_GMN.shape[-2:]
    # At first there is nothing to whiten with.
    left_GM, right_GN = jax.tree.map(lambda d_GM: jnp.where(first, 1.0, d_GM), eigenvalues)
    left_GM1, right_G1N = left_GM[:, :, None], right_GN[:, None, :]
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
    padding: dict[str, Factors],
    bases: dict[str, Factors],
    mean: Batches,
) -> tuple[dict[str, Factors], Batches]:
    """The bases after one step of orthogonal iteration, and the mean turned into them."""
    (after,) = over_factors(orthogonal_step, factors, bases, padding)
    return after, {
        name: rotated(rotated_back(m_GMN, bases[name]), after[name]) for name, m_GMN in mean.items()
    }


def _rules(hyper: KLSOAP, labels: Labels) -> dict[str, Rule]:
    matrices = hyper.rule("kl_soap", scale_by_kl_soap(hyper, labels), idle_first_step=True)
    if hyper.flavour == "official":
        matrices = replace(matrices, advance=step_then_decay)
    return with_adam(matrices, hyper)


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
    presets={
        "nanogpt": {},
        "official": {
            "flavour": "official",
            "learning_rate": 1e-4,
            "weight_decay": 0.01,
            "max_grad_norm": 0.0,
            "beta1": 0.9,
            "beta2": 0.98,
            "shampoo_beta": 0.98,
        },
    },
)
