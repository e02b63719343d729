"""The optimizers as functions, each with the signature that its record of hyperparameters gives."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import optax

from bestiary.optimizers._catalogue import CATALOGUE
from bestiary.optimizers._describe import described
from bestiary.optimizers._interface import Optimizer
from bestiary.optimizers._optimizer import optimizer


@functools.cache
def constructor(name: str) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """`optimizer(name, ...)` as a function of its own: `muon(0.02, momentum=0.95)`."""
    entry = CATALOGUE[name]

    def construct(learning_rate: Any, **given: Any) -> optax.GradientTransformationExtraArgs:
        return optimizer(name, learning_rate, **given)

    construct.__name__ = construct.__qualname__ = name
    construct.__module__ = "bestiary.optimizers"
    construct.__doc__ = _told(entry)
    construct.__signature__ = _signature(entry)  # type: ignore[attr-defined]
    return construct


def _signature(entry: Optimizer) -> inspect.Signature:
    """That of `optimizer`, with this optimizer's hyperparameters in place of any settings."""
    general = inspect.signature(optimizer)
    shared = [
        one
        for key, one in general.parameters.items()
        if key != "name" and one.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    own = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, default=entry.defaults[key], annotation=field.type
        )
        for key, field in entry.fields.items()
        if key != "learning_rate"
    ]
    return general.replace(parameters=[*shared, *own])


def _told(entry: Optimizer) -> str:
    fields = "".join(
        f"    {one.name}: {one.meaning} ({one.range}).\n"
        for one in described(entry)
        if one.kind != "run" and one.name != "learning_rate"
    )
    return (
        f"{entry.summary}\n\n{entry.paper}. See `optimizer`.\n\nArgs:\n"
        "    learning_rate: A number, or a function from the steps taken so far to one.\n"
        "    labels: What every parameter is for; None reads it from names and shapes.\n"
        f"    layout: `in_out` or `out_in`.\n{fields}"
    )
