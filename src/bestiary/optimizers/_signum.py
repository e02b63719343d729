r"""Signum (Bernstein et al. 2018, arXiv 1802.04434): the sign of the mean gradient.

With gradient g_t, t = 1, 2, ...:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t
    p_t = p_{t-1} - eta (sign(m_t) + lambda p_{t-1})

State: m, 4 bytes a parameter. Cost: element-wise. sign(0) = 0. Lion with beta1 = beta2. The study
ran it only inside Scion, for all that is no hidden matrix; the starting point is Lion's. Checked
against `pytorch_optimizer.SignSGD`, whose momentum is the weight of the old mean, as here.
"""

import optax

from bestiary.optimizers._interface import (
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
    WeightDecay,
)
from bestiary.optimizers._rules import Rule, everywhere


class Signum(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Signum."""

    learning_rate: LearningRate = 0.002
    weight_decay: WeightDecay = 0.7
    beta1: Beta1 = 0.95


def scale_by_signum(decay: float) -> optax.GradientTransformation:
    """The direction sign(m); the state is the mean gradient."""
    return optax.chain(optax.ema(decay, debias=False), optax.scale_by_sign())


def _rules(hyper: Signum, labels: Labels) -> dict[str, Rule]:
    del labels
    return everywhere(hyper.rule("signum", scale_by_signum(hyper.beta1), elementwise=True))


SIGNUM = Optimizer(
    name="signum",
    label="Signum",
    family="scalar",
    summary="The sign of the mean gradient; half of AdamW's state.",
    paper="Bernstein et al. 2018, arXiv 1802.04434",
    hyperparameters=Signum,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.0005, 0.001, 0.002, 0.004),
        "weight_decay": (0.1, 0.3, 0.5, 0.7, 0.9),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
)
