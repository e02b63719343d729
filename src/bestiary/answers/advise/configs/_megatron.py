"""Megatron-LM: flags of `pretrain_gpt.py`."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, called, number

# The names of scales and coefficients are those of NVIDIA-NeMo/Emerging-Optimizers 033065f.
SCALES = {"aspect": "shape_scaling", "rms": "spectral", "spectral": "unit_rms_norm"}
COEFFICIENTS = {one: one for one in ("simple", "quintic", "polar_express")}
KEYS = "NVIDIA/Megatron-LM d98e8a6 (2026-08-22)"
NAMES = {"adamw": "adam", "muon": "muon", "lion": "lion"}
_STYLES = {"cosine": "cosine", "linear": "linear", "wsd": "WSD", "constant": "constant"}


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """One flag a line."""
    del accepted
    flags = [
        ("optimizer", NAMES[block.start.optimizer]),
        ("lr", block.rate),
        ("min-lr", block.rate * block.start.final_fraction),
        ("weight-decay", block.get("weight_decay")),
        ("clip-grad", block.get("max_grad_norm", 1.0)),
        *_own(block),
        ("lr-decay-style", _STYLES[block.start.schedule or "cosine"]),
        ("lr-decay-iters", block.steps),
        ("lr-warmup-iters", block.warmup),
        ("train-iters", block.steps),
        ("global-batch-size", block.sequences),
        ("seq-length", block.context),
    ]
    if block.start.schedule == "wsd":
        flags += [("lr-wsd-decay-style", "linear"), ("lr-wsd-decay-iters", block.decay_steps)]
    told = [f"--{name} {number(value)} \\" for name, value in flags]
    if block.start.optimizer == "muon":
        told = [
            "# vectors get --lr, embedding and head --decoupled-lr",
            *told,
            *(["--muon-nesterov \\"] if block.get("nesterov", True) else []),
        ]
    return [*told[:-1], told[-1].removesuffix(" \\")]


def _own(block: Block) -> list[tuple[str, object]]:
    adam: list[tuple[str, object]] = [
        ("adam-beta1", block.get("beta1", 0.9)),
        ("adam-beta2", block.get("beta2", 0.95)),
        ("adam-eps", block.get("epsilon", 1e-8)),
    ]
    if block.start.optimizer == "lion":
        return [("lion-beta1", block.get("beta1", 0.95)), ("lion-beta2", block.get("beta2", 0.98))]
    if block.start.optimizer == "adamw":
        return adam
    return [
        ("decoupled-lr", block.other_rate),
        ("decoupled-min-lr", block.other_rate * block.start.final_fraction),
        *adam,
        ("muon-momentum", block.get("momentum", 0.95)),
        ("muon-scale-mode", called(block, "megatron", "scale", "aspect", SCALES)),
        *([("muon-extra-scale-factor", 0.2)] if block.get("scale", "") == "rms" else []),
        (
            "muon-coefficient-type",
            called(block, "megatron", "coefficients", "simple", COEFFICIENTS),
        ),
        ("muon-num-ns-steps", block.get("iterations")),
    ]
