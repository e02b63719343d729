"""The optimizers as functions, each with the signature that its record of hyperparameters gives."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optax

from bestiary.optimizers._catalogue import CATALOGUE
from bestiary.optimizers._describe import described
from bestiary.optimizers._interface import Optimizer
from bestiary.optimizers._optimizer import optimizer
from bestiary.specs import Setting

# What a signature shows of types that would fill a page; the docstring tells the rest.
_SHORT: dict[str, Any] = {"learning_rate": float | Callable, "labels": Any}


@dataclass(frozen=True)
class _Stated:
    """The default of a static hyperparameter, shown as the value that it is.

    `optax.inject_hyperparams` makes an array of every number it finds in a signature; what changes
    the compiled program cannot be one.
    """

    value: Setting

    def __repr__(self) -> str:
        return repr(self.value)


@functools.cache
def constructor(name: str) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """`optimizer(name, ...)` as a function of its own: `muon(0.02, momentum=0.95)`."""
    entry = CATALOGUE[name]

    def construct(learning_rate: Any, **given: Any) -> optax.GradientTransformationExtraArgs:
        settings = {key: one for key, one in given.items() if not isinstance(one, _Stated)}
        return optimizer(name, learning_rate, **settings)

    construct.__name__ = construct.__qualname__ = name
    construct.__module__ = "bestiary.optimizers"
    construct.__doc__ = _told(entry)
    construct.__signature__ = _signature(entry)  # type: ignore[attr-defined]
    return construct


def _signature(entry: Optimizer) -> inspect.Signature:
    """That of `optimizer`, with this optimizer's hyperparameters in place of any settings."""
    general = inspect.signature(optimizer)
    shared = [
        one.replace(annotation=_SHORT.get(key, one.annotation))
        for key, one in general.parameters.items()
        if key != "name" and one.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    own = [
        inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(entry, key),
            annotation=getattr(field.type, "__origin__", field.type),
        )
        for key, field in entry.fields.items()
        if key != "learning_rate"
    ]
    return general.replace(parameters=[*shared, *own])


def _default(entry: Optimizer, key: str) -> Any:
    value = entry.defaults[key]
    return _Stated(value) if key in entry.static else value


_CURVATURE = """
`update` needs `curvature=`: an object with `tokens` (of a batch), a random `key`,
`hessian_vector(params, vector)` and `sampled_gradient(params, key)`.
"""


def _told(entry: Optimizer) -> str:
    fields = "".join(
        f"    {one.name}: {one.meaning} ({one.range}).\n"
        for one in described(entry)
        if one.kind != "run" and one.name != "learning_rate"
    )
    return (
        f"{entry.summary}\n\n{entry.paper}. See `optimizer`.\n\nArgs:\n"
        "    learning_rate: A number, or a function from the steps taken so far to one.\n"
        "    labels: What every parameter is for, see `roles`; None reads it from names.\n"
        f"    layout: `in_out` or `out_in`.\n{fields}{_CURVATURE if entry.needs_curvature else ''}"
    )
