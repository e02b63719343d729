"""Every rule follows the implementation that others published, where that can be installed.

The packages are those of the extra `references`; without them these tests skip. Gradients are
recorded, not of a model, and both sides are in float64.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bestiary.specs import Label

STEPS = 40
RATE, DECAY = 0.02, 0.1
# As others store them: a matrix is (out, in).
SHAPES = {"matrix": (8, 8), "vector": (6,), "scalar": ()}
ROLES = {"matrix": "hidden_matrix", "vector": "vector", "scalar": "vector"}
LABELS = {name: Label(role=role, kind=name) for name, role in ROLES.items()}
MATRIX = {"matrix": LABELS["matrix"]}
MATRICES = ((8, 8), (6, 10), (10, 6))
# Where epsilon stands does not matter when it is this small.
TINY = 1e-20


def problem(shapes: dict[str, tuple[int, ...]]) -> tuple[Any, list[Any]]:
    """A start, and gradients that shrink."""
    rng = np.random.default_rng(7)

    def draw(scale: float) -> dict[str, np.ndarray]:
        return {
            name: np.asarray(scale * rng.standard_normal(shape)) for name, shape in shapes.items()
        }

    return draw(0.5), [draw(0.3 / (1 + step / 10)) for step in range(STEPS)]


def turned(arrays: Any) -> Any:
    """Between (out, in) and (fan_in, fan_out); of an embedding both are (vocabulary, hidden)."""
    return {
        name: jnp.asarray(leaf.T if leaf.ndim == 2 and name != "embed.weight" else leaf)
        for name, leaf in arrays.items()
    }


def ours(
    stepper: Any,
    name: str,
    labels: Any,
    shapes: Any,
    settings: Any,
    begun: Callable[[Any], Any] = lambda state: state,
) -> list[Any]:
    """The parameters after every step, by this repository; `begun` of the state after the first."""
    start, grads = problem(shapes)
    rates = {"learning_rate": RATE, "weight_decay": DECAY, "max_grad_norm": 0.0}
    with jax.enable_x64(True):
        one = stepper(name, labels, **{**rates, **settings})
        params = turned(start)
        state, seen = one.init(params), []
        for count, grad in enumerate(grads):
            params, state = one.compiled(one.traced, turned(grad), state, params, count)
            state = state if seen else begun(state)
            seen.append(jax.tree.map(np.asarray, turned(params)))
    return seen


@pytest.fixture
def torch() -> Any:
    """The package, with everything it makes in float64, also where it iterates in bfloat16."""
    package = pytest.importorskip("torch", reason="needs the extra `references`")
    package.set_default_dtype(package.float64)
    with pytest.MonkeyPatch.context() as patch:
        for narrower in ("bfloat16", "float"):
            patch.setattr(package.Tensor, narrower, lambda self: self.clone())
        yield package
    package.set_default_dtype(package.float32)


def theirs(
    torch: Any,
    make: Callable[[Any], Any],
    shapes: Any,
    *,
    named: bool = False,
    decay: float = DECAY,
    watch: Callable[[Any, Any], None] | None = None,
) -> Any:
    """The parameters after every step, by an optimizer of torch.

    Matrices alone decay; `watch` sees the optimizer and its tensors after the first step.
    """
    start, grads = problem(shapes)
    tensors = {name: torch.nn.Parameter(torch.from_numpy(x.copy())) for name, x in start.items()}
    decays = {"matrix": decay}
    groups = [{"params": [x], "weight_decay": decays.get(k, 0.0)} for k, x in tensors.items()]
    optimizer = make(list(tensors.items()) if named else groups)
    if hasattr(optimizer, "train"):
        optimizer.train()
    seen = []
    for grad in grads:
        for name, tensor in tensors.items():
            tensor.grad = torch.from_numpy(np.array(grad[name]))
        optimizer.step()
        if watch and not seen:
            watch(optimizer, tensors)
        seen.append({name: x.detach().numpy().copy() for name, x in tensors.items()})
    return seen


def assert_equal(left: list[Any], right: list[Any], tolerance: float) -> None:
    for a, b in zip(left, right, strict=True):
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=0, atol=tolerance, err_msg=name)


# Package, class, its arguments; our optimizer, its settings; the parameters covered; tolerance.
CASES: list[tuple[str, str, dict[str, Any], str, dict[str, Any], dict[str, Label], float]] = [
    (
        "torch.optim",
        "AdamW",
        {"betas": (0.9, 0.95)},
        "adamw",
        {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8},
        LABELS,
        1e-12,
    ),
    (
        "torch.optim",
        "NAdam",
        {"betas": (0.95, 0.98), "momentum_decay": 1e9, "decoupled_weight_decay": True},
        "nadamw",
        {"beta1": 0.95, "beta2": 0.98, "epsilon": 1e-8},
        LABELS,
        1e-12,
    ),
    (
        "lion_pytorch",
        "Lion",
        {"betas": (0.9, 0.95)},
        "lion",
        {"beta1": 0.9, "beta2": 0.95},
        LABELS,
        1e-12,
    ),
    (
        "pytorch_optimizer",
        "SignSGD",
        {"momentum": 0.9},
        "signum",
        {"beta1": 0.9},
        LABELS,
        1e-12,
    ),
    (
        "schedulefree",
        "AdamWScheduleFreeReference",
        {"betas": (0.9, 0.98)},
        "schedule_free",
        {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8},
        LABELS,
        1e-12,
    ),
    (
        "pytorch_optimizer",
        "AdEMAMix",
        {"alpha": 5.0, "t_alpha_beta3": 20, "eps": TINY, "weight_decouple": True},
        "ademamix",
        {"beta1": 0.9, "alpha": 5.0, "slow_warmup_steps": 20.0, "epsilon": TINY},
        LABELS,
        1e-12,
    ),
    (
        "pytorch_optimizer",
        "MARS",
        {"betas": (0.95, 0.99), "eps": TINY, "weight_decay_1d": 0.0, "lr_1d": RATE},
        "mars",
        {"flavour": "official", "beta2": 0.99, "epsilon": TINY},
        LABELS,
        # It adds 1e-15 to the second moment.
        1e-8,
    ),
]


@pytest.mark.parametrize(
    ("package", "kind", "arguments", "name", "settings", "labels", "tolerance"),
    CASES,
    ids=[f"{case[0]}.{case[1]}" for case in CASES],
)
def test_follows(
    stepper: Any,
    torch: Any,
    package: str,
    kind: str,
    arguments: Any,
    name: str,
    settings: Any,
    labels: Any,
    tolerance: float,
) -> None:
    module = pytest.importorskip(package, reason="needs the extra `references`")
    shapes = {leaf: SHAPES[leaf] for leaf in labels}
    make = getattr(module, kind)
    reference = theirs(torch, lambda groups: make(groups, lr=RATE, **arguments), shapes)
    assert_equal(ours(stepper, name, labels, shapes, settings), reference, tolerance)


@pytest.mark.parametrize("scale", ["original", "match_rms_adamw"])
@pytest.mark.parametrize("shape", MATRICES)
def test_follows_muon_of_torch(stepper: Any, torch: Any, scale: str, shape: Any) -> None:
    shapes = {"matrix": shape}
    settings = {
        "momentum": 0.95,
        "iterations": 5,
        "matrix_epsilon": TINY,
        "scale": {"original": "aspect", "match_rms_adamw": "rms"}[scale],
        "form": "mean",
    }

    def make(groups: Any) -> Any:
        return torch.optim.Muon(groups, lr=RATE, momentum=0.95, eps=TINY, adjust_lr_fn=scale)

    reference = theirs(torch, make, shapes)
    assert_equal(ours(stepper, "muon", MATRIX, shapes, settings), reference, 1e-12)


# Class of pytorch_optimizer, its arguments; our optimizer, its settings.
SPECTRAL: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "NorMuon": (
        {"momentum": 0.95, "beta2": 0.9, "eps": TINY},
        "normuon",
        {"momentum": 0.95, "neuron_beta": 0.9, "neuron_epsilon": TINY},
    ),
    "AdaMuon": (
        {"betas": (0.9, 0.95), "eps": 1e-8},
        "adamuon",
        {"momentum": 0.9, "nesterov": False, "sign": False, "entry_beta": 0.95},
    ),
}


@pytest.mark.parametrize("kind", SPECTRAL)
@pytest.mark.parametrize("shape", MATRICES)
def test_follows_muons_relatives(stepper: Any, torch: Any, kind: str, shape: Any) -> None:
    package = pytest.importorskip("pytorch_optimizer", reason="needs the extra `references`")
    base = pytest.importorskip("pytorch_optimizer.optimizer.utils.matrix")
    arguments, name, settings = SPECTRAL[kind]

    def make(groups: Any) -> Any:
        muon = [{**group, "use_muon": True} for group in groups]
        return getattr(package, kind)(muon, lr=RATE, foreach=False, **arguments)

    iterate = base.zero_power_via_newton_schulz_5
    with pytest.MonkeyPatch.context() as patch:
        # Its iteration is in bfloat16 by default, and bounds the norm by 1e-7 where we add.
        precise = tuple(
            {torch.bfloat16: torch.float64, 1e-7: TINY}.get(value, value)
            for value in iterate.__defaults__
        )
        patch.setattr(iterate, "__defaults__", precise)
        reference = theirs(torch, make, {"matrix": shape})
    settings = {"form": "mean", "iterations": 5, "matrix_epsilon": TINY, **settings}
    assert_equal(ours(stepper, name, MATRIX, {"matrix": shape}, settings), reference, 1e-11)


# Class of pytorch_optimizer, its arguments and bases; our optimizer, its settings; tolerance.
IN_BASES: dict[str, tuple[dict[str, Any], str, str, dict[str, Any], float]] = {
    "SOAP": (
        {"betas": (0.95, 0.95), "precondition_frequency": 5},
        "Q",
        "soap",
        {"flavour": "official", "block_size": 0, "epsilon": 1e-8},
        # Its QR decomposition is in float32.
        1e-7,
    ),
    # It decays last, which is another rule.
    "SPlus": (
        {"lr": 0.3, "betas": (0.9, 0.95), "inverse_steps": 5},
        "q_sides",
        "splus",
        {"learning_rate": 0.3, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.95},
        1e-11,
    ),
}


@pytest.mark.parametrize("kind", IN_BASES)
@pytest.mark.parametrize("shape", MATRICES)
def test_follows_in_the_same_bases(stepper: Any, torch: Any, kind: str, shape: Any) -> None:
    """The first Gram matrices have null spaces, so that the first bases must be given."""
    package = pytest.importorskip("pytorch_optimizer", reason="needs the extra `references`")
    arguments, bases, name, settings, tolerance = IN_BASES[kind]
    given: list[Any] = []

    def make(groups: Any) -> Any:
        return getattr(package, kind)(groups, **{"lr": RATE, **arguments})

    def watch(optimizer: Any, tensors: Any) -> None:
        given.extend(side.numpy().copy() for side in optimizer.state[tensors["matrix"]][bases])

    def begun(state: Any) -> Any:
        (key,) = state
        ((shape, basis),) = state[key].basis.items()
        # Theirs are of (out, in), ours of whichever side is shorter first.
        left, right = given if len(given[0]) < len(given[1]) else given[::-1]
        basis = basis._replace(left=jnp.asarray(left[None]), right=jnp.asarray(right[None]))
        return {key: state[key]._replace(basis={shape: basis})}

    reference = theirs(
        torch, make, {"matrix": shape}, decay=settings.get("weight_decay", DECAY), watch=watch
    )
    settings = {"precondition_frequency": 5, **settings}
    seen = ours(stepper, name, MATRIX, {"matrix": shape}, settings, begun)
    assert_equal(seen, reference, tolerance)


def test_follows_adopt(stepper: Any, torch: Any) -> None:
    """Its clipping counts one step more than the paper's; without decay that is the difference."""
    package = pytest.importorskip("pytorch_optimizer", reason="needs the extra `references`")

    def make(groups: Any) -> Any:
        return package.ADOPT(
            groups,
            lr=RATE,
            betas=(0.9, 0.99),
            clip_lambda=lambda step: (step - 1) ** 0.25,
            foreach=False,
        )

    settings = {"beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6, "weight_decay": 0.0}
    reference = theirs(torch, make, SHAPES, decay=0.0)
    assert_equal(ours(stepper, "adopt", LABELS, SHAPES, settings), reference, 1e-12)


def test_follows_adam_mini(stepper: Any, torch: Any) -> None:
    package = pytest.importorskip("adam_mini", reason="needs the extra `references`")
    shapes = {
        "embed.weight": (5, 8),
        "layers.0.self_attn.k_proj.weight": (4, 8),
        "layers.0.self_attn.q_proj.weight": (8, 8),
        "layers.0.mlp.down.weight": (8, 6),
        "lm_head.weight": (5, 8),
        "norm.weight": (8,),
    }
    labels = {
        "embed.weight": Label(role="embedding", kind="embedding"),
        "layers.0.self_attn.k_proj.weight": Label(role="hidden_matrix", kind="k", head_dim=2),
        "layers.0.self_attn.q_proj.weight": Label(role="hidden_matrix", kind="q", head_dim=2),
        "layers.0.mlp.down.weight": Label(role="hidden_matrix", kind="down"),
        "lm_head.weight": Label(role="head", kind="head"),
        "norm.weight": Label(role="vector", kind="norm"),
    }
    settings = {"flavour": "official", "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
    # It would decay the embedding, which here no rule does.
    settings["weight_decay"] = 0.0

    def make(named: Any) -> Any:
        return package.Adam_mini(named, lr=RATE, betas=(0.9, 0.95), dim=8, n_heads=4, verbose=False)

    reference = theirs(torch, make, shapes, named=True)
    seen = ours(stepper, "adam_mini", labels, shapes, settings)
    assert_equal(seen, reference, 1e-12)


def test_follows_sophia_of_optax(stepper: Any) -> None:
    """Estimating at every step, the two agree on when an estimate is used."""
    start, grads = problem(SHAPES)
    given = optax.GradientTransformationExtraArgs(
        lambda params: (), lambda updates, state, params=None, *, diagonal: (diagonal, state)
    )
    reference = optax.contrib.sophia(
        RATE,
        b1=0.9,
        b2=0.8,
        gamma=2.0,
        eps=0.01,
        weight_decay=0.0,
        update_interval=1,
        hessian_diagonal_fn=given,
    )
    settings = {"beta1": 0.9, "beta2": 0.8, "gamma": 2.0, "epsilon": 0.01, "weight_decay": 0.0}
    settings |= {"learning_rate": RATE, "max_grad_norm": 0.0, "curvature_frequency": 1}
    with jax.enable_x64(True):
        one = stepper("sophia", LABELS, **settings)

        @jax.jit
        def both(at: Any, grad: Any, diagonal: Any, count: Any) -> Any:
            params, state, mirrored, other = at
            params, state = one.step(
                one.traced, grad, state, params, count, curvature=known(diagonal)
            )
            step, other = reference.update(grad, other, mirrored, diagonal=diagonal)
            return params, state, optax.apply_updates(mirrored, step), other

        params = turned(start)
        at = params, one.init(params), params, reference.init(params)
        for count, (grad, diagonal) in enumerate(zip(grads, reversed(grads), strict=True)):
            at = both(at, turned(grad), turned(diagonal), count)
    params, _, mirrored, _ = at
    assert_equal([params], [mirrored], 1e-12)


def known(diagonal: Any) -> Any:
    """The curvature of a loss whose Hessian has this diagonal, whatever the probe z is."""

    class Known:
        key = jax.random.key(0)

        def hessian_vector(self, params: Any, z: Any) -> Any:
            return jax.tree.map(jnp.divide, diagonal, z)

    return Known()
