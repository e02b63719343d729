"""JAX: the optimizer as an optax transformation, which runs as it stands."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, number

# Of the catalogue's own functions; checked by running the block.
KEYS = "bestiary.optimizers and optax 0.2.8"
# Which there are the catalogue says, which this line does not read.
NAMES: dict[str, str] = {}


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """A program that ends with `optimizer`."""
    known = set(accepted)
    own = {**{name: block.get(name) for name in ("iterations", "coefficients")}, **block.settings}
    given = [
        f"{name}={value!r}" if isinstance(value, str) else f"{name}={number(value)}"
        for name, value in own.items()
        if name in known and name != "learning_rate"
    ]
    name = block.start.optimizer
    return [
        "import optax",
        f"from bestiary.optimizers import {name}",
        "",
        f"peak, steps, warmup, decay = {number(block.rate)}, {block.steps}, {block.warmup}, "
        f"{block.decay_steps}",
        f"end = {number(block.start.final_fraction)} * peak",
        "schedule = optax.join_schedules(",
        "    [",
        "        optax.linear_schedule(0.0, peak, max(1, warmup)),",
        "        optax.constant_schedule(peak),",
        f"        {_fall(block)},",
        "    ],",
        "    [warmup, steps - decay],",
        ")",
        f"optimizer = {name}(schedule, {', '.join(given)})",
        f"# {block.sequences} sequences of {block.context} tokens a step, {block.steps} steps",
    ]


def _fall(block: Block) -> str:
    if block.start.schedule == "cosine":
        alpha = number(block.start.final_fraction)
        return f"optax.cosine_decay_schedule(peak, max(1, decay), alpha={alpha})"
    if block.start.schedule == "constant":
        return "optax.constant_schedule(peak)"
    return "optax.linear_schedule(peak, end, max(1, decay))"
