r"""SOAP-Muon (Vyas, Zhao, Morwani, Kwun, Kakade 2025): Muon on momentum that SOAP whitened.

For each hidden matrix M x N with gradient G at step k = 0, 1, ..., and Newton-Schulz iteration NS:

    m <- mu m + (1 - mu) G;   u = mu m + (1 - mu) G   (Nesterov; else u = m)
    k > 0:  v <- beta_s v + (1 - beta_s) (Q_L^T u Q_R)^2
            u <- Q_L [(Q_L^T u Q_R) / max(sqrt(v), epsilon_s)] Q_R^T, scaled to its norm before
    p <- p - eta (s NS(u) + lambda p)
    L <- beta_s L + (1 - beta_s) G G^T;   R <- beta_s R + (1 - beta_s) G^T G
    k = 0:  Q_L, Q_R = eigenvectors of L, R
    k > 0, every `precondition_frequency`:  columns of Q (and v) sorted by Q^T L Q, Q <- qr(L Q)

beta_s is `soap_beta`, epsilon_s `soap_epsilon`. SOAP's second moment is that of the momentum,
without bias correction. AdamW elsewhere, as in Muon. Both groups of gradients are clipped, each by
its own norm.

State: m, v, both factors and bases, 8 + 8 (M^2 + N^2) / (M N) bytes a parameter. Cost: Muon's,
6 M N (M + N) FLOPs a step, and 6.7 (M^3 + N^3) a refresh.

The report (nikhilvyas.github.io/SOAP_Muon.pdf, of February 2025) whitens the smaller side alone,
takes entries' square roots before NS, and found both sides better. This is its form in the
modded-nanogpt track 3 records, #14 to #46: both sides, no square roots; without what they add to
any direction (a floor of the update's size, a radial brake), and with Frobenius in place of
Schatten norms. Checked against the functions of record #46, with those norms and the first
eigenvectors given.
"""

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import Beta, Labels, Optimizer
from bestiary.optimizers._kronecker import (
    Factors,
    PreconditionFrequency,
    eigenbasis,
    grams,
    identities,
    over_factors,
    paddings,
    refreshed,
    rotated,
    rotated_back,
    without_rounding,
)
from bestiary.optimizers._normuon import with_norm_of
from bestiary.optimizers._rules import Leaves, Rule, Scalar
from bestiary.optimizers._spectral import (
    CoefficientSet,
    Form,
    Iterations,
    MatrixEpsilon,
    Momentum,
    SpectralHyperparameters,
    momentum_of,
    orthogonal_batch,
    scaled,
    with_adam,
)
from bestiary.optimizers._whole_blocks import each_its_own


class SOAPMuon(SpectralHyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of SOAP-Muon."""

    momentum: Momentum = 0.95
    matrix_epsilon: MatrixEpsilon = 1e-7
    form: Form = "mean"
    coefficients: CoefficientSet = "classic"
    iterations: Iterations = 12
    soap_beta: Annotated[
        Beta, Meta(description="decay of Kronecker factors and of the second moment")
    ] = 0.95
    soap_epsilon: Annotated[float, Meta(gt=0, description="least root of the second moment")] = 1e-8
    precondition_frequency: PreconditionFrequency = 10


class SOAPMuonState(NamedTuple):
    """Momentum by path; second moments, factors and their bases by shape of matrix."""

    momentum: Leaves
    square: Batches
    factors: dict[str, Factors]
    basis: dict[str, Factors]


def scale_by_soap_muon(hyper: SOAPMuon, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction s NS(u)."""

    def init(params: Leaves) -> SOAPMuonState:
        batches = Layout(params, labels, wide=True).gather(params)
        basis = identities(batches, dict.fromkeys(batches, (True, True)))
        momentum, square, factors = optax.tree.zeros_like((params, batches, basis))
        return SOAPMuonState(momentum, square, factors, basis)

    def update(
        grads: Leaves, state: SOAPMuonState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, SOAPMuonState]:
        del params, extra
        plan = Layout(grads, labels, wide=True)
        directions, momenta = momentum_of(grads, state.momentum, hyper)
        matrices, square, factors, basis = each_its_own(
            partial(_advance, hyper=hyper, step=jnp.asarray(step)),
            plan.gather(directions),
            plan.gather(grads),
            (state.square, state.factors, state.basis),
            paddings(plan, like=state.factors),
        )
        after = SOAPMuonState(momenta, square, factors, basis)
        return scaled(plan.scatter(matrices), hyper.scale), after

    return optax.GradientTransformationExtraArgs(init, update)


Matrices = tuple[Batches, dict[str, Factors], dict[str, Factors]]


def _advance(
    directions: Batches,
    grads: Batches,
    state: Matrices,
    padding: dict[str, Factors],
    *,
    hyper: SOAPMuon,
    step: Array,
) -> tuple[Batches, Batches, dict[str, Factors], dict[str, Factors]]:
    """One step: the orthogonal matrices, and second moments, factors and bases after it."""
    first = step == 0
    old, factors, bases = state
    matrices, square = {}, {}
    for name, u_GMN in directions.items():
        white_GMN, square[name] = _whitened(u_GMN, old[name], bases[name], hyper=hyper, first=first)
        matrices[name] = orthogonal_batch(white_GMN, hyper)
    gram = grams(grads, like=factors)
    factors = optax.tree.update_moment(gram, factors, hyper.soap_beta, 1)
    # One branch runs: its index depends on the step alone, which no population batches.
    due = step % hyper.precondition_frequency == 0
    basis, square = jax.lax.switch(
        jnp.where(first, 2, jnp.int32(due)),
        (
            lambda: (bases, square),
            lambda: refreshed(factors, padding, bases, square),
            lambda: (*over_factors(eigenbasis, factors, padding), square),
        ),
    )
    return matrices, square, factors, basis


def _whitened(
    u_GMN: Array, old: Array, basis: Factors, *, hyper: SOAPMuon, first: Array
) -> tuple[Array, Array]:
    """Momentum over the root of its second moment in SOAP's basis, and that moment."""
    turned_GMN = rotated(u_GMN, basis)
    new = hyper.soap_beta * old + (1 - hyper.soap_beta) * turned_GMN**2
    root_GMN = jnp.maximum(jnp.sqrt(new), hyper.soap_epsilon)
    even_GMN = without_rounding(turned_GMN, basis) / root_GMN
    white_GMN = with_norm_of(u_GMN, rotated_back(even_GMN, basis))
    return jnp.where(first, u_GMN, white_GMN), jnp.where(first, old, new)


def _rules(hyper: SOAPMuon, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("soap_muon", scale_by_soap_muon(hyper, labels)), hyper)


SOAP_MUON = Optimizer(
    name="soap_muon",
    label="SOAP-Muon",
    family="matrix",
    summary="Muon on momentum that is whitened in SOAP's eigenbasis.",
    paper="Vyas, Zhao, Morwani, Kwun, Kakade 2025, nikhilvyas.github.io/SOAP_Muon.pdf",
    hyperparameters=SOAPMuon,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.9, 0.95, 0.98),
        "soap_beta": (0.9, 0.95, 0.98),
        "precondition_frequency": (1, 5, 10),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "batch_size": (128, 256, 512, 1024),
    },
    schedule="wsd",
)
