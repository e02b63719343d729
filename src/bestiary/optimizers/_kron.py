r"""Kron, or PSGD (Li 2015, arXiv 1512.04202; Pooladzandi and Li 2024, arXiv 2402.04553).

Every matrix is cut into blocks. With gradient g_t, t = 1, 2, ..., Kronecker factors Q for each
block, and a normal probe V:

    g_t divided by its norm, where `normalize_grads`
    m_t = beta1 m_{t-1} + (1 - beta1) g_t;   X = m_t / (1 - beta1^t)
    now and then:  Q fitted to X + damping V   (`_psgd.py`, `_psgd_schedule.py`)
    u = Q_L^T Q_L X Q_R^T Q_R, scaled down to root-mean-square `rms_clip`
    p_t = p_{t-1} - eta (u + lambda p_{t-1})

The fit is before its use. State: m and both factors, 4 + 4 (M^2 + N^2) / (M N) bytes a parameter,
12 in square blocks; sides longer than `max_dimension` and vectors have diagonal factors. Cost:
4 M N (M + N) FLOPs a step, and 7 M N (M + N) + 2 (M^3 + N^3) a fit of the form `eq`.

Two forms. `eq`, the study's (Levanter, psgd_jax): triangular factors with solves, damping sqrt(eps)
mean |X|. `q0.5eq1.5` (psgd_torch, from 2025): products alone, for new work. Here damping and probe
enter the fit alone (kron_torch leaks them into u). Fits and balancing are counted, not drawn:
balancing comes with every 100th fit, as in Levanter; psgd_jax and psgd_torch draw it. Where
gradients are all zero nothing is fitted. Levanter merges small sides first and normalises and clips
all layers of a kind as one; here every layer, unless `stacked_norms`. The probe is a function of
the step, `update(..., probe=)` injects another.
Checked against psgd_jax, and psgd_torch with the same bounds: there, norms are bounded with random
vectors, here with the largest row. By default psgd_torch also gives the longer side a diagonal
factor and clips single entries at 10, not done here.
"""

from functools import partial
from typing import Annotated, Any, NamedTuple

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
from bestiary.optimizers._kronecker import BlockSize
from bestiary.optimizers._per_layer import as_one_tensor, layer_mean, layer_norm
from bestiary.optimizers._psgd import Fitted, Form, fitted, preconditioned, unfitted
from bestiary.optimizers._psgd_schedule import fit_is_due
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._whole_blocks import each_its_own
from bestiary.specs import Label

_PROBE_SEED = 42


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
        float, Meta(gt=0, description="the first Q is this times the identity; P is Q^T Q")
    ] = 1.0
    rms_clip: Annotated[
        float, Meta(gt=0, description="largest root-mean-square of a tensor's update")
    ] = 1.1
    block_size: BlockSize = 256
    max_dimension: Annotated[
        int, Meta(ge=1, description="longer sides have diagonal factors and are not cut")
    ] = 25_000
    form: Annotated[Form, Meta(description="how factors are fitted")] = "eq"
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
        matrices = {path: leaf for path, leaf in leaves.items() if path not in vectors}
        self._matrices = Layout(
            matrices,
            labels,
            block_size=hyper.block_size,
            whole_above=hyper.max_dimension,
            wide=True,
        )
        self._vectors = Layout(vectors, labels)

    def gather(self, leaves: Leaves) -> Batches:
        return self._matrices.gather(leaves) | self._vectors.gather(leaves)

    def scatter(self, batches: Batches) -> Leaves:
        return self._matrices.scatter(batches) | self._vectors.scatter(batches)

    def padding(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        layout = self._matrices if name in self._matrices.names else self._vectors
        return layout.padding(name)


def scale_by_kron(hyper: Kron, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u; `update` takes `probe=`, leaves by path, in place of its own."""
    tensors = {
        path: as_one_tensor(label) if hyper.stacked_norms else label
        for path, label in labels.items()
    }

    def init(params: Leaves) -> KronState:
        batches = _Blocks(params, labels, hyper).gather(params)
        scale, longest = hyper.preconditioner_scale, hyper.max_dimension
        fits = {name: unfitted(x, scale, max_dimension=longest) for name, x in batches.items()}
        return KronState(optax.tree.zeros_like(params), fits)

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
        time = jnp.asarray(step) + 1
        if hyper.normalize_grads:
            grads = {path: _normalised(grad, tensors[path]) for path, grad in grads.items()}
        mean = optax.tree.update_moment(grads, state.mean, hyper.beta1, 1)
        plan = _Blocks(grads, labels, hyper)
        batches = plan.gather(optax.tree.bias_correction(mean, hyper.beta1, time))
        due, balancing = fit_is_due(
            step,
            flat=hyper.update_flat_steps,
            decay=hyper.update_decay,
            least=hyper.update_probability,
        )

        def fit() -> dict[str, Fitted]:
            probes = _probes(batches, step) if probe is None else plan.gather(probe)
            padding = {name: plan.padding(name) for name in batches}
            fit_own = partial(_all_fitted, hyper=hyper, balancing=balancing)
            return each_its_own(fit_own, state.fits, batches, probes, padding)

        # A branch: whether it runs depends on the step alone, which no population batches.
        fits = jax.lax.cond(due, fit, lambda: state.fits)
        u = plan.scatter(each_its_own(_all_preconditioned, batches, fits))
        u = {path: _clipped(leaf, tensors[path], hyper.rms_clip) for path, leaf in u.items()}
        return u, KronState(mean, fits)

    return optax.GradientTransformationExtraArgs(init, update)


def _all_fitted(
    before: dict[str, Fitted],
    batches: Batches,
    probes: Batches,
    padding: dict[str, tuple[np.ndarray, np.ndarray]],
    *,
    hyper: Kron,
    balancing: Array,
) -> dict[str, Fitted]:
    """The factors of all blocks after one fit, balanced first where that is due."""
    return {
        name: fitted(
            before[name],
            x_GMN,
            probes[name],
            form=hyper.form,
            rate=hyper.preconditioner_rate,
            balancing=balancing,
            padding=padding[name],
        )
        for name, x_GMN in batches.items()
    }


def _all_preconditioned(batches: Batches, fits: dict[str, Fitted]) -> Batches:
    return {key: preconditioned(x_GMN, fits[key].factors) for key, x_GMN in batches.items()}


def _probes(batches: Batches, step: Scalar) -> Batches:
    """Normal numbers of the shapes of the batches, a function of the step alone."""
    key = jax.random.fold_in(jax.random.key(_PROBE_SEED, impl="threefry2x32"), step)
    return {
        name: jax.random.normal(jax.random.fold_in(key, index), x_GMN.shape, x_GMN.dtype)
        for index, (name, x_GMN) in enumerate(batches.items())
    }


def _normalised(grad: Array, label: Label) -> Array:
    """Every layer's gradient divided by its norm."""
    norm = layer_norm(grad, label)
    return grad / jnp.where(norm > 0, norm, 1.0)


def _clipped(direction: Array, label: Label, largest: Scalar) -> Array:
    """Every layer's direction scaled down to the largest root-mean-square."""
    rms = jnp.sqrt(layer_mean(direction**2, label))
    return direction * jnp.minimum(1.0, largest / (rms + 1e-12))


def _rules(hyper: Kron, labels: Labels) -> dict[str, Rule]:
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
    studied=True,
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
