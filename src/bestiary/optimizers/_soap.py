r"""SOAP (Vyas et al. 2024, arXiv 2409.11321): Adam in the eigenbasis of Shampoo's factors.

Every matrix is cut into blocks. For a block with gradient G_k at step k = 0, 1, ...:

    L <- beta_s L + (1 - beta_s) G G^T;   R <- beta_s R + (1 - beta_s) G^T G
    k = 0:  Q_L, Q_R = eigenvectors of L, R; the parameters stay
    k > 0:  m <- beta1 m + (1 - beta1) G
            v <- beta2 v + (1 - beta2) (Q_L^T G Q_R)^2
            u = Q_L [(Q_L^T m Q_R) / (sqrt(v) + epsilon)] Q_R^T sqrt(1 - beta2^t) / (1 - beta1^t)
    every `precondition_frequency`, after u: columns of Q (and v) sorted by Q^T L Q, Q <- qr(L Q)

State: m, v, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter, 24 in square
blocks. A vector is a matrix of one column; sides longer than `max_dimension` have no factor.
With `stagger`, blocks are refreshed in turns, each once in `precondition_frequency` steps: steps
of equal cost, and a slightly different algorithm.

Two flavours. `official` (nikhilvyas/SOAP): t = k, the refresh reads the new L, weight decay acts
after the step and not at the first, whole matrices, plain Adam on vectors. `study` (Levanter):
t = k + 1, the refresh reads L from before this gradient, decay is decoupled, blocks, full factors
on vectors. Levanter merges small sides and leaves a ragged last block; here the blocks of one
parameter are equal.
Checked against both, with the first eigenvectors given: the first Gram matrix is rank-deficient,
and its null space has no unique basis.
"""

from collections.abc import Mapping
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
    Beta,
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._kronecker import (
    Factors,
    eigenbasis,
    grams,
    identities,
    over_factors,
    permuted,
    power_step,
    rotated,
    rotated_back,
    sides,
    without_rounding,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._stagger import in_turns


class SOAP(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of SOAP."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95
    shampoo_beta: Annotated[Beta, Meta(description="decay of the Kronecker factors")] = 0.95
    epsilon: Epsilon = 1e-15
    precondition_frequency: Annotated[
        int, Meta(ge=1, description="steps between refreshes of the eigenbases")
    ] = 10
    stagger: Annotated[
        bool,
        Meta(description="refresh a share of the blocks each step, not all of them every few"),
    ] = False
    block_size: Annotated[
        int, Meta(ge=0, description="largest side of a block; 0 keeps matrices whole")
    ] = 256
    max_dimension: Annotated[
        int, Meta(ge=1, description="longer sides have no factor and are not cut")
    ] = 10_000
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
        zeros = {name: jnp.zeros_like(x_GMN) for name, x_GMN in batches.items()}
        has = {
            name: sides(
                x_GMN.shape,
                max_dimension=hyper.max_dimension,
                vectors=hyper.precondition_vectors,
            )
            for name, x_GMN in batches.items()
        }
        return SOAPState(
            mean=zeros,
            square=zeros,
            factors={name: identities(x, has[name], scale=0.0) for name, x in batches.items()},
            basis={name: identities(x, has[name]) for name, x in batches.items()},
        )

    def update(
        grads: Leaves, state: SOAPState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, SOAPState]:
        del params, extra
        plan = layout(grads)
        padding = {
            name: Factors(*map(_where_present, factors, plan.padding(name)))
            for name, factors in state.factors.items()
        }
        directions, state = _advance(
            plan.gather(grads), state, hyper, step=jnp.asarray(step), padding=padding
        )
        return plan.scatter(directions), state

    return optax.GradientTransformationExtraArgs(init, update)


def _advance(
    grads: Batches, state: SOAPState, hyper: SOAP, *, step: Array, padding: dict[str, Factors]
) -> tuple[Batches, SOAPState]:
    """One step: the directions and the new state, by shape of block."""
    first = step == 0
    time = step + 1 if hyper.flavour == "study" else jnp.maximum(step, 1)
    correction = jnp.sqrt(1 - hyper.beta2**time) / (1 - hyper.beta1**time)
    gram = {name: grams(g_GMN, like=state.factors[name]) for name, g_GMN in grads.items()}
    factors = _mean(state.factors, gram, hyper.shampoo_beta)
    mean = _unless(first, state.mean, _mean(state.mean, grads, hyper.beta1))
    squares = {name: rotated(g_GMN, state.basis[name]) ** 2 for name, g_GMN in grads.items()}
    square = _unless(first, state.square, _mean(state.square, squares, hyper.beta2))
    directions = {}
    for name, m_GMN in mean.items():
        basis = state.basis[name]
        turned_GMN = without_rounding(rotated(m_GMN, basis))
        adam_GMN = turned_GMN / (jnp.sqrt(square[name]) + hyper.epsilon)
        directions[name] = jnp.where(first, 0.0, rotated_back(adam_GMN, basis) * correction)
    source = state.factors if hyper.flavour == "study" else factors
    # One branch runs: its index depends on the step alone, which no population batches.
    due = hyper.stagger | (time % hyper.precondition_frequency == 0)
    refresh = partial(_in_turns, time, hyper) if hyper.stagger else _refreshed
    bases, square = jax.lax.switch(
        jnp.where(first, 2, jnp.int32(due)),
        (
            lambda: (state.basis, square),
            lambda: refresh(source, padding, state.basis, square),
            lambda: (*over_factors(eigenbasis, factors, padding), square),
        ),
    )
    return directions, SOAPState(mean, square, factors, bases)


def _refreshed(
    factors: dict[str, Factors],
    padding: dict[str, Factors],
    bases: dict[str, Factors],
    square: Batches,
) -> tuple[dict[str, Factors], Batches]:
    """The bases after one power step, and second moments with their axes in the same order."""
    bases, orders = over_factors(power_step, factors, bases, padding, outputs=2)
    return bases, {name: permuted(v_GMN, orders[name]) for name, v_GMN in square.items()}


def _in_turns(
    time: Array,
    hyper: SOAP,
    factors: dict[str, Factors],
    padding: dict[str, Factors],
    bases: dict[str, Factors],
    square: Batches,
) -> tuple[Any, ...]:
    """The same for those blocks whose turn it is."""
    given, before = (factors, padding), (bases, square)
    return in_turns(_refreshed, before, given, time=time, frequency=hyper.precondition_frequency)


def _where_present(factor: Array | None, padding: Any) -> Any:
    return None if factor is None else padding


def _unless(first: Array, old: Any, new: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(first, a, b), old, new)


def _mean(old: Any, new: Any, decay: Scalar) -> Any:
    return jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, old, new)


def _step_then_decay(param: Array, direction: Array, rate: Scalar, decay: Scalar) -> Array:
    """The official order: p - eta u, then times 1 - eta lambda."""
    return (param - rate * direction) * (1 - rate * decay) - param


def _rules(hyper: SOAP, labels: Labels) -> Mapping[str, Rule]:
    rule = hyper.rule("soap", scale_by_soap(hyper, labels))
    if hyper.flavour == "official":
        rule = replace(rule, advance=_step_then_decay, idle_first_step=True)
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
