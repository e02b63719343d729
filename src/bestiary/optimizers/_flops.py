"""Floating-point operations of a traced function, counted on its shapes; nothing is computed.

Products and factorisations count as in the textbook (Golub and Van Loan), everything else one
operation per entry; moving data is free. A branch counts as often as it is taken: what depends on
the step alone is evaluated, for every step, and so are the predicates of branches. Where platforms
differ, FLOPs are those of the CPU's program, which is the textbook's, whatever the host is.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.extend import core

Known = dict[Any, Array]
# From an equation of a traced program to its cost: a number, or an array of several kinds of cost.
Price = Callable[[Any], Any]

# Values that may follow from the step: scalars and random keys.
_SMALL = 8
_FREE = (
    *("broadcast_in_dim", "concatenate", "convert_element_type", "copy", "dynamic_slice"),
    *("dynamic_update_slice", "gather", "iota", "pad", "reshape", "rev", "scan", "scatter"),
    *("select_n", "slice", "split", "squeeze", "stop_gradient", "transpose"),
)
_REDUCTIONS = ("reduce_", "arg", "sort", "cum")


def mean_flops(
    function: Callable[..., Any],
    *arguments: Any,
    steps: int,
    called: Mapping[str, float] | None = None,
) -> float:
    """The mean count of `function(step, *arguments)` over `step = 0 ... steps - 1`.

    Args:
        function: What is traced, once, with an abstract step.
        arguments: Trees of arrays or of `jax.ShapeDtypeStruct`.
        steps: How many.
        called: The count of jitted functions by name, which are then not looked into.

    A predicate that depends on more than the step counts as its most expensive branch, a loop of
    unknown length as one pass.
    """
    return float(mean_price(function, *arguments, steps=steps, price=operations, called=called))


def mean_price(
    function: Callable[..., Any],
    *arguments: Any,
    steps: int,
    price: Price,
    accelerated: bool = False,
    called: Mapping[str, Any] | None = None,
) -> np.ndarray:
    """The mean of what a step costs, where every operation has a price; else like `mean_flops`.

    Args:
        function: What is traced.
        arguments: Trees of shapes.
        steps: How many.
        price: Of one equation without an inner program; of a `scan`, apart from its body.
        accelerated: Whether the program of accelerators counts, or that of a CPU.
        called: The price of jitted functions by name.
    """
    step = jax.ShapeDtypeStruct((), jnp.int32)
    traced = jax.make_jaxpr(function)(step, *arguments)
    counter = _Counter(price, called or {}, accelerated)

    def cost(step: Array) -> Array:
        known = {traced.jaxpr.invars[0]: step}
        return jnp.asarray(counter.walk(traced, known)[0], jnp.float32)

    return np.mean(jax.vmap(cost)(jnp.arange(steps, dtype=jnp.int32)), axis=0)


class _Counter:
    """Walks a program, carrying along the values that are known."""

    def __init__(self, price: Price, called: Mapping[str, Any], accelerated: bool) -> None:
        self._price = price
        self._called = called
        self._accelerated = accelerated

    def walk(self, program: core.ClosedJaxpr, known: Known) -> tuple[Any, list[Array | None]]:
        """The count, and those outputs that are known."""
        # Constants of any size: a schedule may be a table that the step looks up.
        known = known | dict(zip(program.jaxpr.constvars, program.consts, strict=True))
        total: Any = 0.0
        for equation in program.jaxpr.eqns:
            inputs = [_value(variable, known) for variable in equation.invars]
            count, outputs = self._equation(equation, inputs)
            total = total + count
            pairs = zip(equation.outvars, outputs, strict=True)
            known |= {variable: value for variable, value in pairs if value is not None}
        return total, [_value(variable, known) for variable in program.jaxpr.outvars]

    def _equation(self, equation: Any, inputs: list[Array | None]) -> tuple[Any, list[Any]]:
        name, unknown = equation.primitive.name, [None] * len(equation.outvars)
        if name == "platform_index":  # among the platforms that the program names, or the rest
            platforms = equation.params["platforms"]
            return 0.0, [jnp.int32(self._accelerated and len(platforms) - 1)]
        if name == "cond":
            return self._branches(equation.params["branches"], inputs), unknown
        if name == "scan":
            body, length = equation.params["jaxpr"], equation.params["length"]
            return self._price(equation) + length * self.walk(body, {})[0], unknown
        if name == "while":
            parts = (equation.params["cond_jaxpr"], equation.params["body_jaxpr"])
            return sum(self.walk(part, {})[0] for part in parts), unknown
        if equation.params.get("name") in self._called:
            return self._called[equation.params["name"]], unknown
        for inner in equation.params.values():
            if isinstance(inner, core.ClosedJaxpr):
                return self.walk(inner, _bound(inner, inputs))
            if isinstance(inner, core.Jaxpr):
                closed = core.ClosedJaxpr(inner, ())
                return self.walk(closed, _bound(closed, inputs))
        if all(value is not None for value in inputs) and all(map(_is_small, equation.outvars)):
            found = equation.primitive.bind(*inputs, **equation.params)
            return 0.0, list(found) if equation.primitive.multiple_results else [found]
        return self._price(equation), unknown

    def _branches(self, branches: tuple[Any, ...], inputs: list[Array | None]) -> Any:
        counts = [self.walk(branch, _bound(branch, inputs[1:]))[0] for branch in branches]
        index = inputs[0]
        if index is None:
            return max(counts, key=lambda count: float(jnp.sum(count)))
        same = jnp.broadcast_arrays(*(jnp.asarray(count, jnp.float32) for count in counts))
        return jnp.stack(same)[jnp.int32(index)]


def operations(equation: Any) -> float:
    """The floating-point operations of one equation without an inner program."""
    name = equation.primitive.name
    shapes = [variable.aval.shape for variable in equation.invars if hasattr(variable, "aval")]
    made = max((math.prod(variable.aval.shape) for variable in equation.outvars), default=0)
    if name in _FREE:
        return 0.0
    if name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return 2.0 * made * math.prod(shapes[0][axis] for axis in contracted)
    if name in _FACTORISATIONS and len(shapes[0]) >= 2:
        *batch, rows, columns = shapes[0]
        long, short = max(rows, columns), min(rows, columns)
        return math.prod(batch) * _FACTORISATIONS[name](long, short)
    if name == "triangular_solve":
        return float(math.prod(shapes[1]) * shapes[0][-1])
    if name.startswith(_REDUCTIONS):
        return float(math.prod(shapes[0]))
    return float(made)


# Of an m x n matrix, m >= n: QR with Q written out, eigenvectors of a symmetric matrix, and so on.
_FACTORISATIONS: dict[str, Callable[[int, int], float]] = {
    "qr": lambda m, n: 4 * m * n * n - 4 / 3 * n**3,
    "eigh": lambda m, n: 9.0 * n**3,
    "svd": lambda m, n: 4.0 * m * m * n + 22.0 * n**3,
    "cholesky": lambda m, n: n**3 / 3,
    "lu": lambda m, n: m * n * n - n**3 / 3,
}


def _bound(program: core.ClosedJaxpr, inputs: list[Array | None]) -> Known:
    pairs = zip(program.jaxpr.invars, inputs, strict=True)
    return {variable: value for variable, value in pairs if value is not None}


def _value(variable: Any, known: Known) -> Any:
    return variable.val if isinstance(variable, core.Literal) else known.get(variable)


def _is_small(variable: Any) -> bool:
    shape = getattr(variable.aval, "shape", None)
    return shape is not None and math.prod(shape) <= _SMALL
