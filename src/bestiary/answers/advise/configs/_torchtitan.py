"""torchtitan: three fields of a `Trainer.Config`."""

from collections.abc import Iterable

from bestiary.answers.advise.configs._block import Block, called, number

KEYS = "pytorch/torchtitan b5bcd76 (2026-08-21)"
SCALES = {
    "aspect": "original",
    "rms": "match_rms_adamw",
    "spectral": "spectral_unclamped",
}
NAMES = {"adamw": "AdamW", "muon": "DistMuon"}


def write(block: Block, accepted: Iterable[str]) -> list[str]:
    """Optimizer, schedule and training."""
    del accepted
    decay = "cosine" if block.start.schedule == "cosine" else "linear"
    stays = block.start.schedule == "wsd"
    ratio = f"decay_ratio={block.decay_steps / block.steps:.4g}, " if stays else ""
    factor = 1.0 if block.start.schedule == "constant" else block.start.final_fraction
    return [
        *(_muon(block) if block.start.optimizer == "muon" else _adamw(block)),
        "lr_scheduler=LRSchedulersContainer.Config(",
        f'    warmup_steps={block.warmup}, {ratio}decay_type="{decay}", '
        f"min_lr_factor={number(factor)},",
        "),",
        "training=TrainingConfig(",
        f"    num_tokens_per_train_step={block.batch_tokens}, max_context_length={block.context},",
        f"    max_norm={number(block.get('max_grad_norm', 1.0))}, steps={block.steps},",
        "),",
    ]


def _adamw(block: Block) -> list[str]:
    first, second = (number(block.get(*one)) for one in (("beta1", 0.9), ("beta2", 0.95)))
    return [
        "optimizer=default_adamw(",
        f"    lr={number(block.rate)}, betas=({first}, {second}), "
        f"eps={number(block.get('epsilon', 1e-8))}, "
        f"weight_decay={number(block.get('weight_decay'))},",
        "),",
    ]


def _muon(block: Block) -> list[str]:
    first, second = (number(block.get(*one)) for one in (("beta1", 0.9), ("beta2", 0.95)))
    decay = number(block.get("weight_decay"))
    scale = called(block, "torchtitan", "scale", "aspect", SCALES)
    # One triple of coefficients is all that it takes, and this one its default.
    called(block, "torchtitan", "coefficients", "simple", {"simple": ""})
    nesterov = block.get("nesterov", True)
    return [
        "# DistMuon needs optimizer_factory_kwargs_by_name: your model's compute layouts, as in",
        "# torchtitan/models/kimi_k2_7/config_registry.py, and the pattern of your matrices.",
        "optimizer=OptimizersContainer.Config(",
        '    implementation="foreach",',
        "    param_groups=[",
        "        ParamGroupConfig(",
        r'            pattern=r"(attention|feed_forward)\..*\.weight$", optimizer_name="DistMuon",',
        "            optimizer_kwargs={",
        f'                "lr": {number(block.rate)}, "weight_decay": {decay},',
        f'                "momentum": {number(block.get("momentum", 0.95))},',
        f'                "nesterov": {nesterov},',
        f'                "ns_steps": {number(block.get("iterations"))},',
        f'                "adjust_lr_fn": "{scale}",',
        "            },",
        "        ),",
        "        ParamGroupConfig(",
        '            pattern=r".*", optimizer_name="AdamW",',
        "            optimizer_kwargs={",
        f'                "lr": {number(block.other_rate)}, "betas": ({first}, {second}),',
        f'                "eps": {number(block.get("epsilon", 1e-8))}, "weight_decay": {decay},',
        "            },",
        "        ),",
        "    ],",
        "),",
    ]
