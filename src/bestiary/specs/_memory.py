"""The least memory that a training takes, to refuse what cannot fit before anything is made."""

from bestiary.specs._model import ModelSpec

# Parameters, gradient, and one number of optimizer state, float32.
_BYTES_PER_PARAMETER = 12
# Activations may be bfloat16.
_BYTES_PER_ACTIVATION = 2


def least_bytes(model: ModelSpec, sequences: int) -> int:
    """A lower bound of a training's memory; what is really needed is a few times as much.

    Parameters and what goes with them, and of every token the residual stream at each layer, which
    the backward pass needs.

    Args:
        model: The shape of the model.
        sequences: Of one micro-batch.
    """
    stream = _BYTES_PER_ACTIVATION * sequences * model.context * model.hidden * model.layers
    return _BYTES_PER_PARAMETER * model.parameters + stream
