"""What every test of an optimizer needs: a small labelled model, and a way to take steps.

Fixtures return functions, because tests import nothing from one another.
"""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers import Optimizer, lookup, resolve, split_static
from bestiary.specs import Label

LABELS = {
    "embedding": Label(role="embedding", kind="embedding"),
    "head": Label(role="head", kind="head"),
    "layers": {
        "down": Label(role="hidden_matrix", kind="down", layers=3),
        "norm": Label(role="vector", kind="norm", layers=3),
        "q": Label(role="hidden_matrix", kind="q", layers=3, head_dim=4),
        "up": Label(role="hidden_matrix", kind="up", layers=3),
    },
    "norm": Label(role="vector", kind="norm"),
}
SHAPES = {
    "embedding": (12, 8),
    "head": (8, 12),
    "layers": {"down": (3, 12, 8), "norm": (3, 8), "q": (3, 8, 8), "up": (3, 8, 12)},
    "norm": (8,),
}


# A loss of 1e3 log cosh of every parameter; with other labels, of its sine.
CURVATURE = SimpleNamespace(
    key=jax.random.key(0, impl="rbg"),
    tokens=10**5,
    hessian_vector=lambda params, vector: jax.tree.map(
        lambda x, v: 1e3 * v / jnp.cosh(x) ** 2, params, vector
    ),
    sampled_gradient=lambda params, key: jax.tree.map(jnp.cos, params),
)


def _random(seed: int, scale: float = 1.0) -> Any:
    """Arrays of the shapes of the small model, in a tree of the caller's own."""
    structure = jax.tree.structure(SHAPES, is_leaf=lambda x: isinstance(x, tuple))
    return structure.unflatten(_random_leaves(seed, scale))


@functools.cache
def _random_leaves(seed: int, scale: float) -> list[jax.Array]:
    rng = np.random.default_rng(seed)
    shapes = jax.tree.leaves(SHAPES, is_leaf=lambda x: isinstance(x, tuple))
    return [jnp.asarray(scale * rng.standard_normal(shape), jnp.float32) for shape in shapes]


def _stepper(name: str, labels: Any = LABELS, **settings: Any) -> SimpleNamespace:
    """An optimizer as a trainer has it.

    `init(params)`, `step(traced, grads, state, params, count)`, the same `compiled`, and `traced`.
    """
    entry: Optimizer = lookup(name)
    static, traced = split_static(resolve(name, settings))

    def transform(values: Any) -> Any:
        return entry.build(entry.hyperparameters(**static, **values), labels)

    def step(values: Any, grads: Any, state: Any, params: Any, count: Any, **extra: Any) -> Any:
        extra = {"curvature": CURVATURE, **extra}
        updates, state = transform(values).update(grads, state, params, step=count, **extra)
        return jax.tree.map(jnp.add, params, updates), state

    return SimpleNamespace(
        transform=transform(traced),
        init=lambda params: transform(traced).init(params),
        step=step,
        compiled=_compiled(name, tuple(static.items())) if labels is LABELS else jax.jit(step),
        traced={key: np.asarray(value) for key, value in traced.items()},
    )


@functools.cache
def _compiled(name: str, static: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """The compiled step on the small model: one for all tests that share the static settings."""
    entry = lookup(name)

    def step(values: Any, grads: Any, state: Any, params: Any, count: Any) -> Any:
        built = entry.build(entry.hyperparameters(**dict(static), **values), LABELS)
        updates, state = built.update(grads, state, params, step=count, curvature=CURVATURE)
        return jax.tree.map(jnp.add, params, updates), state

    return jax.jit(step)


# The contract and the goldens of these two stand, in the fast loop, for those of all.
FAST_FILES = ("test_contract.py", "test_goldens.py")
COMPILING = {"stepper", "train", "trained", "program", "traced"}
FAST_NAMES = re.compile(r"(adamw|muon(\.study)?)(-|\])")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What compiles an update is slow, but for two optimizers."""
    for item in items:
        here = Path(__file__).parent in item.path.parents
        compiles = {"stepper", "train", "trained", "program", "traced"} & set(
            getattr(item, "fixturenames", ())
        )
        stands = FAST_NAMES.match(item.name.partition("[")[2]) and item.path.name in FAST_FILES
        if here and compiles and not stands:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def random() -> Callable[..., Any]:
    """`random(seed, scale=1.0)`: arrays of the shapes of the small model."""
    return _random


@pytest.fixture(scope="session")
def stepper() -> Callable[..., SimpleNamespace]:
    """`stepper(name, labels=..., **settings)`: see `_stepper`."""
    return _stepper


@pytest.fixture(scope="session")
def train() -> Callable[..., tuple[Any, Any]]:
    """Parameters and state after some compiled steps on random gradients."""

    def run(name: str, *, steps: int = 12, **settings: Any) -> tuple[Any, Any]:
        one = _stepper(name, **settings)
        params = _random(0)
        state = one.init(params)
        for count in range(steps):
            params, state = one.compiled(one.traced, _random(100 + count), state, params, count)
        return params, state

    return run


@pytest.fixture(scope="session")
def trained(train: Any) -> Callable[..., tuple[Any, Any]]:
    """`train`, whose results are shared by all tests that ask for the same."""
    return functools.cache(train)


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """`program(name, **settings)`: the first state and one step as JAX traces them, in text."""

    def text(name: str, **settings: Any) -> str:
        one = _stepper(name, **settings)
        params = _random(0)
        state = jax.eval_shape(one.init, params)
        step = jax.make_jaxpr(one.step)(one.traced, params, state, params, 0)
        return f"{jax.make_jaxpr(one.init)(params)}\n{step}"

    return text


@pytest.fixture(scope="session")
def traced(program: Any) -> Callable[..., str]:
    """`program`, whose texts are shared by all tests that ask for the same."""
    return functools.cache(program)
