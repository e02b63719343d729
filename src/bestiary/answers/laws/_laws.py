"""The laws that results support, how well they are known, and what they predict unseen.

Per size the baseline's curve; one joint law in N and D for all optimizers, its forms compared by
held-out error and AICc; and each hyperparameter's law, asked for the largest size from the smaller.
Conditioning, correlations and a robust (Huber) fit stand beside every fit.
"""

from collections.abc import Iterable

import numpy as np

from bestiary.answers.laws._conclusions import conclusions
from bestiary.errors import UserError
from bestiary.evidence import Evidence, require_results
from bestiary.laws import (
    FORMS,
    Conditioning,
    CurvePosterior,
    JointData,
    conditioning,
    fit_joint_law,
    fit_power_law,
)
from bestiary.measures import (
    HARMLESS,
    JointComparison,
    LawValue,
    SettingPrediction,
    Tuned,
    baseline_posterior,
    compare_joint_laws,
    draw,
    estimate,
    joint_data,
    setting_predictions,
)
from bestiary.specs import DRAWS, Cell, Estimate, Setting, Spec

_NAMES = ("a", "B", "b")


class CurveLaw(Spec, frozen=True, kw_only=True):
    """The baseline's a D^-B + b at one size, D the ratio.

    Attributes:
        ratios: The ratios it rests on.
        a: Loss above the asymptote at D = 1, in nats.
        exponent: B.
        b: The asymptote.
        condition_number: Of the Jacobian by (log a, log B, b), the range of B included, columns
            scaled to length 1; above 1e3 single values are not known, though the curve may be.
        correlations: Between them, by pair: `a, B`.
        robust_exponent: B by a Huber fit to the losses alone, residuals beyond one deviation
            counting linearly; None below four ratios, where nothing is left to be robust with.
        held_out: Loss at the greatest ratio less its prediction from the others, in nats; None
            below three ratios.
        misfit: Chance that noise alone makes residuals as large, by an F test; None below four
            ratios, where nothing is left to test the form with.
    """

    size: str
    ratios: tuple[float, ...]
    a: Estimate
    exponent: Estimate
    b: Estimate
    condition_number: float | None
    correlations: dict[str, float]
    robust_exponent: float | None
    held_out: float | None
    misfit: float | None


class SettingCheck(Spec, frozen=True, kw_only=True):
    """One hyperparameter at the largest size, predicted from the smaller ones.

    Attributes:
        at: Where: `1.2b 8x`.
        tuned: What was used there; None where this optimizer was not run there.
    """

    optimizer: str
    at: str
    tuned: Setting | None
    prediction: SettingPrediction


class Laws(Spec, frozen=True, kw_only=True):
    """All laws of some results.

    Attributes:
        source: The results.
        noise: Standard deviation between seeds and where it is from, in words.
        curves: The baseline's curve of every size that has two ratios.
        joint: The forms of the joint law; None where there are too few sizes or ratios.
        conclusions: What their comparison says, in sentences.
        robust: The values of its first form by Huber's loss.
        settings: The hyperparameters that varied.
        limits: What could not be fitted, in sentences.
    """

    source: str
    noise: tuple[str, ...]
    baseline: str
    curves: tuple[CurveLaw, ...]
    joint: JointComparison | None
    conclusions: tuple[str, ...]
    robust: tuple[LawValue, ...]
    settings: tuple[SettingCheck, ...]
    limits: tuple[str, ...]


def laws_of(evidence: Evidence) -> Laws:
    """Fit every law.

    Raises:
        UserError: no finished run of the baseline, or of anything else.
    """
    require_results(evidence)
    limits = []
    curves = []
    drawn = draw(evidence)
    for size in evidence.measured_sizes:
        posterior, fit = baseline_posterior(evidence, size), drawn.sizes[size].fitted
        if posterior is not None:
            tested = fit is not None and fit.tested
            curves.append(_curve(size, posterior, fit.misfit if fit and tested else None))
        else:
            own = [cell for cell in evidence.of(evidence.baseline) if cell.size == size]
            limits.append(f"No curve at {size}: the baseline has {len(own)} ratio, 2 are needed.")
    if drawn.rejected:
        limits.append(
            f"The losses of {evidence.labels[evidence.baseline]} at {', '.join(drawn.rejected)} "
            "miss the form a D^-B + b by more than their noise, which no interval of its values "
            "there contains, nor of what rests on them."
        )
    joint: JointComparison | None = None
    robust: tuple[LawValue, ...] = ()
    try:
        data = joint_data(evidence)
        joint = compare_joint_laws(data)
        robust = _robust(data, joint.forms[0].form)
    except UserError as error:
        limits.append(f"No joint law: {error}.")
    settings = [check for name in evidence.optimizers for check in _settings(evidence, name)]
    if not settings:
        limits.append(
            "No law of a hyperparameter: none was tuned to two values below the largest size."
        )
    return Laws(
        source=evidence.source,
        noise=tuple(_noise(evidence)),
        baseline=evidence.baseline,
        curves=tuple(curves),
        joint=joint,
        conclusions=() if joint is None else tuple(conclusions(joint)),
        robust=robust,
        settings=tuple(settings),
        limits=tuple(limits),
    )


def _noise(evidence: Evidence) -> Iterable[str]:
    """The noise between seeds and where it is from, sizes that share one together."""
    told: dict[str, list[str]] = {}
    for size in evidence.measured_sizes:
        noise = evidence.noise[size]
        told.setdefault(f"{noise.total:.2g} nats between seeds, {noise.source}", []).append(size)
    for words, sizes in told.items():
        yield words if len(told) == 1 else f"{', '.join(sizes)}: {words}"


def _curve(size: str, posterior: CurvePosterior, misfit: float | None) -> CurveLaw:
    """One curve from its posterior; the noise between seeds counts as known."""
    ratios, losses, deviations = posterior.ratios, posterior.losses, posterior.deviations
    law = posterior.law()
    laws = posterior.draws(np.ones(DRAWS), np.random.default_rng(0))
    known = conditioning(law, ratios, deviations, posterior.prior)
    held_out = robust = None
    if len(ratios) > 2:
        others = CurvePosterior(ratios[:-1], losses[:-1], deviations[:-1]).law()
        held_out = float(losses[-1] - others.loss(ratios[-1]))
    if len(ratios) > 3:
        huber = float(deviations.mean())
        robust = float(fit_power_law(ratios, losses, huber=huber).exponent)
    return CurveLaw(
        size=size,
        ratios=tuple(ratios.tolist()),
        a=estimate(float(law.a), laws.a),
        exponent=estimate(float(law.exponent), laws.exponent),
        b=estimate(float(law.b), laws.b),
        condition_number=None if known is None else known.condition_number,
        correlations=_correlations(known),
        robust_exponent=robust,
        held_out=held_out,
        misfit=misfit,
    )


def _correlations(known: Conditioning | None) -> dict[str, float]:
    """Between every two values, by their names."""
    if known is None:
        return {}
    return {
        f"{_NAMES[row]}, {_NAMES[column]}": float(known.correlations[row, column])
        for column in range(3)
        for row in range(column)
    }


def _robust(data: JointData, form: str) -> tuple[LawValue, ...]:
    """The same form with residuals beyond one deviation counting linearly."""
    plain = fit_joint_law(data, FORMS[form])
    fit = fit_joint_law(data, FORMS[form], huber=float(np.mean(plain.scatter.total)))
    return tuple(
        LawValue(name=name, value=float(value), error=float(error))
        for name, value, error in zip(fit.law.names, fit.law.values, fit.errors, strict=True)
    )


def _settings(evidence: Evidence, optimizer: str) -> list[SettingCheck]:
    """Every hyperparameter that varied, at the largest size, from the smaller ones."""
    size, parameters = list(evidence.measured_sizes.items())[-1]
    found = evidence.of(optimizer)
    ratio = max(one.ratio for one in evidence.found if one.size == size)
    tuned = [
        Tuned(one.parameters, one.ratio, one.settings)
        for one in found.values()
        if one.settings and not one.tuning.inherited and one.size != size and one.ratio <= ratio
    ]
    if len(tuned) < 2:
        return []
    there = found.get(Cell(size=size, ratio=ratio))
    varied = {
        name
        for name in tuned[0].configuration
        if name not in HARMLESS and len({cell.configuration.get(name) for cell in tuned}) > 1
    }
    predicted = setting_predictions(
        [one.of(varied) for one in tuned],
        parameters=parameters,
        ratio=ratio,
        ranges=evidence.contenders[optimizer].ranges,
    )
    return [
        SettingCheck(
            optimizer=optimizer,
            at=f"{size} {ratio:g}x",
            tuned=there.settings.get(one.name) if there else None,
            prediction=one,
        )
        for one in predicted
    ]
