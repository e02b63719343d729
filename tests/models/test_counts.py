"""The formulas of `ModelSpec` count the parameters and FLOPs of the real model."""

import math

import jax
import jax.numpy as jnp
import msgspec
import pytest

from bestiary import models
from bestiary.specs import SIZES, ModelSpec

GROUPED = msgspec.structs.replace(SIZES["1.2b"], key_value_heads=6, tied=True)
ALL = SIZES | {"grouped and tied": GROUPED}


@pytest.mark.parametrize("spec", ALL.values(), ids=ALL.keys())
def test_parameters_are_those_of_the_tree(spec: ModelSpec) -> None:
    params = jax.eval_shape(lambda: models.init(spec, jax.random.key(0)))
    sizes = jax.tree.map(lambda leaf: math.prod(leaf.shape), params)
    assert spec.parameters == sum(jax.tree.leaves(sizes))
    roles = jax.tree.map(lambda label: label.role, models.labels(spec))
    matrices = jax.tree.map(lambda n, role: n * (role == "hidden_matrix"), sizes, roles)
    assert spec.matrix_parameters == sum(jax.tree.leaves(matrices))


@pytest.mark.slow
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_flops_are_those_of_the_compiled_program(tied: bool) -> None:
    """Within 5%: the compiler also counts norms, softmax, and recomputed attention scores."""
    spec = ModelSpec(
        layers=2,
        hidden=256,
        intermediate=1024,
        heads=4,
        key_value_heads=2,
        context=64,
        vocabulary=1500,
        tied=tied,
    )
    params = jax.eval_shape(lambda: models.init(spec, jax.random.key(0)))
    tokens = jax.ShapeDtypeStruct((4, spec.context + 1), jnp.int32)
    step = jax.jit(jax.value_and_grad(lambda p, t: models.loss(p, t, spec)))
    counted = step.lower(params, tokens).cost_analysis()["flops"]
    assert counted / (4 * spec.context * spec.flops_per_token) == pytest.approx(1, abs=0.05)
