r"""Lion (Chen et al. 2023, arXiv 2302.06675): the sign of an interpolated momentum.

With gradient g_t, t = 1, 2, ...:

    u_t = sign(beta1 m_{t-1} + (1 - beta1) g_t)
    m_t = beta2 m_{t-1} + (1 - beta2) g_t
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})

State: m, 4 bytes a parameter. Cost: element-wise. Learning rates are 3 to 10 times below AdamW's
and weight decays above by as much. sign(0) = 0. Checked against `lion_pytorch.Lion`.
"""

import optax

from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
    WeightDecay,
)
from bestiary.optimizers._rules import Rule, everywhere


class Lion(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Lion."""

    learning_rate: LearningRate = 0.002
    weight_decay: WeightDecay = 0.7
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95


def _rules(hyper: Lion, labels: Labels) -> dict[str, Rule]:
    del labels
    lion = optax.scale_by_lion(hyper.beta1, hyper.beta2)
    return everywhere(hyper.rule("lion", lion, elementwise=True))


LION = Optimizer(
    name="lion",
    label="Lion",
    family="scalar",
    summary="The sign of an interpolated momentum; half of AdamW's state.",
    paper="Chen et al. 2023, arXiv 2302.06675",
    hyperparameters=Lion,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.0005, 0.001, 0.002, 0.004, 0.008),
        "weight_decay": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
)
