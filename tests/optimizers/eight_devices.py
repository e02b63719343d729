"""Takes steps with optimizers over eight virtual devices and on one, for a test.

python eight_devices.py OPTIMIZER... prints, for each, the largest difference of an update relative
to the largest update, and the collectives inside of loops; then what Muon exchanges, by kind, and
the same of matrices that are cut into blocks and joined again, with whether they stay the same.
"""

import json
import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bestiary import models, optimizers
from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._rules import Leaves
from bestiary.optimizers._whole_blocks import each_its_own
from bestiary.specs import Label, ModelSpec, Placement
from bestiary.train import collectives, optimizer_collectives
from bestiary.train._mesh import Ground

# No number of blocks, and hardly a side, divides by eight.
ODD = ModelSpec(
    layers=3,
    hidden=12,
    intermediate=20,
    heads=2,
    key_value_heads=1,
    context=4,
    vocabulary=34,
)
EVEN = ModelSpec(
    layers=4,
    hidden=64,
    intermediate=256,
    heads=1,
    key_value_heads=1,
    context=4,
    vocabulary=64,
)
STEPS = 3


class NoCurvature:
    """Curvature for what asks for it: the gradients themselves, whose square is what is read."""

    tokens = 1
    key = jax.random.key(0)

    def hessian_vector(self, params: Any, vector: Any) -> Any:
        return jax.tree.map(jnp.multiply, params, vector)

    def sampled_gradient(self, params: Any, key: Any) -> Any:
        return params


def trajectory(name: str, placement: Placement) -> tuple[list[Any], str]:
    entry = optimizers.lookup(name)
    # Eigenbases of the first gradients are not unique: they stay the identity.
    rare = {"precondition_frequency": 1000} if "precondition_frequency" in entry.fields else {}
    record = entry.hyperparameters(**{**entry.defaults, **rare})
    transform = entry.build(record, models.labels(ODD))
    params = jax.jit(partial(models.init, ODD))(jax.random.key(0))
    state = jax.jit(transform.init)(params)

    def step(params: Any, state: Any, grads: Any, now: Any) -> Any:
        more = {"curvature": NoCurvature()} if entry.needs_curvature else {}
        updates, state = transform.update(grads, state, params, step=now, **more)
        return updates, jax.tree.map(jnp.add, params, updates), state

    if placement.alone:
        program: Any = jax.jit(step)
        text = ""
    else:
        ground = Ground(placement)
        held = ground.params(ODD), ground.state(ODD, state)
        inputs = (*held, held[0], ground.whole)
        jitted = jax.jit(step, in_shardings=inputs, out_shardings=(held[0], *held))
        with jax.set_mesh(ground.mesh):
            program = jitted.lower(params, state, params, np.int32(0)).compile()
        text = program.as_text()
        params, state = jax.device_put((params, state), held)
    seen = []
    for now in range(1, 1 + STEPS):
        grads = jax.tree.map(partial(_drawn, np.random.default_rng(now)), params)
        updates, params, state = program(params, state, grads, np.int32(now))
        seen.append(jax.device_get(updates))
    return seen, text


def _drawn(rng: np.random.Generator, leaf: Any) -> np.ndarray:
    return rng.normal(size=leaf.shape).astype(np.float32)


def main(*names: str) -> None:
    found: dict[str, Any] = {}
    for name in names:
        one, _ = trajectory(name, Placement())
        eight, text = trajectory(name, Placement(data=2, shard=2, model=2))
        pairs = list(zip(jax.tree.leaves(one), jax.tree.leaves(eight), strict=True))
        largest = max(float(np.abs(a).max()) for a, _ in pairs)
        apart = max(float(np.abs(a - b).max()) for a, b in pairs)
        looped = [one.kind for one in collectives(text) if one.looped]
        found[name] = {"apart": apart / largest, "looped": looped}
        print(name, found[name], file=sys.stderr, flush=True)
    stated = optimizers.resolve("muon", {})
    found["exchanged"] = by_kind(optimizer_collectives(EVEN, stated, Placement(shard=8)))
    found["cut"] = cut_and_joined(block_size=32)
    print(json.dumps(found))


def by_kind(collected: list[Any]) -> dict[str, list[int]]:
    """Number and bytes."""
    rows: dict[str, list[int]] = {}
    for one in collected:
        row = rows.setdefault(one.kind, [0, 0])
        row[0] += 1
        row[1] += one.bytes
    return rows


def cut_and_joined(block_size: int) -> dict[str, Any]:
    """Twice every matrix, by blocks; rows of some are divided, columns of others."""
    ground = Ground(Placement(shard=8))
    shapes = models.init(EVEN, jax.random.key(0))
    labels = {jax.tree_util.keystr(p): leaf for p, leaf in named(models.labels(EVEN))}
    places = {jax.tree_util.keystr(p): leaf for p, leaf in named(ground.params(EVEN))}
    leaves = {
        path: leaf
        for p, leaf in named(shapes)
        if labels[path := jax.tree_util.keystr(p)].role != "vector"
    }

    def twice(leaves: Leaves) -> Leaves:
        layout = Layout(leaves, labels, block_size=block_size)
        return layout.scatter(each_its_own(doubled, layout.gather(leaves)))

    lying = {path: places[path] for path in leaves}
    with jax.set_mesh(ground.mesh):
        jitted = jax.jit(twice, in_shardings=(lying,), out_shardings=lying)
        program = jitted.lower(leaves).compile()
    found = program(jax.device_put(leaves, lying))
    same = all(np.array_equal(found[path], 2 * leaf) for path, leaf in leaves.items())
    return {"same": same, "exchanged": by_kind(collectives(program.as_text()))}


def named(tree: Any) -> list[tuple[Any, Any]]:
    return jax.tree.leaves_with_path(tree, is_leaf=lambda node: isinstance(node, Label))


def doubled(batches: Batches) -> Batches:
    return {name: 2 * x_GMN for name, x_GMN in batches.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
