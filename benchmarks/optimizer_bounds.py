"""The least that a step of each optimizer costs on an accelerator, counted on the real shapes.

BOUNDS, NOT MEASUREMENTS: nothing is run. Operations are counted by kind in the traced update, as
the mean over a training at 1x Chinchilla, and divided by the rates of one NVIDIA H200. Bytes are
what matrix products read and write, what loops carry around, and gradients, parameters and state
once in and once out. A real program also writes what its products read, starts kernels, and does
not reach these rates in small products: `margin` says how many times more than `added_percent`
an optimizer may add and still meet its target. `eigh` are the matrices that a step gives to
the library, which factors one after the other; their time is not in the bound.

The whole step is 6 N D at 0.5M tokens, N with the head, at 40% of the data sheet's bfloat16 rate.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bestiary import models
from bestiary.optimizers import CATALOGUE, resolve
from bestiary.optimizers._flops import mean_price, operations
from bestiary.optimizers._routing import _CURVATURE_COST, _AbstractCurvature
from bestiary.specs import SIZES, Configuration, ModelSpec

BATCH_SIZE = 128
ACCUMULATION = 16
UTILISATION = 0.4
# FLOP/s by kind of product; bfloat16 and bytes/s are measured, the others the data sheet's.
RATES = {"bfloat16": 780e12, "tensorfloat32": 494.7e12, "float32": 67e12}
MODEL_RATE = UTILISATION * 989e12
BANDWIDTH = 4.3e12
# What Muon, Kron and SOAP may add to the whole step of 130m, in percent.
TARGETS = {"muon": 2.0, "kron": 4.0, "soap": 6.0}
VARIANTS: list[tuple[str, Configuration]] = [
    *((name, {}) for name in CATALOGUE),
    ("muon", {"precision": "bfloat16"}),
    ("kron", {"form": "q0.5eq1.5"}),
    ("soap", {"precondition_frequency": 1}),
    ("soap", {"stagger": True}),
]
_LIBRARY = ("qr", "eigh", "svd", "cholesky", "lu", "geqrf", "householder_product")
# The kinds of cost, in the order of a price.
_KINDS = (*RATES, "model", "bytes", "serial", "factored")


def run() -> list[dict[str, Any]]:
    """One row for every size and optimizer, and for some of their settings."""
    return [row(size, *variant) for size in ("130m", "1.2b") for variant in VARIANTS]


def row(size: str, optimizer: str, settings: Configuration) -> dict[str, Any]:
    """The counts of one optimizer, the times that follow, and XLA's count beside ours."""
    update = _Update(SIZES[size], optimizer, settings)
    cost = update.cost()
    own_ms = _milliseconds(cost)
    over_ms = own_ms - _milliseconds(_Update(SIZES[size], "adamw", {}).cost())
    step_ms = 1e3 * _model_flops(SIZES[size]) / MODEL_RATE
    percent = 100 * over_ms / step_ms
    target = TARGETS.get(optimizer) if size == "130m" else None
    compute = sum(cost[kind] / rate for kind, rate in RATES.items()) + cost["model"] / MODEL_RATE
    return {
        "benchmark": "optimizer_bounds",
        "size": size,
        "optimizer": " ".join([optimizer, *(f"{name}={settings[name]}" for name in settings)]),
        "tflop": sum(cost[kind] for kind in RATES) / 1e12,
        "products_in": ", ".join(kind for kind in RATES if cost[kind]),
        "gb": cost["bytes"] / 1e9,
        "eigh": cost["factored"],
        "least_ms": 1e3 * max(compute, cost["bytes"] / BANDWIDTH),
        "serial_ms": own_ms,
        "added_percent": percent,
        "margin": target / percent if target else "",
        "over_xla": update.over_xla() if sum(cost[kind] for kind in RATES) else "",
    }


def _milliseconds(cost: dict[str, float]) -> float:
    """Every product and every pass over memory after the other, none at the same time."""
    return 1e3 * (cost["serial"] + cost["model"] / MODEL_RATE)


def _model_flops(model: ModelSpec) -> float:
    """6 N D of a whole step."""
    multiplied = model.matrix_parameters + model.hidden * model.vocabulary
    return 6.0 * multiplied * BATCH_SIZE * model.context


class _Update:
    """The update of a whole model with an optimizer's starting configuration, as shapes."""

    def __init__(self, model: ModelSpec, optimizer: str, settings: Configuration) -> None:
        entry = CATALOGUE[optimizer]
        record = entry.hyperparameters(**resolve(optimizer, settings).settings)
        self._model = model
        self._transform = entry.build(record, models.labels(model))
        self._params = jax.eval_shape(lambda: models.init(model, jax.random.key(0)))
        self._state = jax.eval_shape(self._transform.init, self._params)

    def cost(self) -> dict[str, float]:
        """The mean cost of a step on an accelerator, by kind."""
        steps = self._model.steps(1.0, BATCH_SIZE)
        # Curvature is that of one micro-batch.
        gradient = _model_flops(self._model) / ACCUMULATION
        called = {name: _costs(model=n * gradient) for name, n in _CURVATURE_COST.items()}
        arguments = (self._state, self._params)
        found = mean_price(
            self._take, *arguments, steps=steps, price=price, accelerated=True, called=called
        )
        moved = 3 * _bytes(self._params) + 2 * _bytes(self._state)
        found = found + _costs(bytes=moved, serial=moved / BANDWIDTH)
        return dict(zip(_KINDS, found.tolist(), strict=True))

    def over_xla(self) -> float:
        """Our FLOPs over XLA's: of the dearest branches, and without factorizations.

        Shampoo's is 1.3, because XLA counts the products in its loop over roots once.
        """
        step = jax.ShapeDtypeStruct((), jnp.int32)
        arguments = (step, self._state, self._params)
        ours = mean_price(lambda _, *rest: self._take(*rest), *arguments, steps=1, price=_flops)
        theirs = jax.jit(self._take).lower(*arguments).cost_analysis()
        return float(ours) / (theirs["flops"] + theirs.get("transcendentals", 0.0))

    def _take(self, step: Any, state: Any, params: Any) -> Any:
        return self._transform.update(
            params, state, params, step=step, curvature=_AbstractCurvature()
        )


def price(equation: Any) -> np.ndarray:
    """The cost of one operation by kind."""
    name = equation.primitive.name
    if name == "scan":
        carried = equation.outvars[: equation.params["num_carry"]]
        moved = 2 * equation.params["length"] * sum(_size(variable) for variable in carried)
        return _costs(bytes=moved, serial=moved / BANDWIDTH)
    if name not in ("dot_general", "triangular_solve", *_LIBRARY):
        return _costs()
    moved = sum(_size(one) for one in (*equation.invars, *equation.outvars))
    kind, flops = _kind(equation), operations(equation)
    seconds = max(flops / RATES[kind], moved / BANDWIDTH)
    batch = math.prod(equation.invars[0].aval.shape[:-2]) if name in _LIBRARY else 0
    return _costs(bytes=moved, serial=seconds, factored=batch, **{kind: flops})


def _kind(equation: Any) -> str:
    """In which arithmetic an accelerator multiplies."""
    if equation.invars[0].aval.dtype == jnp.bfloat16:
        return "bfloat16"
    precision = equation.params.get("precision")
    rounded = equation.primitive.name == "dot_general" and (
        precision is None or jax.lax.Precision.HIGHEST not in precision
    )
    return "tensorfloat32" if rounded else "float32"


def _costs(**kinds: float) -> np.ndarray:
    return np.array([kinds.get(kind, 0.0) for kind in _KINDS])


def _flops(equation: Any) -> float:
    """What XLA counts: no calls of a library."""
    name = equation.primitive.name
    return 0.0 if name in ("triangular_solve", *_LIBRARY) else operations(equation)


def _size(variable: Any) -> int:
    return math.prod(variable.aval.shape) * variable.aval.dtype.itemsize


def _bytes(tree: Any) -> int:
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
