r"""Kron, or PSGD (Li 2015, arXiv 1512.04202; Pooladzandi and Li 2024, arXiv 2402.04553).

Every matrix is cut into blocks. With gradient g_t, t = 1, 2, ..., Kronecker factors Q for each
block, and a normal probe V:

    g_t divided by its norm, where `normalize_grads`
    m_t = beta1 m_{t-1} + (1 - beta1) g_t;   X = m_t / (1 - beta1^t)
    now and then:  Q fitted to X + damping V   (`_psgd.py`, `_psgd_schedule.py`)
    u = Q_L^T Q_L X Q_R^T Q_R, scaled down to root-mean-square `rms_clip`
    p_t = p_{t-1} - eta (u + lambda p_{t-1})

The fit is before its use. State: m and both factors, 4 + 4 (M^2 + N^2) / (M N) bytes a parameter,
12 in square blocks; sides longer than `max_dimension` and vectors have diagonal factors.

Two forms. `eq`, the study's (Levanter, psgd_jax): triangular factors with solves, damping
sqrt(eps) mean |X|. `q0.5eq1.5` (psgd_torch, from 2025): products alone, for new work. Here damping
and probe enter the fit alone (kron_torch leaks them into u). Fits and balancing are counted, not
drawn: balancing comes with every 100th fit, as in Levanter; psgd_jax and psgd_torch draw it.
Where gradients are all zero nothing is fitted. Levanter merges small sides first and normalises
and clips all layers of a kind as one; here every layer, unless `stacked_norms`.
The probe is a function of the step, `update(..., probe=)` injects another. Checked against psgd_jax
and psgd_torch. There, psgd_torch bounds norms with random vectors, here with the largest row, and
clips single entries at 10, which is left out here.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._interface import (
    STATIC,
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
    WeightDecay,
)
from bestiary.optimizers._kronecker import Factors
from bestiary.optimizers._per_layer import layer_mean, layer_norm
from bestiary.optimizers._psgd import (
    Fitted,
    balanced,
    fitted_eq,
    fitted_without_solves,
    preconditioned,
)
from bestiary.optimizers._psgd_schedule import fit_is_due
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._spectral import zeros
from bestiary.specs import Label

_PROBE_SEED = 42
_DAMPING = 1e-9  # Of `q0.5eq1.5`.


class Kron(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Kron."""

    learning_rate: LearningRate = 0.002
    weight_decay: WeightDecay = 0.9
    beta1: Beta1 = 0.98
    normalize_grads: Annotated[
        bool, Meta(description="divide gradients by their norm, which makes clipping void")
    ] = True
    preconditioner_rate: Annotated[
        float, Meta(gt=0, lt=1, description="step size of the factors")
    ] = 0.1
    update_probability: Annotated[
        float, Meta(ge=1e-3, le=1, extra=STATIC, description="share of steps with a fit, at last")
    ] = 0.05
    update_flat_steps: Annotated[
        int, Meta(ge=0, description="steps at the beginning that all have a fit")
    ] = 500
    update_decay: Annotated[
        float, Meta(ge=1e-5, extra=STATIC, description="decay of that share, for each step")
    ] = 1e-3
    preconditioner_scale: Annotated[
        float, Meta(gt=0, description="the first preconditioner is this times the identity")
    ] = 1.0
    rms_clip: Annotated[
        float, Meta(gt=0, description="largest root-mean-square of a tensor's update")
    ] = 1.1
    block_size: Annotated[
        int, Meta(ge=0, description="largest side of a block; 0 keeps matrices whole")
    ] = 256
    max_dimension: Annotated[
        int, Meta(ge=1, description="longer sides have diagonal factors and are not cut")
    ] = 25_000
    form: Annotated[Literal["eq", "q0.5eq1.5"], Meta(description="how factors are fitted")] = "eq"
    stacked_norms: Annotated[
        bool, Meta(description="norms over all layers of a kind, as the study ran it")
    ] = False


class KronState(NamedTuple):
    """Mean gradients by path, and factors by shape of block."""

    mean: Leaves
    fits: dict[str, Fitted]


class _Blocks:
    """Matrices in equal blocks, vectors whole."""

    def __init__(self, leaves: Leaves, labels: Labels, hyper: Kron) -> None:
        vectors = {path: leaf for path, leaf in leaves.items() if labels[path].role == "vector"}
        self._matrices = {path: leaf for path, leaf in leaves.items() if path not in vectors}
        self._layouts = (
            Layout(
                self._matrices,
                labels,
                block_size=hyper.block_size,
                whole_above=hyper.max_dimension,
                wide=True,
            ),
            Layout(vectors, labels),
        )

    def gather(self, leaves: Leaves) -> Batches:
        matrices, vectors = self._layouts
        inside = {path: leaf for path, leaf in leaves.items() if path in self._matrices}
        outside = {path: leaf for path, leaf in leaves.items() if path not in self._matrices}
        return matrices.gather(inside) | vectors.gather(outside)

    def scatter(self, batches: Batches) -> Leaves:
        matrices, vectors = self._layouts
        return matrices.scatter(batches) | vectors.scatter(batches)

    def padding(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {name: layout.padding(name) for layout in self._layouts for name in layout.names}


def scale_by_kron(hyper: Kron, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u; `update` takes `probe=`, leaves by path, in place of its own."""

    def init(params: Leaves) -> KronState:
        batches = _Blocks(params, labels, hyper).gather(params)
        fits = {name: _start(x_GMN, hyper) for name, x_GMN in batches.items()}
        return KronState(zeros(params), fits)

    def update(
        grads: Leaves,
        state: KronState,
        params: Leaves,
        *,
        step: Scalar,
        probe: Leaves | None = None,
        **extra: Any,
    ) -> tuple[Leaves, KronState]:
        del params, extra
        plan = _Blocks(grads, labels, hyper)
        known = {
            path: _whole(label) if hyper.stacked_norms else label for path, label in labels.items()
        }
        mean = {
            path: hyper.beta1 * state.mean[path]
            + (1 - hyper.beta1)
            * (_normalised(grad, known[path]) if hyper.normalize_grads else grad)
            for path, grad in grads.items()
        }
        corrected = {path: leaf / (1 - hyper.beta1 ** (step + 1)) for path, leaf in mean.items()}
        batches = plan.gather(corrected)
        due, balancing = fit_is_due(
            step,
            flat=hyper.update_flat_steps,
            decay=hyper.update_decay,
            least=hyper.update_probability,
        )

        def fit() -> dict[str, Fitted]:
            probes = _probes(batches, step) if probe is None else plan.gather(probe)
            padding = plan.padding()
            return {
                name: _fitted(
                    state.fits[name], x_GMN, probes[name], hyper, balancing, padding[name]
                )
                for name, x_GMN in batches.items()
            }

        # A branch: whether it runs depends on the step alone, which no population batches.
        fits = jax.lax.cond(due, fit, lambda: state.fits)
        directions = plan.scatter(
            {name: preconditioned(x_GMN, fits[name].factors) for name, x_GMN in batches.items()}
        )
        clipped = {
            path: leaf * _clip(leaf, known[path], hyper.rms_clip)
            for path, leaf in directions.items()
        }
        return clipped, KronState(mean, fits)

    return optax.GradientTransformationExtraArgs(init, update)


def _start(x_GMN: Array, hyper: Kron) -> Fitted:
    """Multiples of the identity, whose product is `preconditioner_scale`."""
    count, rows, columns = x_GMN.shape
    matrix = columns > 1

    def factor(side: int) -> Array:
        scale = jnp.asarray(hyper.preconditioner_scale, x_GMN.dtype)
        scale = jnp.sqrt(scale) if matrix else scale
        ones = jnp.ones((side,)) if not matrix or side > hyper.max_dimension else jnp.eye(side)
        return jnp.broadcast_to(scale * ones.astype(x_GMN.dtype), (count, *ones.shape))

    bound = jnp.zeros(count, x_GMN.dtype)
    return Fitted(
        Factors(factor(rows), factor(columns) if matrix else None),
        Factors(bound, bound if matrix else None),
    )


def _fitted(
    fit: Fitted,
    x_GMN: Array,
    probe_GMN: Array,
    hyper: Kron,
    balancing: Array,
    padding: tuple[np.ndarray, np.ndarray],
) -> Fitted:
    """The factors after one fit; those of a block without gradients stay."""
    rows_GM, columns_GN = padding
    probe_GMN = jnp.where(rows_GM[:, :, None] | columns_GN[:, None, :], 0.0, probe_GMN)
    size_G11 = jnp.mean(jnp.abs(x_GMN), axis=(-2, -1), keepdims=True)
    level = jax.tree.map(partial(jnp.where, balancing), balanced(fit.factors), fit.factors)
    before = Fitted(level, fit.bounds)
    if hyper.form == "eq":
        damping = float(np.finfo(np.float32).eps) ** 0.5 * size_G11
        damped_GMN = x_GMN + damping * probe_GMN
        after = fitted_eq(before, damped_GMN, probe_GMN, hyper.preconditioner_rate)
    else:
        damping = _DAMPING + jnp.finfo(x_GMN.dtype).eps * jnp.abs(x_GMN)
        damped_GMN = x_GMN + damping * probe_GMN
        after = fitted_without_solves(before, damped_GMN, hyper.preconditioner_rate, padding)
    alive_G = size_G11[:, 0, 0] > 0
    return jax.tree.map(
        lambda old, new: jnp.where(alive_G.reshape(-1, *[1] * (new.ndim - 1)), new, old), fit, after
    )


def _probes(batches: Batches, step: Scalar) -> Batches:
    """Normal numbers of the shapes of the batches, a function of the step alone."""
    key = jax.random.fold_in(jax.random.key(_PROBE_SEED, impl="threefry2x32"), step)
    return {
        name: jax.random.normal(jax.random.fold_in(key, index), x_GMN.shape, x_GMN.dtype)
        for index, (name, x_GMN) in enumerate(batches.items())
    }


def _whole(label: Label) -> Label:
    """The label of the same parameter as one tensor."""
    return Label(role=label.role, kind=label.kind)


def _normalised(grad: Array, label: Label) -> Array:
    """Every layer's gradient divided by its norm."""
    norm = layer_norm(grad, label)
    return grad / jnp.where(norm > 0, norm, 1.0)


def _clip(direction: Array, label: Label, largest: Scalar) -> Array:
    """The factor that brings every layer's root-mean-square down to the largest."""
    return jnp.minimum(1.0, largest / (jnp.sqrt(layer_mean(direction**2, label)) + 1e-12))


def _rules(hyper: Kron, labels: Labels) -> Mapping[str, Rule]:
    return everywhere(hyper.rule("kron", scale_by_kron(hyper, labels)))


KRON = Optimizer(
    name="kron",
    label="Kron",
    family="matrix",
    summary="A Kronecker-factored whitening of momentum, fitted step by step (PSGD).",
    paper="Li 2015, arXiv 1512.04202; Pooladzandi and Li 2024, arXiv 2402.04553",
    hyperparameters=Kron,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.0005, 0.001, 0.002, 0.004, 0.008),
        "weight_decay": (0.0, 0.5, 0.7, 0.9),
        "beta1": (0.9, 0.95, 0.98),
        "normalize_grads": (False, True),
        "preconditioner_rate": (0.1, 0.2),
        "update_probability": (0.05, 0.1),
        "update_flat_steps": (500, 1000, 2000),
        "block_size": (128, 256, 512),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (1000.0, 2000.0, 4000.0),
    },
    presets={
        "study": {"stacked_norms": True},
        "modern": {
            "form": "q0.5eq1.5",
            "normalize_grads": False,
            "preconditioner_rate": 0.5,
            "rms_clip": 2.0,
            "learning_rate": 0.0002,
        },
    },
)
