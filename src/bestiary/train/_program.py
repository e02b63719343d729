"""The compiled programs of a population: start, advance by several steps, evaluate.

Shapes: C steps that fit one dispatch, K runs of the population, B sequences, S = context + 1
tokens, E evaluation batches. A population of one has no K axis and is not vmapped.
"""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from bestiary import models, optimizers
from bestiary.specs import ONE_DEVICE, Placement
from bestiary.train._kernels import named
from bestiary.train._mesh import Ground
from bestiary.train._peers import wait_for_all
from bestiary.train._step import (
    Hyper,
    Params,
    Recipe,
    State,
    StepReadings,
    abstract_hyper,
    start,
    take_step,
)

# LLVM's first level of optimisation for a CPU: higher ones took it 1.6 times as long, and the steps
# were no faster (docs/log.md). What XLA_FLAGS says of it stands.
_QUICK: dict[str, dict[str, str | bool]] = {"cpu": {"xla_backend_optimization_level": "1"}}
# The start of a small model takes longer to compile than to draw: not optimised at all, and by the
# older emitter of fusions, it compiles in less than half the time. It draws more slowly, a quarter
# of a second for so many parameters.
_ONCE: dict[str, dict[str, str | bool]] = {
    "cpu": {"xla_backend_optimization_level": "0", "xla_cpu_use_fusion_emitters": False}
}
_SMALL_START = 2**20
# Whatever XLA_FLAGS says: products for one thread, see `_threads.py`, and no fusions by YNNPACK,
# with which steps of small models take a tenth longer.
_ALWAYS: dict[str, dict[str, str | bool]] = {
    "cpu": {"xla_cpu_multi_thread_eigen": False, "xla_cpu_experimental_ynn_fusion_type": ""}
}

# What evaluation does not depend on.
_NO_OPTIMIZER: dict[str, Any] = {
    "optimizer": "",
    "static": (),
    "schedule": "",
    "batch_size": 0,
    "accumulation": 0,
    "micro_batches": 0,
}

# The mesh to trace under, and where the arguments and the results lie on it.
Lying = tuple[Mesh | None, Any, Any]


class Timed:
    """A jitted function that is compiled once per signature, with the time that took."""

    def __init__(
        self,
        function: Callable[..., Any],
        donated: tuple[int, ...] = (),
        *,
        once: bool = False,
        lying: Lying | None = None,
    ) -> None:
        """`once` compiles faster, for little that runs a single time; `lying` is for a mesh."""
        places = {} if lying is None else {"in_shardings": lying[1], "out_shardings": lying[2]}
        self._mesh = None if lying is None else lying[0]
        self._jitted = jax.jit(function, donate_argnums=donated, **places)
        backend = jax.default_backend()
        self._options = _options(backend) | (_ONCE.get(backend, {}) if once else {})
        self._executables: dict[Any, Any] = {}

    def compiled(self, *arguments: Any) -> tuple[Callable[..., Any], float]:
        """The executable for arguments like these, and the seconds spent on making it now."""
        leaves, structure = jax.tree.flatten(arguments)
        signature = (structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        begun = time.perf_counter()
        if signature in self._executables:
            return self._executables[signature], time.perf_counter() - begun
        with nullcontext() if self._mesh is None else jax.set_mesh(self._mesh):
            lowered = self._jitted.lower(*arguments)
        self._executables[signature] = _compiled(lowered, self._options)
        seconds = time.perf_counter() - begun
        wait_for_all()
        return self._executables[signature], seconds


def _compiled(lowered: Any, options: dict[str, str | bool]) -> Any:
    """The executable; an option that this version of XLA does not have (any more) is left out."""
    while True:
        try:
            return lowered.compile(compiler_options=options)
        except jax.errors.JaxRuntimeError as error:
            gone = next((name for name in options if f"option: '{name}'" in str(error)), "")
            if not gone:
                raise
            options = {name: value for name, value in options.items() if name != gone}


def _options(backend: str) -> dict[str, str | bool]:
    """What programs are compiled with."""
    stated = os.environ.get("XLA_FLAGS", "")
    quick = {name: value for name, value in _QUICK.get(backend, {}).items() if name not in stated}
    return quick | _ALWAYS.get(backend, {})


@dataclass(frozen=True)
class Program:
    """The programs of one recipe and population size; made by `program`, which remembers them.

    Attributes:
        recipe: What one step does.
        population: K.
        resident: Whether batches are gathered on the device from the whole corpus.
        placement: The mesh that a single run is laid over.
    """

    recipe: Recipe
    population: int
    resident: bool
    placement: Placement = ONE_DEVICE

    @cached_property
    def ground(self) -> Ground | None:
        """The devices of the mesh; None for one device."""
        return None if self.placement.alone else Ground(self.placement)

    @cached_property
    def start(self) -> Timed:
        """(hyper,) -> (params, state)."""
        function = _over_population(self.population, partial(start, self.recipe), 0)
        once = self.population * self.recipe.model.parameters <= _SMALL_START
        return Timed(function, once=once, lying=self._lying("start"))

    @cached_property
    def advance(self) -> Timed:
        """(params, state, hyper, corpus, inputs, first, count) -> (params, state, measured).

        Parameters and state are donated. `inputs` are the starts (C, K, B) of sequences in the
        corpus, or where the corpus is streamed the sequences themselves (C, K, B, S). The loop has
        a traced length: however the steps are divided into dispatches, one executable runs the
        same body, so the division cannot change a bit.
        """
        return Timed(self._advance, donated=(0, 1), lying=self._lying("advance"))

    @cached_property
    def evaluate(self) -> Timed:
        """(params, state, sequences (E, B, S)) -> nats per token of each sequence (K, E, B).

        Where an optimizer evaluates the weights that it trains, one program serves it and all
        others like it, and the state is None; see `judged_state`.
        """
        judging = replace(self._judging, **_NO_OPTIMIZER)
        of = self.recipe.entry.evaluation_params
        if self.placement.alone:
            options = tuple(sorted(_options(jax.default_backend()).items()))
            return _evaluation(judging, of, self.population, options)
        return Timed(partial(_losses, judging, of), lying=self._lying("evaluate"))

    def judged_state(self, state: State) -> State:
        """What of an optimizer's state `evaluate` takes."""
        plain = self.recipe.entry.evaluation_params is optimizers.Optimizer.evaluation_params
        return None if plain and self.placement.alone else state

    def _lying(self, which: str) -> Lying | None:
        """Where arguments and results of one of the programs lie."""
        if (ground := self.ground) is None:
            return None
        model, whole = self.recipe.model, ground.whole
        shapes = jax.eval_shape(partial(start, self.recipe), abstract_hyper(self.recipe))
        held = ground.params(model), ground.state(model, shapes[1])
        return {
            "start": (ground.mesh, (whole,), held),
            "advance": (ground.mesh, (*held, *(whole,) * 5), (*held, whole)),
            # Traced under no mesh: it is the sequences that are divided, and nothing within.
            "evaluate": (None, (*held, ground.rows(1)), whole),
        }[which]

    def _advance(
        self,
        params: Params,
        state: State,
        hyper: Hyper,
        corpus: jax.Array,
        inputs: jax.Array,
        first: jax.Array,
        count: jax.Array,
    ) -> tuple[Params, State, StepReadings]:
        def step(
            params: Params, state: State, hyper: Hyper, tokens: jax.Array, now: jax.Array
        ) -> Any:
            return take_step(self.recipe, params, state, hyper=hyper, tokens_BS=tokens, step=now)

        steps = _over_population(self.population, step, (0, 0, 0, 0, None))

        def body(index: jax.Array, carry: Any) -> Any:
            params, state, measured = carry
            tokens = self._tokens(corpus, jax.lax.dynamic_index_in_dim(inputs, index, 0, False))
            params, state, now = steps(params, state, hyper, tokens, first + index)
            measured = jax.tree.map(lambda rows, row: rows.at[index].set(row), measured, now)
            return params, state, measured

        blank = jnp.zeros(inputs.shape[:1] + inputs.shape[1 : 1 + (self.population > 1)])
        return jax.lax.fori_loop(0, count, body, (params, state, StepReadings(blank, blank, blank)))

    def _tokens(self, corpus: jax.Array, inputs: jax.Array) -> jax.Array:
        """The sequences of a step, int32."""
        if not self.resident:
            return inputs.astype(jnp.int32)
        offsets = jnp.arange(self.recipe.model.context + 1, dtype=inputs.dtype)
        positions = jnp.expand_dims(inputs, -1) + offsets.reshape((1,) * inputs.ndim + (-1,))
        return corpus.at[positions].get(mode="promise_in_bounds").astype(jnp.int32)

    def laid(self, sequences_EBS: np.ndarray) -> Any:
        """Sequences to evaluate, on the devices of a mesh: a process alone can do so itself."""
        if self.ground is None or jax.process_count() == 1:
            return sequences_EBS
        place = self.ground.rows(1)
        return jax.make_array_from_callback(
            sequences_EBS.shape, place, lambda index: sequences_EBS[index]
        )

    def kernels_used(self) -> dict[str, str]:
        """What computes training and, where that differs, evaluation."""
        own, judging = named(self.recipe.kernels), named(self._judging.kernels)
        return own | {
            f"{what} of evaluation": name for what, name in judging.items() if name != own[what]
        }

    @property
    def _judging(self) -> Recipe:
        """What evaluates. Over a mesh the partitioner divides it, and so has to look inside."""
        if self.placement.alone:
            return self.recipe
        kernels = replace(self.recipe.kernels, attention=models.REFERENCE.attention)
        return replace(self.recipe, kernels=kernels)


@lru_cache(maxsize=16)
def _evaluation(
    judging: Recipe,
    evaluation_params: Callable[[State, Params], Params],
    population: int,
    options: tuple[tuple[str, str | bool], ...],
) -> Timed:
    """The program that evaluates, of a recipe without an optimizer; one for each set of options."""
    del options  # `Timed` reads them itself
    return Timed(
        _over_population(population, partial(_losses, judging, evaluation_params), (0, 0, None))
    )


def _losses(
    judging: Recipe,
    evaluation_params: Callable[[State, Params], Params],
    params: Params,
    state: State,
    sequences: jax.Array,
) -> jax.Array:
    """One loss per sequence: a batch padded to the common size then needs no mask."""
    trained = evaluation_params(state, params)

    def losses(tokens_BS: jax.Array) -> jax.Array:
        one = lambda tokens_S: judging.loss(trained, tokens_S[None])  # noqa: E731
        return jax.vmap(one)(tokens_BS.astype(jnp.int32))

    return jax.lax.map(losses, sequences)


def _over_population(
    population: int, function: Callable[..., Any], axes: Any
) -> Callable[..., Any]:
    return function if population == 1 else jax.vmap(function, in_axes=axes)


@lru_cache(maxsize=16)
def program(
    recipe: Recipe, population: int, resident: bool, placement: Placement = ONE_DEVICE
) -> Program:
    """The program of a recipe; a process that trains many runs compiles each kind once."""
    return Program(recipe, population, resident, placement)
