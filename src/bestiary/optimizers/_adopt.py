r"""ADOPT (Taniguchi et al. 2024, arXiv 2411.02853): Adam that converges with any beta2.

With gradient g_k, k = 0, 1, ...:

    k = 0:  v = g_0^2; the parameters stay
    k > 0:  m <- beta1 m + (1 - beta1) clip(g_k / max(sqrt(v), epsilon), +- k^(1/4))
            p <- p - eta (m + lambda p)
            v <- beta2 v + (1 - beta2) g_k^2

so the gradient is divided by a second moment that has not seen it, before the momentum.

State: m and v, 8 bytes a parameter. Cost: element-wise. No bias correction. Weight decay does not
act at step 0 either. The transform is optax's; Levanter's ADOPT corrects the bias of v, and
pytorch_optimizer's counts one step more where it clips, and decays at step 0. The starting point is
AdamW's best at 130M with the authors' betas; their epsilon is large for gradients of a mean loss.
Checked against iShohei220/adopt, and `pytorch_optimizer.ADOPT` with that count corrected.
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


class ADOPT(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of ADOPT."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.9999
    epsilon: Epsilon = 1e-6


def _rules(hyper: ADOPT, labels: Labels) -> dict[str, Rule]:
    del labels
    adopt = optax.contrib.scale_by_adopt(hyper.beta1, hyper.beta2, hyper.epsilon)
    return everywhere(hyper.rule("adopt", adopt, idle_first_step=True, elementwise=True))


ADOPT_ENTRY = Optimizer(
    name="adopt",
    label="ADOPT",
    family="scalar",
    summary="Adam that divides by a second moment from before the gradient.",
    paper="Taniguchi et al. 2024, arXiv 2411.02853",
    hyperparameters=ADOPT,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.002, 0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.95, 0.98, 0.99, 0.999, 0.9999),
        "epsilon": (1e-15, 1e-10, 1e-6),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
)
