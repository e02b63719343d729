r"""AdamW (Loshchilov and Hutter 2017, arXiv 1711.05101), the baseline of every comparison.

With gradient g_t, t = 1, 2, ...:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t
    v_t = beta2 v_{t-1} + (1 - beta2) g_t^2
    u_t = m_t / (1 - beta1^t) / (sqrt(v_t / (1 - beta2^t)) + epsilon)
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})

State: m and v, 8 bytes a parameter. Cost: element-wise. Epsilon is added after bias correction, as
in torch, optax and Levanter; code in the style of Hugging Face adds it before. Checked against
`torch.optim.AdamW`.
"""

import optax

from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._rules import Rule, everywhere


class AdamW(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of AdamW."""

    learning_rate: LearningRate = 0.016
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.95
    epsilon: Epsilon = 1e-20


def _rules(hyper: AdamW, labels: Labels) -> dict[str, Rule]:
    del labels
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)
    return everywhere(hyper.rule("adamw", adam, elementwise=True))


ADAMW = Optimizer(
    name="adamw",
    label="AdamW",
    family="scalar",
    summary="Adam's moments with decoupled weight decay: the baseline.",
    paper="Loshchilov and Hutter 2017, arXiv 1711.05101",
    hyperparameters=AdamW,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "epsilon": (1e-25, 1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
)
