"""Every rule follows its reference step by step in float64, on tall, wide and square matrices."""

import importlib
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers import CATALOGUE, lookup, resolve
from bestiary.specs import Label

FOLDER = Path(__file__).parent.parent / "goldens"
PAGE = Path(__file__).parents[2] / "docs" / "adding-an-optimizer.md"
# Read once: an open file unpacks an array at every look, and there is one at each step and leaf.
PROBLEM = dict(np.load(FOLDER / "problem.npz"))
PROBES = dict(np.load(FOLDER / "kron.npz"))
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
SPLUS = {
    "learning_rate": 0.3,
    "beta1": 0.9,
    "beta2": 0.95,
    "average_beta": 0.9,
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
    # Without a lower bound of second moments, which modded-nanogpt takes at 1e-10.
    "hyperball.normuon": (
        "normuonh",
        {
            **JORDAN,
            "weight_decay": 0.0,
            "neurons": "longer",
            "neuron_epsilon": 1e-20,
            "coefficients": "classic",
            "iterations": 12,
        },
    ),
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
    "kron.study": ("kron", {**KRON, "normalize_grads": True}),
    "kron.modern": ("kron", {**KRON, "form": "q0.5eq1.5"}),
    "shampoo": ("shampoo", SHAMPOO),
    "splus": ("splus", SPLUS),
    "adamuon": ("adamuon", {**JORDAN, "sign": False, "entry_beta": 0.999}),
    "adamuon.sign": ("adamuon", {**JORDAN, "nesterov": False}),
    "mars_m": ("mars_m", JORDAN),
    "dion2": ("dion2", {"feedback": 0.9, "fraction": 0.4}),
    "kl_soap": (
        "kl_soap",
        {"beta1": 0.95, "beta2": 0.9, "epsilon": 1e-8, "precondition_frequency": 5},
    ),
    "kl_soap.official": (
        "kl_soap",
        {
            "beta1": 0.95,
            "beta2": 0.9,
            "shampoo_beta": 0.9,
            "precondition_frequency": 5,
            "flavour": "official",
        },
    ),
    "soap_muon": ("soap_muon", {"precondition_frequency": 5}),
    "soap.study": ("soap", {**SOAP, "beta2": 0.98, "epsilon": 1e-15, "weight_decay": 0.0}),
    "soap.official": (
        "soap",
        {**SOAP, "beta2": 0.95, "epsilon": 1e-8, "flavour": "official"},
    ),
}
# Factors of the gradients: so small that eigenvalues are held at their least.
SMALL = {"kl_soap.official": 0.01}
# Leaves of one tree: three recorded shapes, and a stack of three layers beside each layer alone.
SHAPES = {"10x6": "10x6", "6x10": "6x10", "8x8": "8x8", "stack": "6x10"}
SHAPES |= {"layer1": "6x10", "layer2": "6x10"}
SPREAD = np.array([1.0, -3.0, 0.3])[:, None, None]
FACTORS: dict[str, Any] = {"stack": SPREAD, "layer1": SPREAD[1, 0], "layer2": SPREAD[2, 0]}
# The study clips all of Mars by one norm, so there a leaf depends on the others.
TREES = [(rule, list(SHAPES)) for rule in RULES if rule != "mars.study"]
TREES += [("mars.study", [shape]) for shape in ("10x6", "6x10", "8x8")]
# Presets, each beside the golden of the code that it is named for.
PRESETS = [
    ("adam_mini", "study", "adam_mini.per_head"),
    ("adam_mini", "official", "adam_mini.per_head"),
    ("adamuon", "first_code", "adamuon"),
    ("cautious", "study", "cautious.study"),
    ("cautious", "official", "cautious.official"),
    ("kl_soap", "nanogpt", "kl_soap"),
    ("kl_soap", "official", "kl_soap.official"),
    ("kron", "study", "kron.study"),
    ("kron", "modern", "kron.modern"),
    ("mars", "study", "mars.study"),
    ("mars", "official", "mars.official"),
    ("muon", "study", "muon.study"),
    ("muon", "jordan", "muon.keller"),
    ("muon", "moonshot", "muon.moonshot"),
    ("muon", "polar_express", "muon.polar_express"),
    ("normuon", "paper", "normuon"),
    ("scion", "study", "scion.study"),
    ("scion", "official", "scion.spectral"),
    ("scion", "official", "scion.sign"),
    ("soap", "study", "soap.study"),
    ("soap", "official", "soap.official"),
]
# What a golden was recorded at, which is no choice between variants.
RECORDED = ("precondition_frequency", "update_flat_steps", "curvature_frequency")
# Variants of one optimizer share the code that a population passes through.
ONE_EACH = {name: rule for rule, (name, _) in RULES.items()}.values()
TOLERANCE = 1e-12
# The reference of Kron inverts its triangular factors, which costs it a digit.
TOLERANCES = {"kron": 1e-11, "kron.study": 1e-11}


def start_of(rule: str, leaves: list[str], state: Any) -> Any:
    """The state after step 0, with the recorded eigenvectors of SOAP and its relatives.

    Goldens are (out, in), parameters (in, out), and blocks have no more rows than columns.
    """
    golden = np.load(FOLDER / f"{rule}.npz")
    if "q_left_8x8" not in golden:
        return state
    ((key, own),) = state.items()
    basis = {}
    for name, factors in own.basis.items():
        bases = []
        for leaf in sorted(leaves):
            sides = [golden[f"q_{side}_{SHAPES[leaf]}"] for side in ("right", "left")]
            sides = sides[::-1] if len(sides[0]) > len(sides[1]) else sides
            if name == "x".join(str(len(side)) for side in sides):
                bases += [sides] * (3 if leaf == "stack" else 1)
        left, right = (np.stack(side) for side in zip(*bases, strict=True))
        basis[name] = factors._replace(
            left=jnp.broadcast_to(left, factors.left.shape),
            right=jnp.broadcast_to(right, factors.right.shape),
        )
    return {key: own._replace(basis=basis)}


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


def of_preset(rule: str, preset: str) -> dict[str, Any]:
    """The settings of a preset, with the numbers that a golden was recorded at."""
    name, settings = RULES[rule]
    numbers = {
        field: value
        for field, value in settings.items()
        if isinstance(value, float) or field in RECORDED
    }
    return {**lookup(name).presets[preset], **RATE, **numbers}


def follow(
    stepper: Any, rule: str, leaves: list[str], *, preset: str = "", population: int = 0
) -> Any:
    """The parameters of every leaf, (steps, ..., fan_in, fan_out), after the recorded steps."""
    name, settings = RULES[rule]
    settings = of_preset(rule, preset) if preset else settings
    labels = {
        leaf: Label(
            role=ROLE.get(rule, "hidden_matrix"),
            kind="q",
            layers=3 if leaf == "stack" else 0,
            head_dim=HEADS.get(rule, {}).get(SHAPES[leaf], 0),
        )
        for leaf in leaves
    }
    one = stepper(name, labels, **{**RATE, **settings})

    def drawn(kind: str, count: int, *, scaled: bool) -> Any:
        arrays = PROBES if kind == "probe" else PROBLEM
        found = {leaf: arrays[f"{kind}_{SHAPES[leaf]}"][count].T for leaf in leaves}
        return {
            leaf: FACTORS.get(leaf, 1.0) ** (1 if scaled else 0) * matrix
            for leaf, matrix in found.items()
        }

    params = {
        leaf: jnp.asarray(FACTORS.get(leaf, 1.0) ** 0 * PROBLEM[f"start_{SHAPES[leaf]}"].T)
        for leaf in leaves
    }
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
    compiled = jax.jit(step)
    seen = []
    for count in range(STEPS):
        grads = drawn("grads", count, scaled=True)
        grads = jax.tree.map(lambda leaf: SMALL.get(rule, 1.0) * leaf, grads)
        extra = {
            "other": drawn("grads", STEPS - 1 - count, scaled=True),
            "probe": drawn("probe", count, scaled=False),
        }
        params, state = compiled(traced, grads, state, params, count, extra)
        state = start_of(rule, leaves, state) if count == 0 else state
        # Saved and restored at every step.
        params, state = jax.tree.map(np.array, (params, state))
        seen.append(params)
    kept = [seen[index] for index in PROBLEM["steps"] - 1]
    return jax.tree.map(lambda *arrays: np.stack(arrays), *kept)


def assert_follows(ours: Any, rule: str, shape: str) -> None:
    expected = np.load(FOLDER / f"{rule}.npz")[f"params_{shape}"].swapaxes(1, 2)
    tolerance = TOLERANCES.get(rule, TOLERANCE)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance, err_msg=shape)


@pytest.mark.parametrize(("rule", "leaves"), TREES)
def test_follows_the_reference(stepper: Any, rule: str, leaves: list[str]) -> None:
    """Tall, wide and square, alone and as the first layer of a stack."""
    with jax.enable_x64(True):
        ours = follow(stepper, rule, leaves)
    for leaf in leaves:
        if leaf not in FACTORS:
            assert_follows(ours[leaf], rule, SHAPES[leaf])
    if "stack" in leaves:
        assert_follows(ours["stack"][:, 0], rule, SHAPES["stack"])
        for layer in (1, 2):
            np.testing.assert_allclose(
                ours["stack"][:, layer], ours[f"layer{layer}"], rtol=0, atol=TOLERANCE
            )


@pytest.mark.parametrize(("name", "preset", "rule"), PRESETS)
def test_a_preset_is_the_variant_it_is_named_for(
    stepper: Any, name: str, preset: str, rule: str
) -> None:
    """Its choices make the rule follow the golden; only the recorded numbers are set beside it."""
    assert RULES[rule][0] == name
    followed = resolve(name, {**RATE, **RULES[rule][1]})
    if resolve(name, of_preset(rule, preset)) == followed:
        return  # the same settings, whose steps `test_follows_the_reference` sets beside the golden
    with jax.enable_x64(True):
        ours = follow(stepper, rule, ["6x10"], preset=preset)
    assert_follows(ours["6x10"], rule, "6x10")


def test_every_optimizer_has_a_reference() -> None:
    """A golden here, and in its file the published code that golden or rule was checked against."""
    followed = {name for name, _ in RULES.values()}
    assert not [name for name in CATALOGUE if name not in followed], "record a golden, add a rule"
    for name, entry in CATALOGUE.items():
        told = sys.modules[entry.hyperparameters.__module__].__doc__ or ""
        assert "hecked against" in " ".join(told.split()), f"say what {name} was checked against"


def test_the_page_on_the_catalogue_does_what_it_says(
    stepper: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is an optimizer, its script records a golden, its row makes one follow the other."""
    _, _, told = PAGE.read_text().partition("## To the catalogue")
    module, script, row = re.findall(r"```python\n(.*?)```", told, flags=re.DOTALL)
    folder = tmp_path / re.findall(r'FOLDER = "(.*)"', script)[0]
    folder.mkdir(parents=True)
    shutil.copy(FOLDER / "problem.npz", folder)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "script", "exec"), {})
    (tmp_path / "_laprop.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    entry = importlib.import_module("_laprop").LAPROP
    monkeypatch.setitem(CATALOGUE, entry.name, entry)
    ((rule, settings),) = eval(f"{{{row}}}").items()
    monkeypatch.setitem(RULES, rule, settings)
    monkeypatch.setattr(sys.modules[__name__], "FOLDER", folder)
    with jax.enable_x64(True):
        ours = follow(stepper, rule, ["6x10", "10x6", "8x8"])
    for shape in ("6x10", "10x6", "8x8"):
        assert_follows(ours[shape], rule, shape)


def test_every_golden_moves_and_is_followed() -> None:
    extra = {"problem", "vectors", "scion.official"}
    assert {path.stem for path in FOLDER.glob("*.npz")} == extra | set(RULES)
    for rule in RULES:
        moved = np.load(FOLDER / f"{rule}.npz")["params_8x8"][-1] - PROBLEM["start_8x8"]
        assert np.abs(moved).max() > 0.05, rule


def test_every_preset_of_the_study_is_proven() -> None:
    study = {
        (name, preset)
        for name, entry in CATALOGUE.items()
        for preset in entry.presets
        if "study" in entry.presets
    }
    # Another normalisation of Cautious; its divisor has a test of its own.
    assert study - {("cautious", "paper")} <= {(name, preset) for name, preset, _ in PRESETS}


def test_every_role_follows_the_official_scion(stepper: Any) -> None:
    """One tree, the preset as it is; the vector is the first column of the problem of 6 x 10."""
    golden = np.load(FOLDER / "scion.official.npz")
    shapes = {"embedding": "10x6", "head": "6x10", "hidden_matrix": "8x8", "vector": "6x10"}

    def of(arrays: Any) -> Any:
        """Matrices (out, in) turned, but for the embedding, which is (vocabulary, hidden)."""
        leaves = {role: arrays(shape) for role, shape in shapes.items()}
        return {
            "embedding": jnp.asarray(leaves["embedding"]),
            "head": jnp.asarray(leaves["head"].T),
            "hidden_matrix": jnp.asarray(leaves["hidden_matrix"].T),
            "vector": jnp.asarray(leaves["vector"][:, 0]),
        }

    labels = {role: Label(role=role, kind=role) for role in shapes}
    seen = []
    with jax.enable_x64(True):
        one = stepper("scion", labels, **lookup("scion").presets["official"])
        params = of(lambda shape: PROBLEM[f"start_{shape}"])
        state, step = one.init(params), jax.jit(one.step)
        for count in range(STEPS):
            grads = of(lambda shape, count=count: PROBLEM[f"grads_{shape}"][count])
            params, state = step(one.traced, grads, state, params, count)
            seen.append(jax.tree.map(np.asarray, params))
    for role in shapes:
        ours = np.stack([seen[index][role] for index in PROBLEM["steps"] - 1])
        ours = ours.swapaxes(1, 2) if role in ("head", "hidden_matrix") else ours
        np.testing.assert_allclose(ours, golden[role], rtol=0, atol=TOLERANCE, err_msg=role)


@pytest.mark.parametrize("rule", ONE_EACH)
def test_a_member_of_a_population_follows_the_reference(stepper: Any, rule: str) -> None:
    with jax.enable_x64(True):
        ours = follow(stepper, rule, ["6x10"], population=2)
    assert_follows(ours["6x10"][:, 0], rule, "6x10")


@pytest.mark.parametrize(("rule", "name"), [("kron", "kron"), ("soap.official", "soap")])
def test_a_vector_follows_the_reference(stepper: Any, rule: str, name: str) -> None:
    """Kron's diagonal factor, and SOAP's full one: the first column of the problem of 6 x 10."""
    golden, label = np.load(FOLDER / "vectors.npz"), Label(role="vector", kind="norm")
    settings = {**RATE, **RULES[rule][1], "weight_decay": 0.0}
    start, grads, probes = (
        values[..., 0]
        for values in (PROBLEM["start_6x10"], PROBLEM["grads_6x10"], PROBES["probe_6x10"])
    )
    seen = []
    with jax.enable_x64(True):
        one = stepper(name, {"v": label}, **settings)
        params = {"v": jnp.asarray(start)}
        state, step = one.init(params), jax.jit(one.step)
        for count in range(STEPS):
            probe = {"v": probes[count]}
            params, state = step(one.traced, {"v": grads[count]}, state, params, count, probe=probe)
            if name == "soap" and count == 0:
                ((shape, basis),) = state["soap"].basis.items()
                sides = {
                    side: None if old is None else jnp.asarray(golden["soap_basis"][None])
                    for side, old in basis._asdict().items()
                }
                given = {shape: basis._replace(**sides)}
                state = {"soap": state["soap"]._replace(basis=given)}
            seen.append(np.asarray(params["v"]))
    recorded = np.stack(seen)[PROBLEM["steps"] - 1]
    np.testing.assert_allclose(recorded, golden[name], rtol=0, atol=TOLERANCE)
