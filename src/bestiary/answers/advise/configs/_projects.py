"""The projects that a block is written for, and the block."""

from collections.abc import Iterable

from bestiary.answers.advise._start import Start
from bestiary.answers.advise.configs import (
    _hf,
    _levanter,
    _megatron,
    _nanochat,
    _optax,
    _torchtitan,
)
from bestiary.answers.advise.configs._block import Block
from bestiary.errors import UserError, unknown

PROJECTS = {
    "torchtitan": _torchtitan,
    "megatron": _megatron,
    "hf": _hf,
    "nanochat": _nanochat,
    "levanter": _levanter,
    "optax": _optax,
}


def config_block(
    project: str, start: Start, *, devices: int = 1, accepted: Iterable[str] = ()
) -> str:
    """A start as a block to paste, with the version whose keys it has.

    Args:
        project: A name of `PROJECTS`.
        start: What to start.
        devices: How many share the batch, where the block needs that.
        accepted: The hyperparameters that the catalogue's optimizer takes, for `optax`; none where
            the catalogue lacks it.

    Raises:
        UserError: an unknown project, one that lacks the optimizer, or results that do not say
            rate, batch or steps.
    """
    if project not in PROJECTS:
        raise unknown("project", project, PROJECTS)
    written, known = PROJECTS[project], list(accepted)
    names = {start.optimizer: ""} if written is _optax and known else written.NAMES
    if start.optimizer not in names:
        others = [name for name, one in PROJECTS.items() if start.optimizer in one.NAMES]
        has = "has" if len(others) == 1 else "have"
        there = f"{', '.join(others)} {has} one, and " if others else ""
        raise UserError(
            f"no {start.label} is known in {project}; {there}optax runs every optimizer of "
            "`bestiary optimizers`"
        )
    head = f"# {start.label}, keys as in {written.KEYS}"
    return "\n".join([head, *written.write(Block.of(start, devices), known)])
