r"""NAdamW: AdamW with Nesterov's momentum (Dozat 2016, with decoupled decay).

With gradient g_t, t = 1, 2, ..., and Adam's moments m_t and v_t:

    u_t = (beta1 m_t / (1 - beta1^(t+1)) + (1 - beta1) g_t / (1 - beta1^t))
          / (sqrt(v_t / (1 - beta2^t)) + epsilon)
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})

State: m and v, 8 bytes a parameter. Cost: element-wise. As in optax and Levanter, without Dozat's
extra beta2. The default of `torch.optim.NAdam` (`momentum_decay=4e-3`) is another algorithm; with
`momentum_decay=1e9` it is this one, and this is checked against it.

In float32 the square of a gradient below 1e-19 is 0; over the study's epsilon of 1e-25 its step can
be 1e6 learning rates.
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


class NAdamW(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of NAdamW."""

    learning_rate: LearningRate = 0.016
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95
    epsilon: Epsilon = 1e-25


def _rules(hyper: NAdamW, labels: Labels) -> dict[str, Rule]:
    del labels
    nadam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon, nesterov=True)
    return everywhere(hyper.rule("nadamw", nadam, elementwise=True))


NADAMW = Optimizer(
    name="nadamw",
    label="NAdamW",
    family="scalar",
    summary="AdamW with Nesterov's look-ahead in the first moment.",
    paper="Dozat 2016, OpenReview OM0jvwB8jIp57ZJjtNEZ",
    hyperparameters=NAdamW,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "epsilon": (1e-25, 1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
)
