"""The contract: every optimizer of the catalogue through the same properties."""

from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.errors import UserError
from bestiary.optimizers import CATALOGUE, Optimizer, lookup, resolve, split_static
from bestiary.specs import ROLES, RUN_COORDINATES, Label

NAMES = tuple(CATALOGUE)
# On the hyperball, scale and decay of a matrix have one value each.
FIXED_NORM = ("adamh", "muonh", "normuonh")
FIELDS = [
    (name, field)
    for name, entry in CATALOGUE.items()
    for field in entry.fields
    if not (name in FIXED_NORM and field in ("scale", "weight_decay"))
]
# What makes a hyperparameter matter within a dozen steps.
CONTEXT: dict[str, dict[str, Any]] = {
    "adamuon": {"sign": False},
    "soap_muon": {"precondition_frequency": 2},
    "kl_soap": {"precondition_frequency": 2},
    "shampoo": {"precondition_frequency": 2, "epsilon": 1e-3},
    "splus": {"precondition_frequency": 2},
    "kron": {
        "normalize_grads": False,
        "update_flat_steps": 2,
        "update_decay": 0.4,
        "update_probability": 0.3,
        "rms_clip": 0.01,
    },
}


def assert_trees_equal(left: Any, right: Any, **tolerance: float) -> None:
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), **{"rtol": 0, **tolerance})


def another(entry: Optimizer, field: str, context: dict[str, Any]) -> Any:
    """A valid value of a hyperparameter that is far from its value."""
    value = {**entry.defaults, **context}[field]
    if field == "max_grad_norm":
        return 0.0
    kind = entry.fields[field].type
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        choices = get_args(getattr(kind, "__origin__", kind))
        return choices[(choices.index(value) + 1) % len(choices)]
    if isinstance(value, int):
        return 5 if value != 5 else 4
    return 0.1 if value < 1e-3 else value / 2


# ---- the record


@pytest.mark.parametrize("name", NAMES)
def test_the_start_is_complete_valid_and_on_the_grid(name: str) -> None:
    entry = lookup(name)
    spec = resolve(name, entry.defaults)
    assert spec == resolve(name, {}) == resolve(name, spec.settings)
    assert set(spec.settings) == set(entry.fields)
    for coordinate, values in entry.grid.items():
        assert coordinate in entry.start
        assert entry.start[coordinate] in values
        assert list(values) == sorted(set(values))
        if coordinate not in RUN_COORDINATES:
            for value in values:
                assert resolve(name, {coordinate: value}).settings[coordinate] == value


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_says_what_it_is(name: str) -> None:
    entry = lookup(name)
    assert entry.name == name
    assert entry.summary.endswith(".")
    assert entry.paper
    assert set(entry.run) <= set(RUN_COORDINATES)
    assert all(resolve(name, preset) for preset in entry.presets.values())
    static, traced = split_static(resolve(name, {}))
    assert static.keys() == entry.static
    assert all(isinstance(value, float) for value in traced.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_hyperparameter_has_a_meaning(name: str) -> None:
    for field, info in lookup(name).fields.items():
        metadata = getattr(info.type, "__metadata__", ())
        assert any(item.description for item in metadata), field


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.9}, "unknown hyperparameter of adamw 'beta'; did you mean 'beta2'?"),
        ({"beta1": 1.0}, "adamw beta1 must be float < 1.0, got 1.0"),
        ({"learning_rate": 0.0}, "adamw learning_rate must be float > 0.0, got 0.0"),
        ({"learning_rate": float("nan")}, "adamw learning_rate must be a finite number, got nan"),
        ({"beta1": "0.9"}, "adamw beta1 must be float, got '0.9'"),
        ({"beta1": True}, "adamw beta1 must be float, got True"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(settings: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve("adamw", settings)
    assert str(caught.value) == message


def test_an_unknown_optimizer_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown optimizer 'addamw'; did you mean 'adamw'"):
        resolve("addamw", {})


def test_integers_become_floats() -> None:
    assert repr(resolve("adamw", {"max_grad_norm": 2}).settings["max_grad_norm"]) == "2.0"


# ---- the transform


@pytest.mark.parametrize(
    ("name", "field"), [one for one in FIELDS if one[1] not in lookup(one[0]).static]
)
def test_every_traced_hyperparameter_moves_the_weights(trained: Any, name: str, field: str) -> None:
    entry, context = lookup(name), CONTEXT.get(name, {})
    seen = []
    for settings in (context, {**context, field: another(entry, field, context)}):
        params, state = trained(name, **settings)
        seen.append((params, entry.evaluation_params(state, params)))
    base, other = seen
    # On the host: as arrays of JAX all of these comparisons are programs, for 231 trees.
    same = jax.tree.map(np.array_equal, *jax.device_get((base, other)))
    assert not all(jax.tree.leaves(same))


@pytest.mark.parametrize(
    ("name", "field"), [one for one in FIELDS if one[1] in lookup(one[0]).static]
)
def test_every_static_hyperparameter_changes_the_program(
    traced: Any, name: str, field: str
) -> None:
    """Told from the traced program: compiling each of them is a third of these tests' time."""
    entry, context = lookup(name), CONTEXT.get(name, {})
    other = {**context, field: another(entry, field, context)}
    assert traced(name, **other) != traced(name, **context)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_twice_to_the_bit(
    train: Any, trained: Any, program: Any, traced: Any, name: str
) -> None:
    assert program(name) == traced(name)
    assert_trees_equal(train(name), trained(name))


@pytest.mark.parametrize("name", NAMES)
def test_state_and_updates_keep_structure_and_type(stepper: Any, random: Any, name: str) -> None:
    one = stepper(name)
    for kind in (jnp.float32, jnp.bfloat16):
        params = jax.tree.map(lambda x, kind=kind: x.astype(kind), random(0))
        state = jax.eval_shape(one.init, params)
        after = jax.eval_shape(one.step, one.traced, params, state, params, 0)
        same = jax.tree.map(
            lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), (params, state), after
        )
        assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", NAMES)
def test_a_population_is_its_members(stepper: Any, random: Any, name: str) -> None:
    one = stepper(name)
    factors = (1.0, 0.5)
    members = [{k: np.float32(v * factor) for k, v in one.traced.items()} for factor in factors]
    singles = []
    step = one.compiled
    for member in members:
        params, state = random(0), one.init(random(0))
        for count in range(3):
            params, state = step(member, random(count), state, params, count)
        singles.append(params)
    together = jax.jit(jax.vmap(one.step, in_axes=(0, None, 0, 0, None)))
    traced = jax.tree.map(lambda *x: jnp.stack(x), *members)
    params, state = jax.tree.map(lambda x: jnp.stack([x, x]), (random(0), one.init(random(0))))
    for count in range(3):
        params, state = together(traced, random(count), state, params, count)
    assert_trees_equal(params, jax.tree.map(lambda *x: jnp.stack(x), *singles), atol=3e-5)


@pytest.mark.parametrize("name", NAMES)
def test_state_survives_a_round_trip_through_numpy(stepper: Any, random: Any, name: str) -> None:
    one = stepper(name)
    step = one.compiled
    params, state = random(0), one.init(random(0))
    params, state = step(one.traced, random(1), state, params, 0)
    saved = jax.tree.map(np.asarray, (params, state))
    assert_trees_equal(
        step(one.traced, random(2), state, params, 1),
        step(one.traced, random(2), saved[1], saved[0], 1),
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_goes_down_a_quadratic(stepper: Any, random: Any, name: str) -> None:
    # Dion2 moves a quarter of the rows at each step; SOAP-Muon whitens the noise too; SPlus divides
    # its rate by the width.
    rate = {"dion2": 0.08, "soap_muon": 0.04, "splus": 0.2}.get(name, 0.02)
    one = stepper(name, learning_rate=rate, weight_decay=0.0)
    target, params = random(1), random(0)
    state, step = one.init(params), one.compiled

    def loss(x: Any) -> float:
        squares = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), x, target)
        return float(sum(jax.tree.leaves(squares)))

    before = loss(params)
    for count in range(60):
        noise = random(1000 + count, scale=0.3)
        grads = jax.tree.map(lambda a, b, n: 2 * (a - b) + n, params, target, noise)
        params, state = step(one.traced, grads, state, params, count)
    assert loss(params) < 0.8 * before


@pytest.mark.parametrize("name", NAMES)
def test_zero_gradients_move_only_what_decays(stepper: Any, random: Any, name: str) -> None:
    decays = name not in FIXED_NORM
    one = stepper(name, weight_decay=0.1 if decays else 0.0)
    params, step = random(0), one.compiled
    after, state = params, one.init(params)
    for count in range(3):
        after, state = step(one.traced, random(0, scale=0.0), state, after, count)
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), params, after)
    assert moved["layers"] == {"down": decays, "norm": False, "q": decays, "up": decays}
    assert (moved["embedding"], moved["head"], moved["norm"]) == (False, decays, False)


@pytest.mark.parametrize("name", NAMES)
def test_every_role_is_covered(stepper: Any, name: str) -> None:
    labels = {role: Label(role=role, kind=role) for role in ROLES}
    params = {role: jnp.ones((4,) if role == "vector" else (4, 4)) for role in ROLES}
    one = stepper(name, labels)
    state = one.init(params)
    after, _ = jax.eval_shape(one.step, one.traced, params, state, params, 0)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, params)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_labels_must_match(stepper: Any, random: Any, name: str) -> None:
    params = random(0)
    del params["head"]
    with pytest.raises(UserError, match="exactly one label; the trees differ at 'head'"):
        stepper(name).init(params)
