r"""AdaMuon (Si, Zhang, Shen 2025, arXiv 2507.11005): Muon with an element-wise second moment.

With Muon's orthogonal matrix O = NS(u), M x N, at step t = 1, 2, ...:

    v <- beta_v v + (1 - beta_v) O^2;   A = O / (sqrt(v / (1 - beta_v^t)) + epsilon_v)
    p <- p - eta (s A sqrt(min(M, N)) / (||A||_F + 1e-8) + lambda p),   s = 0.2 sqrt(max(M, N))

so that updates have Adam's size; beta_v is `entry_beta`, epsilon_v `entry_epsilon`. AdamW
elsewhere, as in Muon.

State: m and v, 8 bytes a parameter. Cost: Muon's.

The paper from its second version, and the authors' code with it, take O = NS(sign(u)), the setting
`sign`; they correct no bias, which the last scaling cancels but for epsilon. Their first code, the
preset `first_code`, has no sign and a slower v; pytorch_optimizer has neither sign nor Nesterov.
Checked against the authors' code, to 2e-8 for that epsilon, and `pytorch_optimizer.AdaMuon`.
"""

from typing import Annotated, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import Beta, Labels, Optimizer
from bestiary.optimizers._newton_schulz import frobenius_norm
from bestiary.optimizers._rules import Leaves, Rule, Scalar
from bestiary.optimizers._spectral import (
    Form,
    Iterations,
    MatrixEpsilon,
    Momentum,
    Scale,
    SpectralHyperparameters,
    momentum_of,
    orthogonal,
    scaled,
    with_adam,
)


class AdaMuon(SpectralHyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of AdaMuon."""

    momentum: Momentum = 0.95
    matrix_epsilon: MatrixEpsilon = 1e-7
    form: Form = "mean"
    scale: Scale = "rms"
    iterations: Iterations = 5
    entry_beta: Annotated[Beta, Meta(description="decay of the entries' second moments")] = 0.95
    entry_epsilon: Annotated[
        float, Meta(gt=0, description="added to the root of the entries' second moments")
    ] = 1e-8
    sign: Annotated[bool, Meta(description="orthogonalise the sign of the momentum")] = True


class AdaMuonState(NamedTuple):
    """Momentum and second moments by path."""

    momentum: Leaves
    square: Leaves


def scale_by_adamuon(hyper: AdaMuon, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction s A sqrt(min(M, N)) / ||A||."""

    def init(params: Leaves) -> AdaMuonState:
        return AdaMuonState(optax.tree.zeros_like(params), optax.tree.zeros_like(params))

    def update(
        grads: Leaves, state: AdaMuonState, params: Leaves, *, step: Scalar, **extra: object
    ) -> tuple[Leaves, AdaMuonState]:
        del params, extra
        directions, momenta = momentum_of(grads, state.momentum, hyper)
        if hyper.sign:
            directions = {path: jnp.sign(leaf) for path, leaf in directions.items()}
        matrices = orthogonal(directions, labels, hyper)
        square = optax.tree.update_moment(matrices, state.square, hyper.entry_beta, 2)
        time = jnp.asarray(step) + 1
        root = {
            path: jnp.sqrt(leaf) + hyper.entry_epsilon
            for path, leaf in optax.tree.bias_correction(square, hyper.entry_beta, time).items()
        }
        even = {path: _semi_orthogonal_size(leaf / root[path]) for path, leaf in matrices.items()}
        return scaled(even, hyper.scale), AdaMuonState(momenta, square)

    return optax.GradientTransformationExtraArgs(init, update)


def _semi_orthogonal_size(leaf: Array) -> Array:
    """Every matrix with the Frobenius norm of a semi-orthogonal one."""
    return leaf * (min(leaf.shape[-2:]) ** 0.5 / (frobenius_norm(leaf) + 1e-8))


def _rules(hyper: AdaMuon, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("adamuon", scale_by_adamuon(hyper, labels), max_norm=0.0), hyper)


ADAMUON = Optimizer(
    name="adamuon",
    label="AdaMuon",
    family="matrix",
    summary="Muon with a second moment for every entry of the orthogonal matrix.",
    paper="Si, Zhang, Shen 2025, arXiv 2507.11005",
    hyperparameters=AdaMuon,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.9, 0.95, 0.98),
        "entry_beta": (0.9, 0.95, 0.98),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "batch_size": (128, 256, 512, 1024),
    },
    schedule="wsd",
    presets={"paper": {}, "first_code": {"sign": False, "entry_beta": 0.999}},
)
