"""Refreshing in turns: every block once in a cycle, and all at once where the cycle is one step."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers._stagger import in_turns


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3, 4, 5, 8, 10])
@pytest.mark.parametrize("frequency", [1, 3, 4])
def test_every_block_has_one_turn_in_a_cycle(size: int, frequency: int) -> None:
    counts = {"a": jnp.zeros((size, 1)), "b": jnp.zeros((2 * size, 1, 1))}
    most = 0

    @jax.jit
    def turn(counts: Any, time: Any) -> Any:
        (counts,) = in_turns(
            lambda given, old: ({name: x + jnp.max(given[name]) for name, x in old.items()},),
            (counts,),
            ({name: np.ones(len(x)) for name, x in counts.items()},),
            time=time,
            frequency=frequency,
        )
        return counts

    for time in range(frequency):
        before, counts = counts, turn(counts, time)
        most = max(most, int(jnp.sum(counts["a"] - before["a"])))
    assert most == -(-size // frequency)
    for x in counts.values():
        np.testing.assert_array_equal(x, np.ones_like(x))


def test_in_turns_of_one_step_soap_is_soap(train: Any) -> None:
    settings = {"precondition_frequency": 1, "block_size": 5}
    together, _ = train("soap", steps=4, **settings)
    in_turn, _ = train("soap", steps=4, stagger=True, **settings)
    jax.tree.map(np.testing.assert_array_equal, together, in_turn)


def test_every_basis_of_soap_changes_once_in_a_cycle(stepper: Any, random: Any) -> None:
    one = stepper("soap", precondition_frequency=4, stagger=True)
    params, state = random(0), one.init(random(0))
    changes = dict.fromkeys(state["soap"].basis, 0)
    for count in range(9):
        before = state["soap"].basis
        params, state = one.compiled(one.traced, random(count), state, params, count)
        if count > 4:  # the first step fills all; then one whole cycle
            for name, factors in state["soap"].basis.items():
                old, new = (jax.tree.leaves(basis)[0] for basis in (before[name], factors))
                changed = jnp.any(old != new, axis=(-2, -1))
                changes[name] = changes[name] + np.asarray(changed, int)
    for name, times in changes.items():
        np.testing.assert_array_equal(times, np.ones_like(times), err_msg=name)
