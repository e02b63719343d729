"""A step, and the optimizer's part of it alone, as programs to count in: nothing runs.

Their arguments are shapes, and their devices may be those of a machine that is not there.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bestiary import optimizers
from bestiary.specs import ModelSpec, OptimizerSpec, Placement
from bestiary.train._collectives import Collective, collectives
from bestiary.train._compilation import without_compilation_cache
from bestiary.train._mesh import Ground
from bestiary.train._step import Recipe, abstract_hyper, gradient, start, take_step


def compiled_step(of: Recipe, ground: Ground) -> Any:
    """The whole step, as it is trained: its memory is what training takes."""
    params, state = held(of)
    tokens = jax.ShapeDtypeStruct((of.batch_size, of.model.context + 1), jnp.int32)

    def step(params: Any, state: Any, hyper: Any, tokens_BS: Any, now: Any) -> Any:
        return take_step(of, params, state, hyper=hyper, tokens_BS=tokens_BS, step=now)

    return compiled(
        ground,
        step,
        (params, state, abstract_hyper(of), tokens, _NUMBER),
        (*lying(of, ground), ground.whole, ground.rows(0), ground.whole),
        (*lying(of, ground), ground.whole),
        donated=(0, 1),
    )


def compiled_gradient(of: Recipe, ground: Ground) -> Any:
    """The loss and its gradient, which lies like the parameters: the part of no optimizer."""
    tokens = jax.ShapeDtypeStruct((of.batch_size, of.model.context + 1), jnp.int32)
    places = ground.params(of.model)
    return compiled(
        ground,
        partial(gradient, of),
        (held(of)[0], tokens),
        (places, ground.rows(0)),
        (ground.whole, places),
    )


def compiled_optimizer(of: Recipe, ground: Ground) -> Any:
    """The optimizer's part: from gradients that lie like the parameters to new parameters.

    What asks for curvature is given numbers that cost nothing.
    """
    params, state = held(of)
    places = lying(of, ground)

    def update(grads: Any, state: Any, params: Any, hyper: Any, now: Any) -> Any:
        extra = {"curvature": _FreeCurvature()} if of.entry.needs_curvature else {}
        transform = of.transform(hyper.optimizer)
        updates, state = transform.update(grads, state, params, step=now, **extra)
        return optax.apply_updates(params, updates), state

    return compiled(
        ground,
        update,
        (params, state, params, abstract_hyper(of), _NUMBER),
        (places[0], places[1], places[0], ground.whole, ground.whole),
        places,
        donated=(1, 2),
    )


def optimizer_collectives(
    model: ModelSpec, optimizer: OptimizerSpec, placement: Placement
) -> list[Collective]:
    """The collectives of an optimizer's part of a step, in the program for a mesh.

    Args:
        model: The shape of the model.
        optimizer: Completely stated.
        placement: A mesh of devices that JAX has here, virtual ones too.
    """
    static, _ = optimizers.split_static(optimizer)
    of = Recipe(
        model=model,
        optimizer=optimizer.name,
        static=tuple(sorted(static.items())),
        schedule="constant",
        batch_size=1,
        accumulation=1,
        micro_batches=1,
        compute_dtype="float32",
    )
    return collectives(compiled_optimizer(of, Ground(placement)).as_text())


def held(of: Recipe) -> tuple[Any, Any]:
    """The shapes of parameters and state."""
    params, state = jax.eval_shape(partial(start, of), abstract_hyper(of))
    return params, state


def lying(of: Recipe, ground: Ground) -> tuple[Any, Any]:
    """Where parameters and state lie."""
    return ground.params(of.model), ground.state(of.model, held(of)[1])


def compiled(
    ground: Ground,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    places: tuple[Any, ...],
    out: Any,
    *,
    donated: tuple[int, ...] = (),
) -> Any:
    """A function, compiled for the devices of a mesh."""
    jitted = jax.jit(function, in_shardings=places, out_shardings=out, donate_argnums=donated)
    absent = without_compilation_cache() if ground.among else nullcontext()
    with jax.set_mesh(ground.mesh), absent:
        return jitted.lower(*arguments).compile()


_NUMBER = jax.ShapeDtypeStruct((), jnp.int32)


class _FreeCurvature:
    """Curvature that costs nothing, of the right shapes."""

    tokens = 1

    def __init__(self) -> None:
        self.key = jax.random.key(0)

    def hessian_vector(self, params: Any, vector: Any) -> Any:
        del params
        return vector

    def sampled_gradient(self, params: Any, key: Any) -> Any:
        del key
        return params
