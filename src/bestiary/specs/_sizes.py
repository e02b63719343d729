"""The sizes with a name: the study's four, and a ladder for laptops and proxies below them.

Sizes are named by N, the non-embedding parameters, 16 L h^2 with an MLP of width 4h.
"""

from bestiary.specs._model import ModelSpec


def _llama(layers: int, hidden: int, context: int, vocabulary: int) -> ModelSpec:
    heads = max(1, hidden // 64)
    return ModelSpec(
        layers=layers,
        hidden=hidden,
        intermediate=4 * hidden,
        heads=heads,
        key_value_heads=heads,
        context=context,
        vocabulary=vocabulary,
    )


SIZES: dict[str, ModelSpec] = {
    "8k": _llama(2, 16, 64, 256),
    "16k": _llama(4, 16, 128, 256),
    "33k": _llama(2, 32, 64, 256),
    "65k": _llama(4, 32, 128, 256),
    "262k": _llama(4, 64, 128, 256),
    "1m": _llama(4, 128, 128, 256),
    "4m": _llama(4, 256, 256, 256),
    "17m": _llama(16, 256, 512, 256),
    "67m": _llama(16, 512, 1024, 256),
    "130m": _llama(32, 512, 4096, 128_256),
    "300m": _llama(32, 768, 4096, 128_256),
    "520m": _llama(32, 1024, 4096, 128_256),
    "1.2b": _llama(32, 1536, 4096, 128_256),
}
