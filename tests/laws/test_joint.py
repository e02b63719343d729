"""The joint law: equals scipy's fit, finds the truth it was made from, and says what it cannot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from bestiary.errors import UserError
from bestiary.laws import (
    FORMS,
    JointData,
    JointForm,
    JointLaw,
    JointPrior,
    fit_joint_law,
    held_out_errors,
)

OPTIMIZERS = ("adamw", "muon", "soap")
SIZES = (1e6, 4e6, 16e6, 64e6)
# E, A, C, alpha, beta, kappa; log r, g, h, log p of muon and soap where the form has them.
SHARED = (np.log(1.8), np.log(0.9), np.log(0.25), np.log(0.25), np.log(0.45), 0.1)
EFFICIENCY = {"log r muon": 0.3, "log r soap": 0.15, "g muon": -0.08, "g soap": 0.02}
EFFICIENCY |= {"h muon": -0.04, "h soap": 0.05}


def truth(form: JointForm) -> JointLaw:
    names = form.names(OPTIMIZERS)
    given_values = {"log p muon": 0.1, "log p soap": -0.05, **EFFICIENCY}
    values = [
        SHARED[index] if index < 5 + form.interaction else given_values[name]
        for index, name in enumerate(names)
    ]
    return JointLaw(form, OPTIMIZERS, (8e6, 4.5e8), np.array(values))


def made(
    form: JointForm, noise: float = 0.0, seed: int = 0, sizes: tuple[float, ...] = SIZES
) -> JointData:
    points = [(one, n, 20 * n * r) for n in sizes for r in (1, 2, 4, 8) for one in OPTIMIZERS]
    law, generator = truth(form), np.random.default_rng(seed)
    losses = [float(law.loss(*point)) + generator.normal(0, noise) for point in points]
    which, parameters, tokens = zip(*points, strict=True)
    return JointData(which, parameters, tokens, losses, [max(noise, 1e-6)] * len(points))


@pytest.mark.parametrize("name", FORMS)
def test_without_noise_the_truth_comes_out(name: str) -> None:
    data = made(FORMS[name])
    fit = fit_joint_law(data, FORMS[name])
    assert fit.deviation < 1e-5
    for one in OPTIMIZERS:
        speedup = fit.law.log_speedup(one, [3e6, 3e7], 1e9)
        assert speedup == pytest.approx(
            truth(FORMS[name]).log_speedup(one, [3e6, 3e7], 1e9), abs=1e-3
        )


@pytest.mark.slow
@given(st.lists(st.floats(-0.5, 0.5), min_size=12, max_size=12), st.sampled_from(sorted(FORMS)))
@settings(max_examples=25, deadline=None)
def test_derivatives_are_those_of_the_loss(moves: list[float], name: str) -> None:
    law = truth(FORMS[name])
    terms = made(FORMS[name]).terms(FORMS[name])
    values = (law.values + np.array(moves)[: law.values.size])[None]
    exact = terms.jacobian(values)[0]
    for index in range(values.size):
        step = np.zeros_like(values)
        step[0, index] = 1e-6
        slope = (terms.loss(values + step) - terms.loss(values - step))[0] / 2e-6
        assert exact[:, index] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", ["data and size", "parameters and data"])
def test_it_is_the_minimum_that_scipy_finds(name: str) -> None:
    form, data = FORMS[name], made(FORMS[name], noise=0.004, seed=3)
    fit, terms = fit_joint_law(data, form), data.terms(form)
    centres, spreads = JointPrior().of(form.names(OPTIMIZERS), float(np.min(data.losses)))

    def residuals(values: np.ndarray) -> np.ndarray:
        scaled = (terms.loss(values[None])[0] - data.losses) / 0.004
        return np.concatenate([scaled, (values - centres) / spreads])

    reference = least_squares(residuals, truth(form).values, x_scale="jac", xtol=1e-14, ftol=1e-14)
    # The fit's own weights contain what the residuals show beyond the stated noise.
    assert fit.law.values == pytest.approx(reference.x, abs=0.02)
    own = 0.5 * float((residuals(fit.law.values) ** 2).sum())
    assert own == pytest.approx(reference.cost, rel=2e-3)
    assert fit.starts[0] > 20


@pytest.mark.slow
def test_errors_and_draws_are_as_wide_as_the_noise_demands() -> None:
    form = FORMS["data and size"]
    found = [fit_joint_law(made(form, noise=0.004, seed=seed)).law.values for seed in range(60)]
    between = np.std(found, axis=0)
    fit = fit_joint_law(made(form, noise=0.004), draws=300)
    assert fit.laws is not None
    # Between data sets the prior does not move, so its share of the spread is missing there.
    assert fit.errors[6:] == pytest.approx(between[6:], rel=0.4)
    assert fit.laws.values.std(axis=0)[6:] == pytest.approx(between[6:], rel=0.4)
    again = fit_joint_law(made(form, noise=0.004), draws=300)
    assert again.laws is not None
    assert (again.laws.values == fit.laws.values).all()


@pytest.mark.slow
def test_the_size_term_is_chosen_where_it_is_true_and_not_where_it_is_not() -> None:
    changing, constant = made(FORMS["data and size"], 0.002), made(FORMS["data"], 0.002)
    with_term, without = FORMS["data and size"], FORMS["data"]
    assert fit_joint_law(changing, with_term).criterion < fit_joint_law(changing, without).criterion
    assert fit_joint_law(constant, without).criterion < fit_joint_law(constant, with_term).criterion
    largest = [np.flatnonzero(np.asarray(changing.parameters) == SIZES[-1])]
    errors = [
        np.abs(held_out_errors(changing, form, largest)[0]).mean() for form in (with_term, without)
    ]
    assert errors[0] < errors[1]


def test_held_out_losses_are_not_seen() -> None:
    form, data = FORMS["data"], made(FORMS["data"], 0.002)
    fold = np.arange(3)
    losses = np.array(data.losses)
    losses[fold] += 0.5
    moved = JointData(data.which, data.parameters, data.tokens, losses, data.deviations)
    expected = held_out_errors(data, form, [fold])[0]
    # Only the weights know of the fold, by the residuals of the fit to all; that moves little.
    assert held_out_errors(moved, form, [fold])[0] == pytest.approx(expected + 0.5, abs=0.02)


def test_huber_ignores_a_broken_run() -> None:
    form, data = FORMS["data"], made(FORMS["data"], 0.001)
    losses = np.array(data.losses)
    losses[1] += 0.3
    broken = JointData(data.which, data.parameters, data.tokens, losses, data.deviations)
    plain, robust = fit_joint_law(broken, form), fit_joint_law(broken, form, huber=0.002)
    expected = truth(form).log_speedup("muon", 4e6, 1e9)
    assert robust.law.log_speedup("muon", 4e6, 1e9) == pytest.approx(expected, abs=0.02)
    assert abs(plain.law.log_speedup("muon", 4e6, 1e9) - expected) > 0.03


def test_a_loss_that_the_baseline_cannot_reach_is_infinite() -> None:
    form = FORMS["parameters and data"]
    names = form.names(OPTIMIZERS)
    values = truth(form).values.copy()
    values[names.index("log p muon")] = 6.0
    law = JointLaw(form, OPTIMIZERS, (8e6, 4.5e8), values)
    assert np.isinf(law.log_speedup("muon", 4e6, 1e12))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": (1e6,) * 4}, "two sizes"),
        ({"baseline": "adam"}, "did you mean 'adamw'"),
        ({"losses": (1.0, 2.0, float("nan"), 1.0)}, "losses must be finite"),
        ({"tokens": (1e8,) * 3}, "one entry per point"),
        ({"tokens": (1e7, 1e7, 4e7, 4e7)}, "two token counts"),
    ],
)
def test_bad_data_is_refused_in_one_line(change: dict[str, object], message: str) -> None:
    given_data: dict[str, object] = {
        "which": ("adamw", "muon", "adamw", "muon"),
        "parameters": (1e6, 1e6, 4e6, 4e6),
        "tokens": (1e7, 1e7, 8e7, 8e7),
        "losses": (3.0, 2.9, 2.5, 2.4),
    }
    with pytest.raises(UserError, match=message):
        JointData(**{**given_data, **change})  # type: ignore[arg-type]


def test_an_optimizer_that_was_not_fitted_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'muon'"):
        truth(FORMS["data"]).loss("moun", 1e6, 1e9)


def test_size_efficiency_without_data_efficiency_is_refused() -> None:
    with pytest.raises(UserError, match="data=True"):
        JointForm(data=False, size=True)
