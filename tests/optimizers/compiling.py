"""How the steps of these tests are compiled."""

from collections.abc import Callable
from typing import Any

import jax


def quick_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile without optimising: the steps are tiny, and compiling them is the tests' time."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})
