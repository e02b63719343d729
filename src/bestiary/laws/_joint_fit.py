"""Fit a joint law from a grid of starts, with its uncertainty and how well the data fix it.

The losses scatter around a law by their seed noise and by what the law gets wrong. The second part
is read from the residuals: a part common to all optimizers of a cell, and a part of each one's own.
Weights and bootstrap draws contain both, so a law that fits badly has wide intervals; a draw takes
the size of each part as freely as the residuals leave it.

Shape suffixes: K draws, P points, Q parameters, S starts.
"""

from dataclasses import dataclass

import numpy as np

from bestiary.laws._descent import descend
from bestiary.laws._joint import FORMS, JointLaw
from bestiary.laws._joint_data import JointData, JointPrior
from bestiary.laws._joint_problem import STARTS, JointProblem, Scatter
from bestiary.laws._joint_terms import JointForm
from bestiary.laws._power import Array

# Minima whose costs agree to this are the same one.
_SAME_COST = 1e-3


@dataclass(frozen=True)
class JointFit:
    """A fitted joint law and what is known of it.

    Attributes:
        law: The law.
        laws: K bootstrap draws of it; None where none were asked for.
        residuals: Observed less fitted losses, in nats, shape (P,).
        scatter: What the draws are made with.
        criterion: Akaike's, corrected for few points (AICc); lower is better; inf where there are
            no more points than parameters.
        errors: Standard error of every value, linearised, prior included; shape (Q,).
        correlations: Between the values, shape (Q, Q).
        condition_number: Of the Jacobian without the prior, its columns scaled to length 1; inf
            where the data leave a value free. Above 1e3 values are not separately known.
        starts: How many of the starts found the best minimum, and how many there were.
    """

    law: JointLaw
    laws: JointLaw | None
    residuals: Array
    scatter: Scatter
    criterion: float
    errors: Array
    correlations: Array
    condition_number: float
    starts: tuple[int, int]

    @property
    def covariance(self) -> Array:
        """Of the values, shape (Q, Q)."""
        return np.asarray(self.correlations * np.outer(self.errors, self.errors))

    @property
    def deviation(self) -> float:
        """Root mean square of the residuals, in nats."""
        return float(np.sqrt(np.mean(self.residuals**2)))


def fit_joint_law(
    data: JointData,
    form: JointForm = FORMS["data and size"],
    *,
    prior: JointPrior | None = None,
    huber: float | None = None,
    draws: int = 0,
    seed: int = 0,
) -> JointFit:
    """The joint law of least squares, or with Huber's loss, from 27 starts.

    Args:
        data: The losses.
        form: The terms of the law.
        prior: What is assumed before the data.
        huber: Residuals beyond this many nats count linearly; none do where absent.
        draws: Bootstrap draws, each a refit to losses redrawn around the law.
        seed: Decides the draws.
    """
    problem = JointProblem(data, form, prior or JointPrior(), huber)
    deviations_P = np.asarray(data.deviations)
    equal_P = np.full(len(data.which), max(float(deviations_P.mean()), 1e-3))
    first_P = np.where(deviations_P > 0, deviations_P, equal_P)
    values_SQ, costs_S = descend(*problem.batch(first_P, problem.starts()))
    best_Q = values_SQ[costs_S.argmin()]
    found = int((costs_S <= costs_S.min() * (1 + _SAME_COST) + 1e-12).sum())
    scatter = problem.scatter(best_Q, first_P)
    best_Q = descend(*problem.batch(scatter.total, best_Q[None]))[0][0]
    scatter = problem.scatter(best_Q, scatter.total)
    law = JointLaw(form, data.optimizers, data.scale, best_Q)
    errors, correlations, condition = problem.conditioning(best_Q, scatter.total)
    return JointFit(
        law=law,
        laws=_draws(problem, law, scatter, draws, seed) if draws else None,
        residuals=problem.residuals(best_Q),
        scatter=scatter,
        criterion=problem.criterion(best_Q),
        errors=errors,
        correlations=correlations,
        condition_number=condition,
        starts=(found, len(STARTS)),
    )


def _draws(
    problem: JointProblem, law: JointLaw, scatter: Scatter, count: int, seed: int
) -> JointLaw:
    """Laws refitted to losses redrawn around the law, under priors whose centres are redrawn."""
    generator = np.random.default_rng([seed, len(law.values)])
    cells_P = np.array(problem.data.cells)
    fitted_P = problem.losses - problem.residuals(law.values)
    deviation_KP, deviation_K1 = scatter.draws(generator, count)
    own_KP = generator.normal(size=(count, cells_P.size)) * deviation_KP
    shared_KC = generator.normal(size=(count, cells_P.max() + 1)) * deviation_K1
    centres_KQ = problem.centres + problem.spreads * generator.normal(size=(count, law.values.size))
    values_KQ, _ = descend(
        *problem.batch(
            scatter.total,
            np.tile(law.values, (count, 1)),
            losses_KP=fitted_P + own_KP + shared_KC[:, cells_P],
            centres_KQ=centres_KQ,
        )
    )
    return JointLaw(law.form, law.optimizers, law.scale, values_KQ)
