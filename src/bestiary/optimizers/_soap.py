r"""SOAP (Vyas et al. 2024, arXiv 2409.11321): Adam in the eigenbasis of Shampoo's factors.

Every matrix is cut into blocks. For a block with gradient G_k at step k = 0, 1, ...:

    L <- beta_s L + (1 - beta_s) G G^T;   R <- beta_s R + (1 - beta_s) G^T G
    k = 0:  Q_L, Q_R = eigenvectors of L, R; the parameters stay
    k > 0:  m <- beta1 m + (1 - beta1) G
            v <- beta2 v + (1 - beta2) (Q_L^T G Q_R)^2
            u = Q_L [(Q_L^T m Q_R) / (sqrt(v) + epsilon)] Q_R^T sqrt(1 - beta2^t) / (1 - beta1^t)
    every `precondition_frequency`, after u: columns of Q (and v) sorted by Q^T L Q, Q <- qr(L Q)

State: m, v, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter, 24 in square
blocks. Cost: 8 M N (M + N) FLOPs a step, and 6.7 (M^3 + N^3) a refresh. A vector is a matrix of one
column; sides longer than `max_dimension` have no factor. beta_s is `shampoo_beta`. With `stagger`,
blocks are refreshed in turns, each once in `precondition_frequency` steps: steps of equal cost, and
a slightly different algorithm.

Two flavours. `official` (nikhilvyas/SOAP): t = k, the refresh reads the new L, weight decay acts
after the step and not at the first, whole matrices, plain Adam on vectors. `study` (Levanter):
t = k + 1, the refresh reads L from before this gradient, decay is decoupled, blocks, full factors
on vectors. Levanter merges small sides and leaves a ragged last block; here the blocks of one
parameter are equal. In the basis, entries of Q_L^T m Q_R below its rounding error are 0 (by block
where both sides have a factor, by row or column where one has): along null spaces of the factors
they would be errors over errors. Checked against both, with the first eigenvectors given: the first
Gram matrix is rank-deficient, and its null space has no unique basis.

That makes SOAP and its relatives answer to last bits where a batch has fewer directions than a
matrix has rows. With gradients of rank 3 in an 8 x 12 matrix, one last bit in the weights moves
them by 0.03 in the next step at a rate of 0.02, and AdamW's by the bit. So one run alone, in a
population, or on another kind of machine gives losses that differ like those of seeds, a little.
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
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._kronecker import (
    BlockSize,
    FactorBeta,
    Factors,
    MaxDimension,
    PreconditionFrequency,
    eigenbasis,
    grams,
    identities,
    over_factors,
    paddings,
    refreshed,
    rotated,
    rotated_back,
    sides,
    without_rounding,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere, step_then_decay
from bestiary.optimizers._stagger import in_turns
from bestiary.optimizers._whole_blocks import each_its_own


class SOAP(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of SOAP."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95
    shampoo_beta: FactorBeta = 0.95
    epsilon: Epsilon = 1e-15
    precondition_frequency: PreconditionFrequency = 10
    stagger: Annotated[
        bool, Meta(description="refresh a share of the blocks each step, not all of them every few")
    ] = False
    block_size: BlockSize = 256
    max_dimension: MaxDimension = 10_000
    precondition_vectors: Annotated[
        bool, Meta(description="whether vectors have a factor; else plain Adam")
    ] = True
    flavour: Annotated[
        Literal["study", "official"],
        Meta(description="counter, refresh and decay as in Levanter or as in nikhilvyas/SOAP"),
    ] = "study"


class SOAPState(NamedTuple):
    """Moments (G, M, N), factors and their bases, each by shape of block."""

    mean: Batches
    square: Batches
    factors: dict[str, Factors]
    basis: dict[str, Factors]


def scale_by_soap(hyper: SOAP, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u."""

    def layout(leaves: Leaves) -> Layout:
        return Layout(
            leaves,
            labels,
            block_size=hyper.block_size,
            whole_above=hyper.max_dimension,
            wide=True,
        )

    def init(params: Leaves) -> SOAPState:
        batches = layout(params).gather(params)
        has = sides(batches, max_dimension=hyper.max_dimension, vectors=hyper.precondition_vectors)
        basis = identities(batches, has)
        mean, square, factors = optax.tree.zeros_like((batches, batches, basis))
        return SOAPState(mean, square, factors, basis)

    def update(
        grads: Leaves, state: SOAPState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, SOAPState]:
        del params, extra
        plan = layout(grads)
        padding = paddings(plan, like=state.factors)
        advance = partial(_advance, hyper=hyper, step=jnp.asarray(step))
        # Whose turn it is goes by a block's place among all, not among those of one device.
        spread = advance if hyper.stagger else partial(each_its_own, advance)
        directions, state = spread(plan.gather(grads), state, padding)
        return plan.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def _advance(
    grads: Batches, state: SOAPState, padding: dict[str, Factors], *, hyper: SOAP, step: Array
) -> tuple[Batches, SOAPState]:
    """One step: the directions and the new state, by shape of block."""
    first = step == 0
    time = step + 1 if hyper.flavour == "study" else jnp.maximum(step, 1)
    correction = jnp.sqrt(1 - hyper.beta2**time) / (1 - hyper.beta1**time)
    moment, where = optax.tree.update_moment, optax.tree.where
    factors = moment(grams(grads, like=state.factors), state.factors, hyper.shampoo_beta, 1)
    mean = where(first, state.mean, moment(grads, state.mean, hyper.beta1, 1))
    turned = {name: rotated(g_GMN, state.basis[name]) for name, g_GMN in grads.items()}
    square = where(first, state.square, moment(turned, state.square, hyper.beta2, 2))
    directions = {}
    for name, m_GMN in mean.items():
        basis = state.basis[name]
        mean_GMN = without_rounding(rotated(m_GMN, basis), basis)
        adam_GMN = mean_GMN / (jnp.sqrt(square[name]) + hyper.epsilon)
        directions[name] = jnp.where(first, 0.0, rotated_back(adam_GMN, basis) * correction)
    source = state.factors if hyper.flavour == "study" else factors
    # One branch runs: its index depends on the step alone, which no population batches.
    due = hyper.stagger | (time % hyper.precondition_frequency == 0)
    refresh = partial(_in_turns, time, hyper) if hyper.stagger else refreshed
    bases, square = jax.lax.switch(
        jnp.where(first, 2, jnp.int32(due)),
        (
            lambda: (state.basis, square),
            lambda: refresh(source, padding, state.basis, square),
            lambda: (*over_factors(eigenbasis, factors, padding), square),
        ),
    )
    return directions, SOAPState(mean, square, factors, bases)


def _in_turns(
    time: Array,
    hyper: SOAP,
    factors: dict[str, Factors],
    padding: dict[str, Factors],
    bases: dict[str, Factors],
    square: Batches,
) -> tuple[Any, ...]:
    """Bases and second moments, refreshed in those blocks whose turn it is."""
    given, before = (factors, padding), (bases, square)
    return in_turns(refreshed, before, given, time=time, frequency=hyper.precondition_frequency)


def _rules(hyper: SOAP, labels: Labels) -> dict[str, Rule]:
    rule = hyper.rule("soap", scale_by_soap(hyper, labels))
    if hyper.flavour == "official":
        rule = replace(rule, advance=step_then_decay, idle_first_step=True)
    return everywhere(rule)


SOAP_ENTRY = Optimizer(
    name="soap",
    label="SOAP",
    family="matrix",
    summary="Adam in the eigenbasis of Shampoo's Kronecker factors.",
    paper="Vyas et al. 2024, arXiv 2409.11321",
    hyperparameters=SOAP,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "precondition_frequency": (1, 5, 10),
        "beta1": (0.8, 0.9, 0.95),
        "beta2": (0.9, 0.95, 0.98, 0.99),
        "shampoo_beta": (0.9, 0.95, 0.98, 0.99),
        "block_size": (128, 256, 512),
        "epsilon": (1e-20, 1e-15, 1e-10),
        "batch_size": (128, 256, 512),
        "warmup_steps": (500.0, 1000.0, 2000.0),
    },
    studied=True,
    presets={
        "study": {},
        "official": {
            "flavour": "official",
            "block_size": 0,
            "precondition_vectors": False,
            "epsilon": 1e-8,
            "learning_rate": 0.003,
            "weight_decay": 0.01,
            "max_grad_norm": 0.0,
        },
    },
)
