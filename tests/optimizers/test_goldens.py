"""Every rule follows its reference step by step in float64, on tall, wide and square matrices."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.optimizers.compiling import quick_jit

from bestiary.specs import Label

FOLDER = Path(__file__).parent.parent / "data" / "goldens"
PROBLEM = np.load(FOLDER / "problem.npz")
PROBES = np.load(FOLDER / "kron.npz")
STEPS = 40
RATE = {"learning_rate": 0.02, "weight_decay": 0.1, "max_grad_norm": 0.0}
JORDAN = {"momentum": 0.95, "form": "mean", "iterations": 5, "matrix_epsilon": 1e-7}
SOAP = {"beta1": 0.95, "precondition_frequency": 5, "block_size": 0, "shampoo_beta": 0.95}
CAUTIOUS = {"beta1": 0.95, "beta2": 0.98, "epsilon": 1e-15}
MARS = {"beta1": 0.95, "beta2": 0.98, "gamma": 0.025, "epsilon": 1e-15}
MIX = {"beta1": 0.9, "alpha": 5.0, "epsilon": 1e-8}
MINI = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
LMO = {"momentum": 0.9, "beta1": 0.9, "iterations": 5, "matrix_epsilon": 1e-7, "constrained": True}
SHAMPOO = {
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-6,
    "graft_epsilon": 1e-10,
    "precondition_frequency": 5,
}
# Fits at the first ten steps and then at every third.
KRON = {
    "beta1": 0.95,
    "normalize_grads": False,
    "preconditioner_rate": 0.2,
    "update_flat_steps": 10,
    "update_decay": 1.0,
    "update_probability": 1 / 3,
    "block_size": 0,
}
# Outputs of one attention head, where the rule depends on it.
HEADS = {"adam_mini.per_head": {"6x10": 3, "10x6": 5, "8x8": 4}}
# The role of the matrix, where it is no hidden one.
ROLE = {"scion.sign": "head"}

# Golden file -> (optimizer, settings).
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "adamw": ("adamw", {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}),
    "nadamw": ("nadamw", {"beta1": 0.95, "beta2": 0.98, "epsilon": 1e-10}),
    "lion": ("lion", {"beta1": 0.9, "beta2": 0.95}),
    "signum": ("signum", {"beta1": 0.9}),
    "cautious.study": ("cautious", CAUTIOUS),
    "cautious.official": ("cautious", {**CAUTIOUS, "normalisation": "official"}),
    "mars.study": ("mars", {**MARS, "max_grad_norm": 1.0}),
    "mars.official": ("mars", {**MARS, "beta2": 0.99, "epsilon": 1e-8, "flavour": "official"}),
    "adam_mini.per_head": ("adam_mini", MINI),
    "adam_mini.per_row": ("adam_mini", MINI),
    "ademamix": ("ademamix", {**MIX, "slow_warmup_steps": 0.0}),
    "ademamix.warmup": ("ademamix", {**MIX, "slow_warmup_steps": 20.0}),
    "adopt": ("adopt", {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6}),
    "schedule_free": ("schedule_free", {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8}),
    "sophia_h": (
        "sophia",
        {"beta1": 0.95, "beta2": 0.9, "gamma": 2.0, "epsilon": 0.01, "curvature_frequency": 5},
    ),
    "sophia_g": ("sophia_g", {"beta1": 0.965, "beta2": 0.9, "curvature_frequency": 5}),
    "muon.study": ("muon", {"momentum": 0.95, "matrix_epsilon": 1e-5}),
    "muon.keller": ("muon", JORDAN),
    "muon.moonshot": ("muon", {**JORDAN, "form": "sum", "scale": "rms"}),
    "muon.polar_express": (
        "muon",
        {**JORDAN, "coefficients": "polar_express", "matrix_epsilon": 1e-6},
    ),
    "normuon": ("normuon", {**JORDAN, "neuron_beta": 0.95, "neuron_epsilon": 1e-10}),
    "hyperball.adam": (
        "adamh",
        {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.0},
    ),
    "hyperball.muon": ("muonh", {**JORDAN, "weight_decay": 0.0}),
    "scion.study": ("scion", {"momentum": 0.95, "matrix_epsilon": 1e-5}),
    "scion.spectral": (
        "scion",
        {**LMO, "learning_rate": 0.002, "radius": 50.0, "scale": "spectral"},
    ),
    "scion.sign": (
        "scion",
        {**LMO, "learning_rate": 0.0002, "other_radius": 3000.0, "head_norm": "width_sign"},
    ),
    "kron": ("kron", KRON),
    "kron.modern": ("kron", {**KRON, "form": "q0.5eq1.5"}),
    "shampoo": ("shampoo", SHAMPOO),
    "adamuon": ("adamuon", {**JORDAN, "sign": False, "entry_beta": 0.999}),
    "adamuon.sign": ("adamuon", {**JORDAN, "nesterov": False}),
    "mars_m": ("mars_m", JORDAN),
    "dion2": ("dion2", {"feedback": 0.9, "fraction": 0.4}),
    "kl_soap": (
        "kl_soap",
        {"beta1": 0.95, "beta2": 0.9, "epsilon": 1e-8, "precondition_frequency": 5},
    ),
    "soap_muon": ("soap_muon", {"precondition_frequency": 5}),
    "soap.study": ("soap", {**SOAP, "beta2": 0.98, "epsilon": 1e-15, "weight_decay": 0.0}),
    "soap.official": (
        "soap",
        {**SOAP, "beta2": 0.95, "epsilon": 1e-8, "flavour": "official"},
    ),
}
# The study clips all of Mars by one norm, so there a layer depends on the others.
PER_LAYER = [rule for rule in RULES if rule != "mars.study"]
# Variants of one optimizer share the code that a population passes through.
ONE_EACH = {name: rule for rule, (name, _) in RULES.items()}.values()
CASES = [(rule, shape) for rule in RULES for shape in ("6x10", "10x6", "8x8")]
TOLERANCE = 1e-12
# The reference of Kron inverts its triangular factors, which costs it a digit.
TOLERANCES = {"kron": 1e-11}


def start_of(rule: str, shape: str, state: Any) -> Any:
    """The state after step 0, with the recorded eigenvectors of SOAP and its relatives.

    Goldens are (out, in), parameters (in, out), and blocks have no more rows than columns.
    """
    golden = np.load(FOLDER / f"{rule}.npz")
    if f"q_left_{shape}" not in golden:
        return state
    ((key, soap),) = state.items()
    ((name, basis),) = soap.basis.items()
    left, right = golden[f"q_left_{shape}"], golden[f"q_right_{shape}"]
    if len(left) >= len(right):
        left, right = right, left
    given = basis._replace(
        left=jnp.broadcast_to(left, basis.left.shape),
        right=jnp.broadcast_to(right, basis.right.shape),
    )
    return {key: soap._replace(basis={name: given})}


def curvature(estimate: Any) -> Any:
    """A loss whose Hessian has this diagonal, and this gradient for any labels.

    The goldens took the gradients of the problem from last to first.
    """
    return SimpleNamespace(
        key=jax.random.key(0, impl="rbg"),
        tokens=100,
        # Divided, so that z (H z) is the diagonal whatever z is.
        hessian_vector=lambda params, z: jax.tree.map(jnp.divide, estimate, z),
        sampled_gradient=lambda params, key: estimate,
    )


def follow(stepper: Any, rule: str, shape: str, layers: int, *, population: int = 0) -> Any:
    """The parameters (steps, ..., fan_in, fan_out) after every step of the golden problem."""
    name, settings = RULES[rule]
    head_dim = HEADS.get(rule, {}).get(shape, 0)
    role = ROLE.get(rule, "hidden_matrix")
    labels = {"w": Label(role=role, kind="q", layers=layers, head_dim=head_dim)}
    one = stepper(name, labels, **{**RATE, **settings})
    start = PROBLEM[f"start_{shape}"].T
    grads = PROBLEM[f"grads_{shape}"].swapaxes(1, 2)
    probes = PROBES[f"probe_{shape}"].swapaxes(1, 2)
    # The other layers of a stacked leaf are other matrices, which must not matter.
    spread = np.array([1.0, -3.0, 0.3])[:layers, None, None] if layers else np.array(1.0)
    params = {"w": jnp.asarray(np.ones_like(spread) * start)}
    state, traced = one.init(params), one.traced

    def step(traced: Any, grads: Any, state: Any, params: Any, count: Any, drawn: Any) -> Any:
        extra = {"curvature": curvature(drawn["other"]), "probe": drawn["probe"]}
        return one.step(traced, grads, state, params, count, **extra)

    if population:
        step = jax.vmap(step, in_axes=(0, None, 0, 0, None, None))
        stack = np.linspace(1.0, 2.0, population)
        traced = {
            key: value * (stack if key == "learning_rate" else stack**0)
            for key, value in traced.items()
        }
        params, state = jax.tree.map(lambda x: jnp.stack([x] * population), (params, state))
    compiled = quick_jit(step)
    seen = []
    for count in range(STEPS):
        given, other = ({"w": spread * grads[index]} for index in (count, STEPS - 1 - count))
        drawn = {"other": other, "probe": {"w": np.ones_like(spread) * probes[count]}}
        params, state = compiled(traced, given, state, params, count, drawn)
        state = start_of(rule, shape, state) if count == 0 else state
        state = jax.tree.map(jnp.asarray, jax.tree.map(np.asarray, state))
        seen.append(np.asarray(params["w"]))
    return np.stack(seen)


def expected(rule: str, shape: str) -> Any:
    return np.load(FOLDER / f"{rule}.npz")[f"params_{shape}"].swapaxes(1, 2)


@pytest.mark.parametrize(("rule", "shape"), CASES)
def test_follows_the_reference(stepper: Any, rule: str, shape: str) -> None:
    with jax.enable_x64(True):
        ours = follow(stepper, rule, shape, layers=0)
    recorded = ours[PROBLEM["steps"] - 1]
    np.testing.assert_allclose(
        recorded, expected(rule, shape), rtol=0, atol=TOLERANCES.get(rule, TOLERANCE)
    )


@pytest.mark.parametrize("rule", PER_LAYER)
def test_a_layer_of_a_stack_follows_the_reference(stepper: Any, rule: str) -> None:
    with jax.enable_x64(True):
        ours = follow(stepper, rule, "6x10", layers=3)
    recorded = ours[PROBLEM["steps"] - 1, 0]
    np.testing.assert_allclose(
        recorded, expected(rule, "6x10"), rtol=0, atol=TOLERANCES.get(rule, TOLERANCE)
    )


@pytest.mark.parametrize("rule", ONE_EACH)
def test_a_member_of_a_population_follows_the_reference(stepper: Any, rule: str) -> None:
    with jax.enable_x64(True):
        ours = follow(stepper, rule, "6x10", layers=0, population=2)
    recorded = ours[PROBLEM["steps"] - 1, 0]
    np.testing.assert_allclose(
        recorded, expected(rule, "6x10"), rtol=0, atol=TOLERANCES.get(rule, TOLERANCE)
    )
