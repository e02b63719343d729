r"""Dion2 (Ahn, Amsel, Langford 2025, arXiv 2512.16928): Muon on a share of the rows.

For each hidden matrix with gradient g, its vectors along the shorter side (outputs if square):

    m <- m + g
    the k = ceil(f M) vectors of m with the largest sum of absolute values:
        O = NS(m of those);   m of those <- mu m of those
    p <- p - eta (s O in those vectors + lambda p),   s = sqrt(out/in)

What is not chosen waits in m, undamped. AdamW elsewhere, as in Muon.

State: m, 4 bytes a parameter. Cost: `iterations` (4 k^2 N + 2 k^3) FLOPs. No Nesterov. Selection is
over the whole matrix; the authors' code selects in every shard where matrices are sharded. Checked
against microsoft/dion with one device.
"""

import math
from functools import partial
from typing import Annotated

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import STATIC, Labels, LearningRate, Optimizer
from bestiary.optimizers._rules import Leaves, Rule
from bestiary.optimizers._spectral import (
    AdamElsewhere,
    CoefficientSet,
    Iterations,
    MatrixEpsilon,
    Precision,
    Scale,
    orthogonal_batch,
    scaled,
    with_adam,
)
from bestiary.optimizers._whole_blocks import each_its_own


class Dion2(AdamElsewhere, frozen=True, kw_only=True):
    """Hyperparameters of Dion2."""

    learning_rate: LearningRate = 0.016
    feedback: Annotated[
        float, Meta(ge=0, lt=1, description="share of the momentum that chosen vectors keep")
    ] = 0.95
    fraction: Annotated[
        float, Meta(gt=0, le=1, extra=STATIC, description="share of vectors chosen")
    ] = 0.25
    matrix_epsilon: MatrixEpsilon = 1e-7
    scale: Scale = "spectral"
    coefficients: CoefficientSet = "polar_express"
    iterations: Iterations = 5
    precision: Precision = "float32"


def scale_by_dion2(hyper: Dion2, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction s O, zero in vectors that were not chosen; the state is m by path."""

    def update(
        grads: Leaves, momenta: Leaves, params: Leaves, **extra: object
    ) -> tuple[Leaves, Leaves]:
        del params, extra
        # Outputs as rows, which are kept as rows unless there are more of them than columns.
        summed = {path: (momenta[path] + grad).mT for path, grad in grads.items()}
        layout = Layout(summed, labels, wide=True)
        steps = each_its_own(partial(_chosen_steps, hyper=hyper), layout.gather(summed))
        directions = {name: direction_GMN for name, (direction_GMN, _) in steps.items()}
        after = {name: after_GMN for name, (_, after_GMN) in steps.items()}
        matrices = {path: leaf.mT for path, leaf in layout.scatter(directions).items()}
        kept = {path: leaf.mT for path, leaf in layout.scatter(after).items()}
        return scaled(matrices, hyper.scale), kept

    return optax.GradientTransformationExtraArgs(optax.tree.zeros_like, update)


def _chosen_steps(batches: Batches, *, hyper: Dion2) -> dict[str, tuple[Array, Array]]:
    return {name: _chosen_step(m_GMN, hyper) for name, m_GMN in batches.items()}


def _chosen_step(m_GMN: Array, hyper: Dion2) -> tuple[Array, Array]:
    """The orthogonal rows in their places, and the momentum with those rows damped."""
    chosen = max(1, math.ceil(hyper.fraction * m_GMN.shape[-2]))
    size_GM = jnp.sum(jnp.abs(m_GMN), axis=-1)
    # What is not a number is chosen first: sorted last, it would never reach the parameters.
    size_GM = jnp.where(jnp.isnan(size_GM), jnp.inf, size_GM)
    order_GM = jnp.argsort(-size_GM, axis=-1, stable=True)
    rank_GM1 = jnp.argsort(order_GM, axis=-1)[:, :, None]
    o_GKN = orthogonal_batch(jnp.take_along_axis(m_GMN, order_GM[:, :chosen, None], axis=-2), hyper)
    is_chosen_GM1 = rank_GM1 < chosen
    placed_GMN = jnp.take_along_axis(o_GKN, jnp.minimum(rank_GM1, chosen - 1), axis=-2)
    after_GMN = jnp.where(is_chosen_GM1, hyper.feedback * m_GMN, m_GMN)
    return jnp.where(is_chosen_GM1, placed_GMN, 0.0), after_GMN


def _rules(hyper: Dion2, labels: Labels) -> dict[str, Rule]:
    return with_adam(hyper.rule("dion2", scale_by_dion2(hyper, labels), max_norm=0.0), hyper)


DION2 = Optimizer(
    name="dion2",
    label="Dion2",
    family="matrix",
    summary="Muon on the share of each matrix's rows that has gathered most momentum.",
    paper="Ahn, Amsel, Langford 2025, arXiv 2512.16928",
    hyperparameters=Dion2,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.6},
    grid={
        "learning_rate": (0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "feedback": (0.9, 0.95, 0.98),
        "fraction": (0.25, 0.5, 1.0),
        "adam_factor": (0.1, 0.2, 0.3),
        "decay_fraction": (0.2, 0.4, 0.6, 0.8, 1.0),
        "batch_size": (128, 256, 512, 1024),
    },
    schedule="wsd",
)
