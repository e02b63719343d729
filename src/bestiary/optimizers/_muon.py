r"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): orthogonalised momentum.

For each hidden matrix, with gradient g and Newton-Schulz iteration NS (`_newton_schulz.py`):

    m <- mu m + g;   u = mu m + g   (Nesterov; else u = m)
    O = NS(u);       p <- p - eta (s O + lambda p)

mu is `momentum`, s the factor of the shape, `scale`. Everything else gets AdamW with the learning
rate times `adam_factor`.

State: m, 4 bytes a parameter (AdamW elsewhere 8). Cost: `iterations` (4 M^2 N + 2 M^3) FLOPs.

Where implementations disagree: the momentum is a sum (Levanter, torch, Moonlight) or a mean
(Jordan), the same but for epsilon; the shape factor s is sqrt(max(1, out/in)) (Jordan, Levanter) or
0.2 sqrt(max(out, in)) (Moonlight, Liu et al. 2025, arXiv 2502.16982), which matches AdamW's update
size; the iteration is 5 steps (Jordan) or 10 (the study), or Polar Express. Gradients of matrices
are never clipped; the AdamW group is, by its own norm (the study's code clips the same way).
Checked against Jordan's `SingleDeviceMuon`, `torch.optim.Muon` and Levanter at sweep time.
"""

import optax

from bestiary.optimizers._interface import Labels, Optimizer
from bestiary.optimizers._rules import Leaves, Rule
from bestiary.optimizers._spectral import (
    SpectralHyperparameters,
    momentum_of,
    orthogonal,
    scaled,
    with_adam,
)


class Muon(SpectralHyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Muon."""


def scale_by_muon(
    hyper: SpectralHyperparameters, labels: Labels
) -> optax.GradientTransformationExtraArgs:
    """The direction s NS(u); the state is the momentum by path."""

    def update(
        grads: Leaves, momenta: Leaves, params: Leaves, **extra: object
    ) -> tuple[Leaves, Leaves]:
        del params, extra
        directions, momenta = momentum_of(grads, momenta, hyper)
        matrices = orthogonal(directions, labels, hyper)
        return scaled(matrices, hyper.scale), momenta

    return optax.GradientTransformationExtraArgs(optax.tree.zeros_like, update)


def _rules(hyper: Muon, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("muon", scale_by_muon(hyper, labels), max_norm=0.0), hyper)


MUON = Optimizer(
    name="muon",
    label="Muon",
    family="matrix",
    summary="Momentum with all singular values set to one; AdamW for what is no hidden matrix.",
    paper="Jordan et al. 2024, kellerjordan.github.io/posts/muon",
    hyperparameters=Muon,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.008, 0.016, 0.032, 0.064, 0.128),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.8, 0.9, 0.95, 0.98),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "matrix_epsilon": (1e-25, 1e-20, 1e-15, 1e-10, 1e-5),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "epsilon": (1e-25, 1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
    },
    studied=True,
    schedule="wsd",
    presets={
        "study": {},
        "jordan": {"form": "mean", "iterations": 5, "matrix_epsilon": 1e-7, "momentum": 0.95},
        "moonshot": {"scale": "rms", "iterations": 5, "matrix_epsilon": 1e-7, "momentum": 0.95},
        "polar_express": {
            "form": "mean",
            "coefficients": "polar_express",
            "iterations": 5,
            "matrix_epsilon": 1e-6,
            "momentum": 0.95,
        },
    },
)
