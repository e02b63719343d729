"""What a training takes of memory: the least, to refuse what cannot fit, and an estimate.

The estimate is rather too high: for ten programs that XLA compiled for a CPU (sizes 65k to 17m with
AdamW, Muon, SOAP and Kron) it is 1.08 to 1.30 times what they take.
"""

from bestiary.specs._model import ModelSpec

# Parameters, gradient, and one number of optimizer state, float32.
_LEAST_PER_PARAMETER = 12
# Parameters, gradient, and the sum of gradients over micro-batches, float32.
_HELD_PER_PARAMETER = 12
_FLOAT, _LEAST_ACTIVATION = 4, 2  # bytes; activations may be bfloat16
# What the backward pass holds beside the activations that are kept for it, as a factor. On a GPU
# fusions hold less of them: 130m took 0.74 of what is counted (16 sequences, bfloat16, one H200).
_BESIDE = {"cpu": 1.7, "gpu": 1.0}
# Logits that the loss holds at once, by platform; a study batch of 128 x 4096 tokens has 2**36. For
# an accelerator each tile of them writes the gradient of the whole head, so tiles are larger there.
TILE_LOGITS = {"cpu": 2**27, "tpu": 2**29, "gpu": 2**30}
# They are held in three copies; and of attention's probabilities those of an eighth of the queries.
_COPIES, _QUERY_CHUNKS = 3, 8
# Layers beyond so many are a loop, which keeps every activation where the memory at hand is enough;
# else each layer keeps its input and attention's result, and is computed again. Where nobody knows
# the memory, up to so many bytes are kept.
UNROLLED_LAYERS = 8
# Of the memory at hand; the rest is the program's, and the estimate's error.
USABLE_MEMORY = 0.9
_KEPT_BYTES = 2**31


def least_bytes(model: ModelSpec, sequences: int, batch_size: int = 1) -> int:
    """A lower bound of a training's memory; what is really needed is a few times as much.

    Parameters and what goes with them, of every token the residual stream at each layer, which the
    backward pass needs, and the tokens of a whole batch.

    Args:
        model: The shape of the model.
        sequences: Of one micro-batch.
        batch_size: Sequences of a step.
    """
    stream = _LEAST_ACTIVATION * sequences * model.context * model.hidden * model.layers
    tokens = _FLOAT * batch_size * (model.context + 1)
    return _LEAST_PER_PARAMETER * model.parameters + stream + tokens


def training_bytes(
    model: ModelSpec,
    sequences: int,
    state_bytes: int,
    *,
    curvature: bool = False,
    platform: str = "cpu",
    itemsize: int = _FLOAT,
    recomputed: bool | None = None,
) -> int:
    """An estimate of a training's memory.

    Args:
        model: The shape of the model.
        sequences: Of one micro-batch.
        state_bytes: Of the optimizer's state.
        curvature: Whether the optimizer needs that of the loss: twice the activations, and all
            logits at once.
        platform: Of the device.
        itemsize: Bytes of an activation; on a CPU those of float32 are held whatever the type.
        recomputed: Whether the activations of layers are computed again where they are a loop; by
            default as `recomputes` says.
    """
    tokens = sequences * model.context
    all_layers = _BESIDE.get(platform, _BESIDE["cpu"]) * kept_bytes(model, tokens, itemsize)
    again = recomputes(model, tokens, itemsize) if recomputed is None else recomputed
    if again and model.layers > UNROLLED_LAYERS:
        inputs = 2 * itemsize * tokens * model.hidden * model.layers  # and attention's results
        all_layers = inputs + all_layers / model.layers
    scores = tokens * model.vocabulary
    tile = TILE_LOGITS.get(platform, TILE_LOGITS["gpu"])
    logits = _COPIES * _FLOAT * (scores if curvature else min(scores, tile))
    queries = -(-model.context // _QUERY_CHUNKS)
    attention = _COPIES * _FLOAT * tokens * model.heads * queries
    held = _HELD_PER_PARAMETER * model.parameters + state_bytes
    return int(held + (1 + curvature) * (all_layers + attention) + logits)


def kept_bytes(model: ModelSpec, tokens: int, itemsize: int) -> int:
    """Bytes of all activations that a backward pass may read, of so many bytes each."""
    return model.layers * itemsize * tokens * (10 * model.hidden + 4 * model.intermediate)


def recomputes(model: ModelSpec, tokens: int, itemsize: int) -> bool:
    """Whether activations of each layer are computed again where the memory is not known."""
    return model.layers > UNROLLED_LAYERS and kept_bytes(model, tokens, itemsize) > _KEPT_BYTES
