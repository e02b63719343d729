"""`bestiary sizes`: the named model shapes with their parameter and FLOP counts."""

import msgspec

from bestiary.cli._flags import Switch
from bestiary.cli._listing import show
from bestiary.specs import SIZES, Spec

COLUMNS = {
    "name": "size",
    "matrix_parameters": "N (non-embedding)",
    "parameters": "all parameters",
    "layers": "layers",
    "hidden": "hidden",
    "heads": "heads",
    "context": "context",
    "vocabulary": "vocabulary",
    "tokens_at_1x": "tokens at 1x",
    "flops_at_1x": "FLOPs at 1x",
}


class Flags(Spec, frozen=True, kw_only=True):
    """List the named model sizes; 1x is 20 N tokens.

    Attributes:
        json: Print JSON.
    """

    json: Switch = False


def run(flags: Flags) -> None:
    """Print every size."""
    records = []
    for name, model in SIZES.items():
        tokens = 20 * model.matrix_parameters
        records.append(
            {
                "name": name,
                "matrix_parameters": model.matrix_parameters,
                "parameters": model.parameters,
                **msgspec.to_builtins(model),
                "flops_per_token": model.flops_per_token,
                "tokens_at_1x": tokens,
                "flops_at_1x": float(tokens * model.flops_per_token),
            }
        )
    show(records, COLUMNS, as_json=flags.json)
