"""Levanter: `trainer` and `optimizer` of its YAML."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, called, lines, number

KEYS = "stanford-crfm/levanter 9263f81 (2025-09-26)"
_ADAM = {"beta1": "beta1", "beta2": "beta2", "epsilon": "epsilon", "max_grad_norm": "max_grad_norm"}
# Our optimizer -> its type there, and its keys -> ours.
NAMES = {
    "adamw": ("adam", _ADAM),
    "nadamw": ("adam", _ADAM),
    "cautious": ("cautious", _ADAM),
    "mars": ("mars", {**_ADAM, "gamma": "gamma"}),
    "adam_mini": ("mini", _ADAM),
    "adopt": ("adopt", _ADAM),
    "muon": (
        "muon",
        {
            **_ADAM,
            "momentum": "momentum",
            "backend_steps": "iterations",
            "muon_epsilon": "matrix_epsilon",
        },
    ),
    "scion": (
        "scion",
        {
            "scion_to_signum_lr": "other_radius",
            "momentum": "momentum",
            "backend_steps": "iterations",
            "beta1": "beta1",
            "scion_epsilon": "matrix_epsilon",
            "max_grad_norm": "max_grad_norm",
        },
    ),
    "soap": (
        "soap",
        {
            **_ADAM,
            "shampoo_beta": "shampoo_beta",
            "precondition_frequency": "precondition_frequency",
            "block_size": "block_size",
        },
    ),
    "kron": (
        "kron",
        {
            "beta1": "beta1",
            "max_grad_norm": "max_grad_norm",
            "normalize_grads": "normalize_grads",
            "preconditioner_update_probability": "update_probability",
            "update_prob_flat_start": "update_flat_steps",
            "preconditioner_lr": "preconditioner_rate",
            "preconditioner_init_scale": "preconditioner_scale",
            "block_size": "block_size",
        },
    ),
}


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """The two sections."""
    del accepted
    kind, keys = NAMES[block.start.optimizer]
    own: list[tuple[str, object]] = [("learning_rate", block.rate)]
    if block.start.optimizer == "muon":
        called(block, "levanter", "coefficients", "simple", {"simple": ""})
        kimi = called(block, "levanter", "scale", "aspect", {"aspect": "false", "rms": "true"})
        own += [
            ("adam_lr", block.other_rate),
            ("nesterov", block.get("nesterov", True)),
            ("use_kimi_scaling", kimi),
        ]
    own.append(("weight_decay", block.get("weight_decay")))
    own += [(key, block.get(ours)) for key, ours in keys.items() if block.get(ours, "") != ""]
    if kind == "adam":
        own.append(("nesterov", block.start.optimizer == "nadamw"))
    # A number up to 1 would be a share of the steps.
    own.append(("warmup", 2 if block.warmup == 1 else block.warmup))
    if block.start.schedule == "wsd":
        own.append(("decay", min(1.0, block.start.decay_fraction)))
    own.append(("min_lr_ratio", block.start.final_fraction))
    shape = "linear" if block.start.schedule == "wsd" else block.start.schedule
    return [
        "trainer:",
        f"  train_batch_size: {block.sequences}",
        f"  num_train_steps: {block.steps}",
        "optimizer:",
        f"  type: {kind}",
        *(line.lower() if "nesterov" in line else line for line in lines(own, "{}: {}", "  ")),
        f"  lr_schedule: {shape}",
        f"# sequences of {number(block.context)} tokens: seq_len of the model",
    ]
