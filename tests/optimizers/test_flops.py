"""What is counted: schedules that are tables, platforms, and the numbers of others and of XLA."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers import lookup, resolve, routing
from bestiary.optimizers._flops import mean_flops, mean_price, operations
from bestiary.optimizers._psgd_schedule import fit_is_due
from bestiary.specs import SIZES, Label

SIZE = SIZES["130m"]
LABELS = {
    "attention": Label(role="hidden_matrix", kind="q", layers=4 * SIZE.layers),
    "mlp": Label(role="hidden_matrix", kind="up", layers=3 * SIZE.layers),
}
SHAPES = {
    "attention": (4 * SIZE.layers, SIZE.hidden, SIZE.hidden),
    "mlp": (3 * SIZE.layers, SIZE.hidden, SIZE.intermediate),
}


def percent(name: str, steps: int, **settings: Any) -> float:
    """FLOPs on the hidden matrices of 130m, in percent of 6 N D with the head in N."""
    entry = lookup(name)
    shapes = {path: jax.ShapeDtypeStruct(shape, jnp.float32) for path, shape in SHAPES.items()}
    record = entry.hyperparameters(**resolve(name, settings).settings)
    found = routing(entry, record, LABELS, shapes, tokens_per_step=2**19, steps=steps)
    hidden = SIZE.matrix_parameters
    return 100 * sum(row.flops_share for row in found) * hidden / (hidden + 512 * 128_256)


@pytest.mark.slow
def test_kron_with_few_fits_costs_what_others_counted() -> None:
    seldom = {"update_flat_steps": 0, "update_decay": 1e9, "update_probability": 0.05}
    assert percent("kron", 1000, **seldom) == pytest.approx(0.05, rel=0.05)


@pytest.mark.slow
def test_kron_counts_its_fits() -> None:
    always = percent("kron", 1, update_probability=1.0)
    never = percent("kron", 1, update_flat_steps=0, update_decay=10.0)
    steps = 3000
    due, _ = fit_is_due(np.arange(steps), flat=500, decay=1e-3, least=0.05)
    expected = never + (always - never) * float(np.mean(due))
    assert percent("kron", steps) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["muon", "normuon", "adamuon"])
def test_counts_of_a_spectral_update_are_those_of_xla(stepper: Any, name: str) -> None:
    labels = {"q": Label(role="hidden_matrix", kind="q", layers=3)}
    params = {"q": jax.ShapeDtypeStruct((3, 64, 256), jnp.float32)}
    one = stepper(name, labels)
    state = jax.eval_shape(one.init, params)

    def update(step: Any, state: Any, params: Any) -> Any:
        return one.transform.update(params, state, params, step=step)

    found = jax.jit(update).lower(0, state, params).cost_analysis()
    theirs = found["flops"] + found["transcendentals"]
    assert mean_flops(update, state, params, steps=1) == pytest.approx(theirs, rel=0.03)


def test_platforms_and_kinds_of_cost() -> None:
    def function(step: Any, x: jax.Array) -> jax.Array:
        return jax.lax.platform_dependent(x, cpu=lambda x: x @ x, default=jnp.tanh)

    def price(equation: Any) -> np.ndarray:
        is_product = equation.primitive.name == "dot_general"
        return operations(equation) * np.array([is_product, not is_product])

    x = jax.ShapeDtypeStruct((8, 8), jnp.float32)
    on_cpu = mean_price(function, x, steps=1, price=price)
    elsewhere = mean_price(function, x, steps=1, price=price, accelerated=True)
    np.testing.assert_array_equal([on_cpu, elsewhere], [[2 * 8**3, 0], [0, 8 * 8]])
