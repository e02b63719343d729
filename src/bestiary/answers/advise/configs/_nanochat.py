"""nanochat: flags of `scripts.base_train`; matrices have Muon there, the rest AdamW."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, called, number

KEYS = "karpathy/nanochat 92d63d4 (2026-07-03)"
NAMES = {"muon": "Muon"}
# It multiplies rates by the root of the batch over this one.
_BATCH = 2**19


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """One flag a line; its rate is divided by what the program multiplies it with."""
    del accepted
    called(block, "nanochat", "scale", "aspect", {"aspect": ""})
    flags = [
        ("total-batch-size", block.batch_tokens),
        ("max-seq-len", block.context),
        ("num-iterations", block.steps),
        ("matrix-lr", block.rate / (block.batch_tokens / _BATCH) ** 0.5),
        ("warmup-steps", block.warmup),
        ("warmdown-ratio", block.decay_steps / block.steps),
        ("final-lr-frac", block.start.final_fraction),
    ]
    told = [f"--{name}={number(value)} \\" for name, value in flags]
    return [
        "# left as they are: rates of embedding and head (scaled by width there), the weight decay",
        "# (cautious, falling, scaled by the horizon there); fixed in the code are a momentum from",
        "# 0.85 to 0.97 that falls to 0.9, five steps of Polar Express, and a second moment",
        *told[:-1],
        told[-1].removesuffix(" \\"),
    ]
