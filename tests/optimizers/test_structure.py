"""What XLA is given: few batched products, and branches that stay branches."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from bestiary.optimizers import CATALOGUE
from bestiary.specs import Label

MATRICES = {
    **dict.fromkeys(("q", "k", "v", "o"), (16, 16)),
    **dict.fromkeys(("gate", "up"), (16, 64)),
    "down": (64, 16),
}
SELDOM = [name for name, entry in CATALOGUE.items() if "precondition_frequency" in entry.fields]


def operations(stepper: Any, name: str, *, population: int = 0, layers: int = 3) -> list[str]:
    """The names of all operations of one update; a population differs in its hyperparameters."""
    labels = {kind: Label(role="hidden_matrix", kind=kind, layers=layers) for kind in MATRICES}
    one = stepper(name, labels)
    params = {kind: jnp.zeros((layers, *shape)) for kind, shape in MATRICES.items()}
    arguments = one.traced, params, one.init(params), params
    step = one.step
    if population:
        arguments = jax.tree.map(lambda x: jnp.stack([jnp.asarray(x)] * population), arguments)
        step = jax.vmap(step, in_axes=(0, 0, 0, 0, None))
    lowered = jax.jit(step).lower(*arguments, jnp.int32(7))
    return re.findall(r" ([a-z-]+)\(", lowered.as_text(dialect="hlo"))


@pytest.mark.parametrize("layers", [1, 5])
def test_two_newton_schulz_iterations_whatever_the_kinds_and_layers(
    stepper: Any, layers: int
) -> None:
    # One for q, k, v and o, one for gate, up and the transposed down; three products an iteration.
    products = operations(stepper, "muon", layers=layers).count("dot")
    assert products == 2 * 3 * CATALOGUE["muon"].defaults["iterations"]


@pytest.mark.parametrize("name", [*SELDOM, "kron", "sophia", "sophia_g"])
def test_what_happens_seldom_is_a_branch_in_a_population_too(stepper: Any, name: str) -> None:
    alone = operations(stepper, name).count("conditional")
    assert alone > 0
    assert operations(stepper, name, population=2).count("conditional") == alone
