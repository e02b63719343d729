"""How activations pass the layers: unrolled where that is fastest, else a loop."""

from collections.abc import Callable
from typing import Any

import jax

from bestiary.models._attention import RESULT
from bestiary.models._cudnn import FORWARD
from bestiary.models._partition import ambient_placement
from bestiary.specs import UNROLLED_LAYERS, ModelSpec, recomputes

# Unrolled layers train faster than a loop over them (a prototype on two cores: 112 against 129 ms a
# step, 4 layers of width 128), but compile time grows with depth, and that of a loop does not.

Layer = dict[str, jax.Array]


def through_layers(
    block: Callable[[jax.Array, Layer], jax.Array],
    x_ND: jax.Array,
    layers: Layer,
    spec: ModelSpec,
    *,
    unrolled: int = UNROLLED_LAYERS,
    recompute: bool | None = None,
) -> jax.Array:
    """Apply `block` once per layer of the stacked parameters, first layer first.

    Where a loop computes activations again, attention's results are kept all the same: they are as
    small as what enters a layer, and the dearest to compute.

    Args:
        block: Activations (N, D) and the parameters of one layer in, activations out.
        x_ND: The activations that enter the first layer.
        layers: Parameters with a leading axis of layers.
        spec: The shape of the model, which decides between the loop and the unrolled form.
        unrolled: So many layers are no loop, unless their activations are computed again.
        recompute: Whether activations are computed again for the gradient, in a loop; None lets
            their size decide. Of `UNROLLED_LAYERS` they never are.
    """
    if recompute is None:
        tokens = x_ND.shape[0] // ambient_placement().batch_parts  # of one device
        recompute = recomputes(spec, tokens, x_ND.itemsize)
    if spec.layers <= (UNROLLED_LAYERS if recompute else unrolled):
        for layer in _unstacked(layers, spec.layers):
            x_ND = block(x_ND, layer)
        return x_ND
    if recompute:
        # A loop is a barrier already.
        block = jax.checkpoint(block, prevent_cse=False, policy=_kept)
    return jax.lax.scan(lambda x, layer: (block(x, layer), None), x_ND, layers)[0]


def _kept(primitive: Any, *_: Any, **parameters: Any) -> bool:
    """Whether an intermediate value is kept where a layer is computed again."""
    return primitive.name == FORWARD or parameters.get("name") == RESULT


def _unstacked(layers: Layer, count: int) -> list[dict[str, Any]]:
    """One dictionary per layer. The gradient of a split is one concatenation, of slices a sum."""
    split = {name: jax.lax.split(stack, [1] * count) for name, stack in layers.items()}
    return [
        {name: parts[index].reshape(parts[index].shape[1:]) for name, parts in split.items()}
        for index in range(count)
    ]
