"""What each rule does to what is no hidden matrix: vectors, scalars, embedding and head."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers import CATALOGUE
from bestiary.specs import Label

MATRIX = Label(role="hidden_matrix", kind="q")
VECTOR = Label(role="vector", kind="norm")


def elementwise(name: str) -> bool:
    entry = CATALOGUE[name]
    defaults: dict[str, Any] = entry.defaults
    rules = entry.rules(entry.hyperparameters(**defaults), {"a": MATRIX})
    return rules["hidden_matrix"].elementwise


# Sophia-H draws other probes for other parameters; `test_references.py` has its vectors.
ELEMENTWISE = [name for name in CATALOGUE if elementwise(name) and name != "sophia"]
ADAM_ELSEWHERE = [name for name, entry in CATALOGUE.items() if "adam_factor" in entry.fields]
ADAM = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "max_grad_norm": 0.0}


def close(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_vectors_and_scalars_are_the_entries_of_a_matrix(stepper: Any, name: str) -> None:
    """The goldens are of matrices; here the same rule does the same to every shape."""
    labels = {"matrix": MATRIX, "vector": VECTOR, "scalar": VECTOR}
    one = stepper(name, labels, weight_decay=0.0, max_grad_norm=0.0)
    step = jax.jit(one.step)

    def shaped(seed: int) -> dict[str, Any]:
        matrix = jnp.asarray(np.random.default_rng(seed).standard_normal((2, 3)), jnp.float32)
        return {"matrix": matrix, "vector": matrix.ravel(), "scalar": matrix[1, 2]}

    params = shaped(0)
    state = one.init(params)
    for count in range(12):
        params, state = step(one.traced, shaped(1 + count), state, params, count)
    assert bool(jnp.all(params["matrix"] != shaped(0)["matrix"]))
    close(params["vector"], params["matrix"].ravel())
    close(params["scalar"], params["matrix"][1, 2])


@pytest.mark.parametrize("name", ADAM_ELSEWHERE)
def test_all_that_is_no_hidden_matrix_gets_adamw(train: Any, name: str) -> None:
    """At `adam_factor` times the rate; on the hyperball the head is a matrix."""
    seen, _ = train(name, steps=4, learning_rate=0.02, adam_factor=0.5, **ADAM)
    adamw, _ = train("adamw", steps=4, learning_rate=0.01, weight_decay=0.1, **ADAM)
    close(seen["embedding"], adamw["embedding"])
    close(seen["norm"], adamw["norm"])
    close(seen["layers"]["norm"], adamw["layers"]["norm"])
    if CATALOGUE[name].defaults["weight_decay"]:
        close(seen["head"], adamw["head"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("scion", {"momentum": 0.9, "beta1": 0.9, "other_radius": 0.5, "learning_rate": 0.02}),
        ("splus", {"beta1": 0.9, "other_factor": 0.5, "learning_rate": 0.02}),
    ],
)
def test_vectors_get_signum(train: Any, name: str, settings: Any) -> None:
    seen, _ = train(name, steps=4, max_grad_norm=0.0, **settings)
    signum, _ = train("signum", steps=4, max_grad_norm=0.0, beta1=0.9, learning_rate=0.01)
    close(seen["norm"], signum["norm"])
    close(seen["layers"]["norm"], signum["layers"]["norm"])


def test_vectors_of_shampoo_get_adam(train: Any) -> None:
    settings = {"beta1": 0.9, "beta2": 0.95, "learning_rate": 0.01, "max_grad_norm": 0.0}
    seen, _ = train("shampoo", steps=12, graft_epsilon=1e-8, **settings)
    adamw, _ = train("adamw", steps=12, epsilon=1e-8, **settings)
    close(seen["norm"], adamw["norm"])
    assert not jax.tree.all(jax.tree.map(jnp.allclose, seen["layers"], adamw["layers"]))
