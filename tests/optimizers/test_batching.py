"""Matrices of equal shape are one batch, over layers and over kinds: programs do not grow."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.extend import core

from bestiary.optimizers import CATALOGUE
from bestiary.specs import Label

MATRIX = [
    name
    for name, entry in CATALOGUE.items()
    if entry.family == "matrix" or "iterations" in entry.fields
]
HEAVY = ("dot_general", "qr", "eigh", "triangular_solve")
SHAPES = {"q": (16, 16), "k": (16, 16), "up": (16, 32), "gate": (16, 32), "down": (32, 16)}


def heavy_operations(stepper: Any, name: str, kinds: tuple[str, ...], layers: int) -> Counter[str]:
    """How often each costly operation occurs in one traced update."""
    labels = {kind: Label(role="hidden_matrix", kind=kind, layers=layers) for kind in kinds}
    params = {
        kind: jax.ShapeDtypeStruct((layers, *SHAPES[kind]), jnp.dtype(jnp.float32))
        for kind in kinds
    }
    one = stepper(name, labels)
    state = jax.eval_shape(one.init, params)
    return _counted(jax.make_jaxpr(one.step)(one.traced, params, state, params, 0).jaxpr)


def _counted(program: Any) -> Counter[str]:
    total: Counter[str] = Counter()
    for equation in program.eqns:
        total[equation.primitive.name] += equation.primitive.name in HEAVY
        for value in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda x: isinstance(x, core.Jaxpr | core.ClosedJaxpr),
        ):
            if isinstance(value, core.ClosedJaxpr):
                total += _counted(value.jaxpr)
            elif isinstance(value, core.Jaxpr):
                total += _counted(value)
    return +total


@pytest.mark.parametrize("name", MATRIX)
def test_more_layers_and_kinds_are_no_more_operations(stepper: Any, name: str) -> None:
    few = heavy_operations(stepper, name, ("q", "up"), layers=2)
    assert few["dot_general"] > 0
    assert heavy_operations(stepper, name, tuple(SHAPES), layers=3) == few
