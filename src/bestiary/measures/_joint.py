"""The joint law of all losses: one fit that every prediction reads."""

from functools import lru_cache

from bestiary.errors import UserError
from bestiary.evidence import Evidence
from bestiary.laws import FORMS, RESOLUTION, JointData, JointFit, fit_joint_law

# Refits behind an interval; 95% ends of 500 draws are known to about a tenth of their width.
DRAWS = 500


@lru_cache(maxsize=8)
def joint_fit(evidence: Evidence, form: str = "data and size", draws: int = DRAWS) -> JointFit:
    """The joint law L(N, D) of these results; fitted once, asked for often.

    Args:
        evidence: At two sizes and two ratios or more.
        form: A name of `bestiary.laws.FORMS`.
        draws: Bootstrap draws.

    Raises:
        UserError: too few sizes or ratios.
    """
    return fit_joint_law(joint_data(evidence), FORMS[form], draws=draws)


def joint_data(evidence: Evidence) -> JointData:
    """Every loss with its N and D.

    Raises:
        UserError: too few sizes or ratios, or losses without any noise.
    """
    found = evidence.found
    exact = [size for size, noise in evidence.noise.items() if noise.total < RESOLUTION]
    if exact:
        raise UserError(
            f"a joint law needs noisy losses, and repeated runs at {', '.join(exact)} agree to "
            f"{RESOLUTION:g} nats; check that they are runs of different seeds"
        )
    return JointData(
        which=tuple(one.optimizer for one in found),
        parameters=[one.parameters for one in found],
        tokens=[one.tokens for one in found],
        losses=[one.loss for one in found],
        deviations=[evidence.noise[one.size].total / len(one.done) ** 0.5 for one in found],
        baseline=evidence.baseline,
    )
