"""What a step of every optimizer counts on real shapes: the table that `bestiary advise` reads.

`python -m benchmarks.step_costs > src/bestiary/answers/advise/data/step_costs.csv` counts it anew,
with the starting configurations; nothing is run (`optimizer_bounds`). It takes ten minutes, as
Kron's and SOAP's updates are evaluated for every step of a training.
"""

import csv
import sys

import jax
from msgspec.structs import replace

from benchmarks.optimizer_bounds import RATES, _bytes, _model_flops, _Update
from bestiary.optimizers import CATALOGUE
from bestiary.specs import SIZES

# The shape of the study's largest model, 2.5 times as wide: 7.5B parameters.
WIDE = replace(SIZES["1.2b"], hidden=3840, intermediate=4 * 3840, heads=60, key_value_heads=60)
SHAPES = {"130m": SIZES["130m"], "1.2b": SIZES["1.2b"], "7.5b": WIDE}
COLUMNS = ("optimizer", "matrix_parameters", "state_bytes", "moved_bytes", *RATES, "model_share")


def row(optimizer: str, size: str) -> dict[str, object]:
    """The counts of one optimizer at one shape: bytes a step, FLOPs by kind, gradients it takes.

    State is in bytes a parameter, embeddings included; `model_share` in FLOPs of one whole step.
    """
    model = SHAPES[size]
    update = _Update(model, optimizer, {})
    cost = update.cost()
    state = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(update._state))
    assert _bytes(update._state) == state
    return {
        "optimizer": optimizer,
        "matrix_parameters": model.matrix_parameters,
        "state_bytes": f"{state / model.parameters:.4g}",
        "moved_bytes": f"{cost['bytes']:.4g}",
        **{kind: f"{cost[kind]:.4g}" for kind in RATES},
        "model_share": f"{cost['model'] / _model_flops(model):.4g}",
    }


if __name__ == "__main__":
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    for name in CATALOGUE:
        for size in SHAPES:
            table.writerow(row(name, size))
            sys.stdout.flush()
