"""Whether a value is one that a hyperparameter can take, told in one line."""

import math
from typing import Any

import msgspec

from bestiary.errors import UserError, quoted
from bestiary.specs import Setting, beyond_single


def in_range(what: str, value: Setting, kind: Any) -> Setting:
    """The value as its type.

    Args:
        what: What it is, for the message.
        value: What was given.
        kind: The type of the field, with its bounds.

    Raises:
        UserError: a wrong type, a value out of range or not finite.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{what} must be a finite number, got {value}")
    if isinstance(value, int | float) and (complaint := beyond_single(value)):
        raise UserError(f"{what} {complaint}, got {quoted(value)}")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        rule = str(error).removeprefix("Expected ").split(", got")[0].split(" - at")[0]
        rule = rule.replace("`", "")
        raise UserError(f"{what} must be {rule}, got {quoted(value)}") from None
