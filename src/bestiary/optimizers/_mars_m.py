r"""MARS-M (Liu, Yuan, Gu 2025, arXiv 2510.21800): Muon on a variance-reduced gradient.

With gradient g_t, t = 1, 2, ..., g_0 = 0, and Newton-Schulz iteration NS:

    c_t = g_t + gamma mu / (1 - mu) (g_t - g_{t-1}),   each layer's scaled to a norm of at most 1
    m <- mu m + (1 - mu) c_t;   p <- p - eta (s NS(m) + lambda p),   s = 0.2 sqrt(max(M, N))

No Nesterov. AdamW elsewhere, as in Muon. The approximate form, as in `_mars.py`: g_{t-1} is the
stored gradient of the last batch.

State: g_{t-1} and m, 8 bytes a parameter. Cost: Muon's. Checked against AGI-Arena/MARS, its
`mars_m.py`.
"""

from typing import Annotated, NamedTuple

import optax
from msgspec import Meta

from bestiary.optimizers._interface import Labels, Optimizer
from bestiary.optimizers._mars import clipped_apart, corrected_gradients
from bestiary.optimizers._muon import scale_by_muon
from bestiary.optimizers._rules import Leaves, Rule
from bestiary.optimizers._spectral import (
    Form,
    Iterations,
    MatrixEpsilon,
    Momentum,
    Scale,
    SpectralHyperparameters,
    with_adam,
)


class MarsM(SpectralHyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of MARS-M."""

    momentum: Momentum = 0.95
    matrix_epsilon: MatrixEpsilon = 1e-7
    nesterov: Annotated[bool, Meta(description="look ahead by one step of momentum")] = False
    form: Form = "mean"
    scale: Scale = "rms"
    iterations: Iterations = 5
    gamma: Annotated[float, Meta(ge=0, description="weight of the change of the gradient")] = 0.025


class MarsMState(NamedTuple):
    """The last gradient and the momentum by path."""

    previous: Leaves
    momentum: Leaves


def scale_by_mars_m(hyper: MarsM, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """Muon's direction on the clipped correction c."""
    muon = scale_by_muon(hyper, labels)

    def init(params: Leaves) -> MarsMState:
        return MarsMState(optax.tree.zeros_like(params), optax.tree.zeros_like(params))

    def update(
        grads: Leaves, state: MarsMState, params: Leaves, **extra: object
    ) -> tuple[Leaves, MarsMState]:
        corrected = corrected_gradients(
            grads, state.previous, gamma=hyper.gamma, decay=hyper.momentum
        )
        clipped = clipped_apart(corrected, labels)
        directions, momenta = muon.update(clipped, state.momentum, params, **extra)
        return directions, MarsMState(grads, momenta)

    return optax.GradientTransformationExtraArgs(init, update)


def _rules(hyper: MarsM, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("mars_m", scale_by_mars_m(hyper, labels), max_norm=0.0), hyper)


MARS_M = Optimizer(
    name="mars_m",
    label="MARS-M",
    family="variance-reduced",
    summary="Muon on gradients with their own change since the last step added.",
    paper="Liu, Yuan, Gu 2025, arXiv 2510.21800",
    hyperparameters=MarsM,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.9, 0.95, 0.98),
        "gamma": (0.0125, 0.025, 0.05, 0.1),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "batch_size": (128, 256, 512, 1024),
    },
    schedule="wsd",
)
