"""What named settings change: the study's variants and the authors', and how leaves are grouped."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.errors import UserError
from bestiary.optimizers import CATALOGUE, lookup, resolve
from bestiary.specs import DataSpec, Label
from bestiary.studies import STUDIES

FOLDER = Path(__file__).parent.parent / "goldens"
STACK = {"w": Label(role="hidden_matrix", kind="up", layers=3)}
ALONE = {"w": Label(role="hidden_matrix", kind="up")}


def gradients(step: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(step).standard_normal((3, 4, 6)), jnp.float32)


def after(stepper: Any, name: str, labels: Any, layer: Any = ..., **settings: Any) -> Any:
    """The parameter after four steps: the stack of three layers, or one of them alone."""
    one = stepper(name, labels, **settings)
    params = {"w": gradients(99)[layer]}
    state = one.init(params)
    for count in range(4):
        grads = {"w": gradients(count)[layer]}
        params, state = one.compiled(one.traced, grads, state, params, count)
    return params["w"]


@pytest.mark.parametrize(
    ("name", "settings", "apart"),
    [
        ("cautious", {}, True),
        ("cautious", {"stacked_mean": True}, False),
        ("mars", {"flavour": "official"}, True),
        ("mars", {}, False),
    ],
)
def test_whether_a_layer_depends_on_the_others(
    stepper: Any, name: str, settings: Any, apart: bool
) -> None:
    norm = 0.0 if apart else 1.0
    together = after(stepper, name, STACK, max_grad_norm=norm, **settings)
    single = after(stepper, name, ALONE, layer=1, max_grad_norm=norm, **settings)
    assert bool(jnp.allclose(together[1], single, atol=1e-6)) == apart


@pytest.mark.parametrize(
    ("normalisation", "factor"), [("study", 8.0), ("paper", 4.0), ("official", 8.0)]
)
def test_what_cautious_divides_by(stepper: Any, normalisation: str, factor: float) -> None:
    settings = {"learning_rate": 1.0, "max_grad_norm": 0.0, "beta1": 0.5, "beta2": 0.0}
    labels = {"w": Label(role="vector", kind="norm")}
    one = stepper("cautious", labels, normalisation=normalisation, **settings)
    state = one.init({"w": jnp.zeros(8)})
    # The past makes every direction positive, so one entry of eight agrees with the gradient.
    state = {"cautious": state["cautious"]._replace(mu={"w": jnp.full(8, 100.0)})}
    grads = jnp.array([1.0, *[-1.0] * 7])
    moved, _ = one.step(one.traced, {"w": grads}, state, {"w": jnp.zeros(8)}, 0)
    adam = (0.5 * 100.0 + 0.5 * 1.0) / 0.5
    np.testing.assert_allclose(moved["w"], [-adam * factor, *[0.0] * 7], rtol=1e-5)


def test_adam_mini_keeps_one_second_moment_a_block(stepper: Any, random: Any) -> None:
    for flavour, norms in (("study", "adamw"), ("official", "adam_mini")):
        state = stepper("adam_mini", flavour=flavour).init(random(0))
        shapes = {path: leaf.shape for path, leaf in state["adam_mini"].square.items()}
        assert shapes["layers/q"] == (3, 1, 2)
        assert shapes["layers/up"] == (3, 1, 12)
        assert shapes["embedding"] == (12, 1)
        assert shapes["head"] == (1, 12)
        assert norms in state
    assert shapes["layers/norm"] == (3, 1)
    assert shapes["norm"] == (1,)


def test_adam_mini_refuses_a_part_of_a_head(stepper: Any) -> None:
    labels = {"q": Label(role="hidden_matrix", kind="q", head_dim=5)}
    with pytest.raises(UserError, match="'q' has 8 columns for heads of 5"):
        stepper("adam_mini", labels).init({"q": jnp.ones((8, 8))})


@pytest.mark.parametrize("name", ["adam_mini", "mars"])
def test_what_is_clipped(stepper: Any, random: Any, name: str) -> None:
    """The study's Adam-mini clips vectors alone; official Mars clips vectors by their own norm."""
    settings = {"adam_mini": {}, "mars": {"flavour": "official"}}[name]
    one = stepper(name, epsilon=1.0, **settings)
    loose = {**one.traced, "max_grad_norm": np.asarray(1e9)}
    args = random(1), one.init(random(0)), random(0), 0
    clipped, free = one.compiled(one.traced, *args)[0], one.compiled(loose, *args)[0]
    same = jax.tree.map(lambda a, b: bool(jnp.all(a == b)), clipped, free)
    assert not same["norm"]
    assert not same["layers"]["norm"]
    assert same["layers"]["q"] == (name == "adam_mini")


def test_schedule_free_is_evaluated_at_the_mean_of_its_iterates(stepper: Any) -> None:
    problem, golden = np.load(FOLDER / "problem.npz"), np.load(FOLDER / "schedule_free.npz")
    settings = {"learning_rate": 0.02, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8}
    with jax.enable_x64(True):
        one = stepper("schedule_free", {"w": ALONE["w"]}, max_grad_norm=0.0, **settings)
        params = {"w": jnp.asarray(problem["start_8x8"])}
        state = one.init(params)
        for count, grad in enumerate(problem["grads_8x8"]):
            params, state = one.compiled(one.traced, {"w": grad}, state, params, count)
        mean = lookup("schedule_free").evaluation_params(state, params)
    np.testing.assert_allclose(mean["w"], golden["evaluated_8x8"], rtol=0, atol=1e-12)


def test_schedule_free_waits_while_the_rate_is_zero(stepper: Any, random: Any) -> None:
    one = stepper("schedule_free")
    still = {**one.traced, "learning_rate": np.asarray(0.0)}
    params, state = one.compiled(still, random(1), one.init(random(0)), random(0), 0)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.all(a == b)), params, random(0)))
    assert float(state["schedule_free"].weights) == 0.0


@pytest.mark.parametrize("name", ["sophia", "sophia_g"])
def test_sophia_needs_curvature(stepper: Any, random: Any, name: str) -> None:
    one = stepper(name)
    with pytest.raises(UserError, match=f"{name} needs the curvature of the loss"):
        one.transform.update(random(1), one.init(random(0)), random(0), step=0)


@pytest.mark.parametrize("name", ["sophia", "sophia_g", "soap"])
def test_a_population_computes_what_is_rare_in_a_branch(
    stepper: Any, random: Any, name: str
) -> None:
    """A branch under vmap must not become a selection, which would compute both sides."""
    one = stepper(name)
    stack = jax.tree.map(lambda x: jnp.stack([x, x]), (random(0), one.init(random(0))))
    traced = {key: np.stack([value, value]) for key, value in one.traced.items()}
    step = jax.vmap(one.step, in_axes=(0, None, 0, 0, None))
    program = jax.make_jaxpr(step)(traced, random(1), stack[1], stack[0], 3)
    assert "cond" in {equation.primitive.name for equation in program.eqns}


def test_the_paper_study_enters_the_studys_variants() -> None:
    study = STUDIES["paper"].build(DataSpec(name="text", digest="0" * 64))
    assert len(study.candidates) == 11
    for one in study.candidates:
        variant = CATALOGUE[one.name].presets.get("study", {})
        entered = {field: one.start[field] for field in CATALOGUE[one.name].fields}
        assert entered == resolve(one.name, variant).settings
