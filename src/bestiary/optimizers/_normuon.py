r"""NorMuon (Li, Liu, Liang, Chen, Zhao 2025, arXiv 2510.05491): Muon with equal neurons.

Muon's orthogonal matrix O = NS(u) has rows of unequal norm. With one second moment for each neuron:

    v <- beta_v v + (1 - beta_v) mean over the neuron's inputs of O^2
    N = O / (sqrt(v) + epsilon_v);   N <- N ||O||_F / ||N||_F;   p <- p - eta (s N + lambda p)

No bias correction: the last scaling cancels it. beta_v is `neuron_beta`, epsilon_v
`neuron_epsilon`. AdamW elsewhere, as in Muon.

State: Muon's, and one number for each neuron. Cost: Muon's.

A neuron is an output of the matrix (paper, dion, pytorch_optimizer), or an index of its longer side
(modded-nanogpt); epsilon_v is added to the root here and in the paper, modded-nanogpt clamps.
Checked against zichongli5/NorMuon (5e-12: its norm has an epsilon) and `pytorch_optimizer.NorMuon`.
"""

from typing import Annotated, Literal, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import Beta, Labels, Optimizer
from bestiary.optimizers._newton_schulz import frobenius_norm
from bestiary.optimizers._rules import Leaves, Rule
from bestiary.optimizers._spectral import (
    Form,
    Iterations,
    MatrixEpsilon,
    Momentum,
    SpectralHyperparameters,
    momentum_of,
    orthogonal,
    scaled,
    with_adam,
)


class NorMuon(SpectralHyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of NorMuon."""

    momentum: Momentum = 0.95
    matrix_epsilon: MatrixEpsilon = 1e-7
    form: Form = "mean"
    iterations: Iterations = 5
    neuron_beta: Annotated[Beta, Meta(description="decay of the neurons' second moments")] = 0.95
    neuron_epsilon: Annotated[
        float, Meta(gt=0, description="added to the root of the neurons' second moments")
    ] = 1e-10
    neurons: Annotated[
        Literal["outputs", "longer"], Meta(description="outputs, or indices of the longer side")
    ] = "outputs"


class NorMuonState(NamedTuple):
    """Momentum, and second moments of neurons (..., 1, fan_out) or (..., fan_in, 1), by path."""

    momentum: Leaves
    square: Leaves


def scale_by_normuon(hyper: NorMuon, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction s N."""

    def mean_square(leaf: Array) -> Array:
        fan_in, fan_out = leaf.shape[-2:]
        axis = -1 if hyper.neurons == "longer" and fan_in > fan_out else -2
        return jnp.mean(leaf**2, axis=axis, keepdims=True)

    def init(params: Leaves) -> NorMuonState:
        square = {path: mean_square(jnp.zeros_like(param)) for path, param in params.items()}
        return NorMuonState(optax.tree.zeros_like(params), square)

    def update(
        grads: Leaves, state: NorMuonState, params: Leaves, **extra: object
    ) -> tuple[Leaves, NorMuonState]:
        del params, extra
        directions, momenta = momentum_of(grads, state.momentum, hyper)
        matrices = orthogonal(directions, labels, hyper)
        squares = {path: mean_square(leaf) for path, leaf in matrices.items()}
        square = optax.tree.update_moment(squares, state.square, hyper.neuron_beta, 1)
        equal = {
            path: with_norm_of(leaf, leaf / (jnp.sqrt(square[path]) + hyper.neuron_epsilon))
            for path, leaf in matrices.items()
        }
        return scaled(equal, hyper.scale), NorMuonState(momenta, square)

    return optax.GradientTransformationExtraArgs(init, update)


def with_norm_of(reference: Array, matrix: Array) -> Array:
    """The matrices (..., fan_in, fan_out), each with the Frobenius norm of its reference."""
    norm = frobenius_norm(matrix)
    return matrix * (frobenius_norm(reference) / jnp.where(norm > 0, norm, 1.0))


def _rules(hyper: NorMuon, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("normuon", scale_by_normuon(hyper, labels), max_norm=0.0), hyper)


NORMUON = Optimizer(
    name="normuon",
    label="NorMuon",
    family="matrix",
    summary="Muon with every neuron's update of equal size.",
    paper="Li, Liu, Liang, Chen, Zhao 2025, arXiv 2510.05491",
    hyperparameters=NorMuon,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.9, 0.95, 0.98),
        "neuron_beta": (0.9, 0.95, 0.98),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "batch_size": (128, 256, 512, 1024),
    },
    schedule="wsd",
    presets={
        "paper": {},
        "modded_nanogpt": {
            "neurons": "longer",
            "coefficients": "classic",
            "iterations": 12,
        },
    },
)
