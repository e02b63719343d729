"""`optimizer` in other people's programs: what optax users expect, and the trainer's numbers."""

import inspect
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tests.compiling import FUSED_AS_USERS

import bestiary.optimizers
from bestiary import models
from bestiary.errors import UserError
from bestiary.optimizers import (
    CATALOGUE,
    adamw,
    evaluation_params,
    lookup,
    muon,
    optimizer,
    resolve,
    roles,
    split_static,
)
from bestiary.specs import DataSpec, Label, ModelSpec, RunSpec, ScheduleSpec
from bestiary.train._schedules import factor
from bestiary.train._step import Hyper, hyper, recipe, start, take_step

MODEL = ModelSpec(
    layers=1, hidden=8, intermediate=16, heads=1, key_value_heads=1, context=8, vocabulary=32
)
PARAMS = {
    "embedding": jnp.ones((12, 8)),
    "blocks": {"up": jnp.ones((8, 16)), "bias": jnp.ones(16), "scale": jnp.ones(())},
    "lm_head": {"kernel": jnp.ones((8, 12))},
}
ROLES = {
    "embedding": "embedding",
    "blocks": {"up": "hidden_matrix", "bias": "vector", "scale": "vector"},
    "lm_head": {"kernel": "head"},
}

fused_jit = partial(jax.jit, compiler_options=FUSED_AS_USERS)


def gradients(params: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape), x.dtype), params)


def stepped(
    transform: Any, params: Any = PARAMS, steps: int = 4, jit: Any = jax.jit
) -> tuple[Any, Any]:
    """Parameters and state after some compiled steps on random gradients."""

    @jit
    def step(grads: Any, state: Any, params: Any) -> Any:
        updates, state = transform.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    state = transform.init(params)
    for count in range(steps):
        params, state = step(gradients(params, count), state, params)
    return params, state


def assert_equal(left: Any, right: Any, atol: float = 0.0) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=atol), left, right)


# ---- the numbers


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adamw", "muon", "schedule_free"])
def test_its_numbers_are_the_trainers_to_the_bit(name: str) -> None:
    """The same model, data and schedule: once as the trainer steps, once as an optax program."""
    run = RunSpec(
        model=MODEL,
        data=DataSpec(name="text", digest="0" * 64),
        optimizer=resolve(name, {"learning_rate": 0.01}),
        schedule=ScheduleSpec(kind="linear", warmup_steps=2.0),
        batch_size=2,
        steps=10,
        seed=3,
        evaluate_every=10,
    )
    of, data = recipe(run), hyper(run)
    rng = np.random.default_rng(0)
    batches = jnp.asarray(rng.integers(0, 32, (5, 2, 9)), jnp.int32)
    params, state = jax.jit(partial(start, of))(data)

    @fused_jit
    def trained(params: Any, state: Any, hyper: Hyper, tokens_BS: Any, step: Any) -> Any:
        return take_step(of, params, state, hyper=hyper, tokens_BS=tokens_BS, step=step)[:2]

    def rate(step: Any) -> Any:
        return data.optimizer["learning_rate"] * factor("linear", step, **data.schedule)

    own = optimizer(name, rate, labels=models.labels(MODEL))

    @fused_jit
    def ours(params: Any, state: Any, tokens_BS: Any) -> Any:
        grads = jax.grad(of.loss)(params, tokens_BS)
        updates, state = own.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    mine, own_state = params, own.init(params)
    for step, tokens_BS in enumerate(batches):
        params, state = trained(params, state, data, tokens_BS, jnp.int32(step))
        mine, own_state = ours(mine, own_state, tokens_BS)
        assert_equal(mine, params)
    assert_equal(evaluation_params(own_state, mine), of.entry.evaluation_params(state, params))


@pytest.mark.slow
def test_a_schedule_is_a_learning_rate() -> None:
    schedule = optax.linear_schedule(0.02, 0.0, 8)
    _, state = stepped(muon(schedule), steps=4)
    assert float(state.hyperparameters["learning_rate"]) == pytest.approx(0.02 * 5 / 8)
    after, _ = stepped(muon(optax.constant_schedule(0.02)), jit=fused_jit)
    assert_equal(after, stepped(muon(0.02), jit=fused_jit)[0], atol=1e-6)


@pytest.mark.slow
def test_it_runs_in_a_scan_and_in_a_chain() -> None:
    transform = optax.chain(optax.clip(1.0), muon(0.02), optax.scale(0.5))

    def step(carry: Any, grads: Any) -> Any:
        params, state = carry
        updates, state = transform.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    every = [gradients(PARAMS, count) for count in range(4)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *every)
    (scanned, _), _ = jax.lax.scan(step, (PARAMS, transform.init(PARAMS)), stacked)
    assert_equal(scanned, stepped(transform)[0], atol=1e-5)


@pytest.mark.slow
def test_numbers_may_be_traced() -> None:
    """A sweep is a `vmap` over them."""
    grads = gradients(PARAMS, 0)

    @jax.jit
    def after(rate: Any, momentum: Any) -> Any:
        transform = muon(rate, momentum=momentum)
        return transform.update(grads, transform.init(PARAMS), PARAMS)[0]

    swept = jax.vmap(after)(jnp.array([0.01, 0.02]), jnp.array([0.8, 0.9]))
    assert_equal(jax.tree.map(lambda x: x[1], swept), after(0.02, 0.9), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["schedule_free", "splus", "adamw"])
def test_the_weights_to_evaluate_come_from_the_state_of_any_program(name: str) -> None:
    transform = optax.chain(optax.clip(1.0), optimizer(name, 0.02, labels=ROLES))
    params, state = stepped(transform)
    inner = lookup(name).evaluation_params(state[1].inner, params)
    assert_equal(evaluation_params(state, params), inner)
    shapes = jax.tree.map(jnp.shape, evaluation_params(state, params))
    assert shapes == jax.tree.map(jnp.shape, params)


@pytest.mark.slow
def test_numbers_injected_by_optax_are_those_of_the_step() -> None:
    """`inject_hyperparams` makes arrays of all numbers, and takes those changed in its state."""
    grads = gradients(PARAMS, 0)
    schedule = optax.linear_schedule(0.02, 0.0, 8)
    injected = optax.inject_hyperparams(adamw)(learning_rate=schedule, beta1=0.8)
    state = injected.init(PARAMS)
    assert float(state.hyperparams["learning_rate"]) == pytest.approx(0.02)
    plain = adamw(schedule, beta1=0.8)
    expected, _ = plain.update(grads, plain.init(PARAMS), PARAMS)
    assert_equal(injected.update(grads, state, PARAMS)[0], expected)
    state.hyperparams["weight_decay"] = jnp.float32(5.0)
    other = adamw(schedule, beta1=0.8, weight_decay=5.0)
    expected, _ = other.update(grads, other.init(PARAMS), PARAMS)
    assert_equal(injected.update(grads, state, PARAMS)[0], expected)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_optimizer_can_be_injected(name: str) -> None:
    injected = optax.inject_hyperparams(getattr(bestiary.optimizers, name))(learning_rate=0.01)
    state = jax.eval_shape(injected.init, PARAMS)
    assert set(state.hyperparams) == set(lookup(name).fields) - lookup(name).static


def test_what_is_static_cannot_be_injected() -> None:
    with pytest.raises(
        UserError, match=r"must be a Python value, .* static_args=\(\"iterations\",\)"
    ):
        optax.inject_hyperparams(muon)(learning_rate=0.01, iterations=3).init(PARAMS)


def test_a_state_of_somebody_else_has_no_weights_to_evaluate() -> None:
    with pytest.raises(UserError, match=r"that of one optimizer\(...\), got 0"):
        evaluation_params(optax.adam(0.1).init(PARAMS), PARAMS)


# ---- constructors


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_optimizer_is_a_function_of_its_name(name: str) -> None:
    make = getattr(bestiary.optimizers, name)
    assert make is getattr(bestiary.optimizers, name)
    assert name in dir(bestiary.optimizers)
    signature, entry = inspect.signature(make), lookup(name)
    assert list(signature.parameters)[:3] == ["learning_rate", "labels", "layout"]
    assert set(entry.fields) <= set(signature.parameters)
    assert all(f"    {field}: " in make.__doc__ for field in entry.fields)
    shown = {key: repr(one.default) for key, one in signature.parameters.items()}
    assert all(shown[key] == repr(entry.defaults[key]) for key in entry.static)
    assert isinstance(make(0.01), optax.GradientTransformationExtraArgs)


def test_what_is_no_optimizer_cannot_be_imported() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'muonn'"):
        bestiary.optimizers.muonn  # noqa: B018


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: muon(0.02, momentum=1.5), "muon momentum must be float < 1.0, got 1.5"),
        (lambda: muon(-0.02), "muon learning_rate must be float > 0.0, got -0.02"),
        (lambda: muon("fast"), "muon learning_rate must be float, got 'fast'"),
        (lambda: muon(0.02, moment=0.9), "unknown hyperparameter of muon 'moment'; did you"),
        (lambda: muon(0.02, layout="torch"), "unknown layout 'torch'; known: in_out, out_in"),
        (lambda: optimizer("muonn", 0.02), "unknown optimizer 'muonn'; did you mean 'muon'?"),
        (
            lambda: CATALOGUE["muon"].hyperparameters(momentum=1.5),
            "Muon momentum must be float < 1.0, got 1.5",
        ),
    ],
)
def test_mistakes_are_told_where_they_are_made(make: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert str(caught.value).startswith(message)


def test_what_update_needs_is_told() -> None:
    transform = muon(0.02)
    forgotten = "update needs the parameters, got none"
    with pytest.raises(UserError, match=forgotten):
        transform.update(PARAMS, transform.init(PARAMS))
    entry = lookup("muon")
    built = entry.build(entry.hyperparameters(), {"w": Label(role="vector", kind="w")})
    params = {"w": jnp.ones(3)}
    with pytest.raises(UserError, match=forgotten):
        built.update(params, built.init(params), step=0)
    with pytest.raises(UserError, match="needs step=, the steps taken before, got none"):
        built.update(params, built.init(params), params)


# ---- labels


@pytest.mark.slow
@pytest.mark.parametrize("labels", [ROLES, lambda params: ROLES])
def test_labels_may_be_roles_or_a_function(labels: Any) -> None:
    assert_equal(stepped(muon(0.02, labels=labels))[0], stepped(muon(0.02))[0])


def test_roles_are_printed_before_anything_is_trained() -> None:
    shapes = jax.eval_shape(lambda: {**PARAMS, "experts": jnp.ones((2, 8, 16))})
    found = roles(shapes)
    assert found.unclear == ("experts",)
    assert str(found).splitlines() == [
        "role           parameter       shape       how it is known",
        "vector         blocks/bias     (16,)       one axis",
        "vector         blocks/scale    ()          a number",
        "hidden_matrix  blocks/up       (8, 16)     a matrix",
        "embedding      embedding       (12, 8)     its name",
        "?              experts         (2, 8, 16)  3 axes",
        "head           lm_head/kernel  (8, 12)     its name",
    ]


def test_a_choice_comes_before_name_and_shape() -> None:
    stack = Label(role="hidden_matrix", kind="experts", layers=2)
    params = {**PARAMS, "experts": jnp.ones((2, 8, 16))}
    found = roles(params, lambda path, leaf: stack if leaf.ndim == 3 else None)
    assert not found.unclear
    assert found.labels["experts"] == stack
    assert found.reasons["experts"] == "chosen"
    state = jax.eval_shape(muon(0.02, labels=found).init, params)
    assert set(state.inner["muon"]) == {"blocks/up", "experts"}
    with pytest.raises(UserError, match="unknown role of the parameter 'blocks/up' 'hidden'"):
        roles(params, lambda path, leaf: "hidden" if path == "blocks/up" else None)


def test_a_number_of_python_is_a_parameter() -> None:
    assert roles({"scale": 1.0}).labels["scale"].role == "vector"


def test_labels_are_read_from_names_and_shapes() -> None:
    state = muon(0.02).init(PARAMS)
    assert set(state.inner["muon"]) == {"blocks/up"}


@pytest.mark.parametrize(
    ("params", "labels", "message"),
    [
        ({"layers": {"q": jnp.ones((3, 8, 8))}}, None, "cannot tell what the parameter 'layers/q'"),
        ({"norm": jnp.ones((3, 8))}, None, r"of shape \(3, 8\) is for; pass labels="),
        ({"embed_head": jnp.ones((8, 8))}, None, "cannot tell what the parameter 'embed_head'"),
        ({f"head_{k}": jnp.ones((8, 8)) for k in "ab"}, None, "cannot tell what .* 'head_b'"),
        ({"w": jnp.ones((8, 8))}, {"w": "hidden"}, "unknown role of the parameter 'w' 'hidden'"),
        ({"w": jnp.ones((8, 8))}, {"v": "vector"}, "exactly one label; the trees differ at 'v'"),
        ({"attn": {"c_attn": jnp.ones((8, 24))}}, None, "is a qkv, several matrices side by side"),
        ({"w": jnp.ones((3, 8, 8))}, {"w": "hidden_matrix"}, r"shape \(fan_in, fan_out\)"),
    ],
)
def test_parameters_that_could_be_anything_are_refused(
    params: Any, labels: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        muon(0.02, labels=labels).init(params)


# ---- orientation


@pytest.mark.slow
@pytest.mark.parametrize("name", ["muon", "schedule_free", "adam_mini"])
def test_matrices_stored_the_other_way_round_are_updated_as_if_turned(name: str) -> None:
    def turn(tree: Any) -> Any:
        blocks = {**tree["blocks"], "up": tree["blocks"]["up"].T}
        return {**tree, "blocks": blocks, "lm_head": {"kernel": tree["lm_head"]["kernel"].T}}

    one, other = optimizer(name, 0.02), optimizer(name, 0.02, layout="out_in")
    params, state = PARAMS, one.init(PARAMS)
    turned, mirrored = turn(PARAMS), other.init(turn(PARAMS))
    for count in range(3):
        grads = gradients(PARAMS, count)
        updates, state = one.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        updates, mirrored = other.update(turn(grads), mirrored, turned)
        turned = optax.apply_updates(turned, updates)
    assert_equal(turn(turned), params)
    assert_equal(turn(evaluation_params(mirrored, turned)), evaluation_params(state, params))


@pytest.mark.parametrize(
    ("change", "layout", "path"),
    [
        ({"lm_head": {"kernel": jnp.ones((12, 8))}}, "in_out", "lm_head/kernel"),
        ({"blocks": {"up_proj": jnp.ones((16, 8))}}, "in_out", "blocks/up_proj"),
        ({"blocks": {"down": jnp.ones((16, 8))}}, "out_in", "blocks/down"),
    ],
)
def test_shapes_that_contradict_the_layout_are_refused(change: Any, layout: Any, path: str) -> None:
    params = {"embedding": PARAMS["embedding"], **change}
    with pytest.raises(UserError, match=f"{path!r} of shape .* is not stored {layout!r}"):
        muon(0.02, layout=layout).init(params)


# ---- numbers as parameters


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_number_is_a_vector_of_length_one(stepper: Any, name: str) -> None:
    """Also one for each layer of a stack: no rule may take them for one vector."""
    presets = {"scion": "official"}
    settings = lookup(name).presets.get(presets.get(name, ""), {})
    alone = Label(role="vector", kind="scale")
    stack = Label(role="vector", kind="scale", layers=3)
    shapes = {"number": (), "vector": (1,), "numbers": (3,), "vectors": (3, 1)}
    ones = {
        kind: stepper(name, {"s": stack if kind.endswith("s") else alone}, **settings)
        for kind in shapes
    }

    @jax.jit
    def step(traced: Any, grads: Any, states: Any, params: Any, count: Any) -> Any:
        """Every kind by itself; in one program, because compiling is what takes time."""
        after = {
            kind: one.step(traced, {"s": grads[kind]}, states[kind], params[kind], count)
            for kind, one in ones.items()
        }
        return {kind: p for kind, (p, _) in after.items()}, {k: s for k, (_, s) in after.items()}

    params = {kind: {"s": jnp.ones(shape)} for kind, shape in shapes.items()}
    states = {kind: one.init(params[kind]) for kind, one in ones.items()}
    for count, row in enumerate(np.random.default_rng(0).standard_normal((5, 3))):
        grads = {
            kind: jnp.asarray(row[: max(shape, default=1)], jnp.float32).reshape(shape)
            for kind, shape in shapes.items()
        }
        params, states = step(ones["number"].traced, grads, states, params, count)
    after = {
        kind: lookup(name).evaluation_params(states[kind], params[kind])["s"] for kind in shapes
    }
    assert after["number"].shape == ()
    np.testing.assert_array_equal(after["number"], after["vector"][0])
    np.testing.assert_array_equal(after["numbers"], after["vectors"][:, 0])


@pytest.mark.parametrize("name", ["kron", "soap", "shampoo", "splus"])
def test_an_embedding_that_is_no_matrix_is_refused(name: str) -> None:
    params = {"positions": jnp.ones(12)}
    with pytest.raises(UserError, match="the embedding 'positions' must be a matrix"):
        optimizer(name, 0.01, labels={"positions": "embedding"}).init(params)


def test_what_is_static_is_no_data() -> None:
    static, numbers = split_static(resolve("muon", {}))
    state = muon(0.02).init(PARAMS)
    assert set(state.hyperparameters) == set(numbers)
    assert not set(state.hyperparameters) & set(static)
