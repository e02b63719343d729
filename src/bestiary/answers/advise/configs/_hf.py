"""Hugging Face: the `TrainingArguments` of transformers."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, lines, number

KEYS = "huggingface/transformers 00349ae and its schedules 005edac"
NAMES = {"adamw": "adamw_torch", "lion": "lion_32bit"}


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """One argument a line; the batch over all devices, one micro-batch each."""
    del accepted
    share = max(1, block.sequences // block.devices)
    pairs: list[tuple[str, object]] = [
        ("max_steps", block.steps),
        ("per_device_train_batch_size", share),
        ("gradient_accumulation_steps", max(1, block.sequences // (share * block.devices))),
        ("learning_rate", block.rate),
        ("weight_decay", block.get("weight_decay")),
        ("adam_beta1", block.get("beta1", 0.9)),
        ("adam_beta2", block.get("beta2", 0.95)),
        ("adam_epsilon", block.get("epsilon", 1e-8)),
        ("max_grad_norm", block.get("max_grad_norm", 1.0)),
        ("warmup_steps", block.warmup),
    ]
    return [
        "TrainingArguments(",
        f'    optim="{NAMES[block.start.optimizer]}",',
        *lines(pairs, "{}={},", "    "),
        *(f"    {line}," for line in _schedule(block)),
        ")",
        f"# {block.sequences} sequences of {block.context} tokens a step, {block.devices} devices",
    ]


def _schedule(block: Block) -> list[str]:
    final = number(block.start.final_fraction)
    # Its `linear` ends at nothing.
    stays = block.start.schedule == "linear" and block.start.final_fraction > 0
    if block.start.schedule == "wsd" or stays:
        return [
            'lr_scheduler_type="warmup_stable_decay"',
            f'lr_scheduler_kwargs={{"num_decay_steps": {block.decay_steps}, '
            f'"decay_type": "linear", "min_lr_ratio": {final}}}',
        ]
    if block.start.schedule == "constant":
        return ['lr_scheduler_type="constant_with_warmup"']
    if block.start.schedule == "cosine" and block.start.final_fraction:
        return [
            'lr_scheduler_type="cosine_with_min_lr"',
            f'lr_scheduler_kwargs={{"min_lr_rate": {final}}}',
        ]
    return [f'lr_scheduler_type="{block.start.schedule or "cosine"}"']
