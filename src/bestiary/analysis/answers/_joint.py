"""The joint law of all findings: one fit that every prediction here reads."""

from functools import lru_cache

import msgspec

from bestiary.analysis.answers._findings import Findings
from bestiary.laws import FORMS, JointData, JointFit, fit_joint_law

# Refits behind an interval; 95% ends of 500 draws are known to about a tenth of their width.
DRAWS = 500


def joint_fit(findings: Findings, form: str = "data and size", draws: int = DRAWS) -> JointFit:
    """The joint law L(N, D) of these findings.

    Args:
        findings: At two sizes and two ratios or more.
        form: A name of `bestiary.laws.FORMS`.
        draws: Bootstrap draws.

    Raises:
        UserError: too few sizes or ratios.
    """
    return _fitted(msgspec.json.encode(findings), form, draws)


@lru_cache(maxsize=8)
def _fitted(findings: bytes, form: str, draws: int) -> JointFit:
    """Fits are asked for more than once in one answer; findings hold dictionaries, hence bytes."""
    return fit_joint_law(
        joint_data(msgspec.json.decode(findings, type=Findings)), FORMS[form], draws=draws
    )


def joint_data(findings: Findings) -> JointData:
    """Every loss with its N and D."""
    found = findings.found
    return JointData(
        which=tuple(one.optimizer for one in found),
        parameters=[one.parameters for one in found],
        tokens=[one.tokens for one in found],
        losses=[one.loss for one in found],
        deviations=[findings.noise.total / one.runs**0.5 for one in found],
        baseline=findings.baseline,
    )
