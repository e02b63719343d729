"""Three ways to extrapolate an optimizer's losses to 7B parameters at 1x.

What a form misses of the losses it was fitted to is noise of the prediction as well: losses are
redrawn with the scatter of the misfit beside that of the seeds.

Shape suffixes: K losses (the published ones first, then redrawn), S sizes, P points, G pairs of
exponents.
"""

from collections.abc import Callable
from zlib import crc32

import numpy as np

from bestiary.evidence.published import SIZES
from bestiary.laws import Array, fit_study_forms
from bestiary.measures.published._variant import Place, Variant
from bestiary.specs import SIZES as SHAPES

TARGET = 7e9
PARAMETERS = {size: float(SHAPES[size].matrix_parameters) for size in SIZES}
EXPONENTS = np.linspace(0.1, 0.9, 33)
# The joint fit is the dear one; a few hundred draws give its share to a few percent.
JOINT_DRAWS = 300


def with_asymptote(evidence: Variant, optimizer: str) -> Array:
    """L(N) = A N^-alpha + B through the four losses at 1x, at 7B; shape (K,)."""
    size_S = np.array(list(PARAMETERS.values())) / PARAMETERS["130m"]
    loss_KS = _losses(evidence, optimizer, [(size, 1.0) for size in SIZES])
    fitted_S = np.array([fit_study_forms(size_S, loss_KS[:1]).loss(at)[0] for at in size_S])
    loss_KS = _with_misfit(evidence, optimizer, loss_KS, fitted_S, 3)
    return fit_study_forms(size_S, loss_KS).loss(TARGET / PARAMETERS["130m"])


def without_asymptote(evidence: Variant, optimizer: str) -> Array:
    """L(N) = A N^-alpha through the same, by least squares in logs; shape (K,)."""
    loss_KS = _losses(evidence, optimizer, [(size, 1.0) for size in SIZES])
    logs_S = np.log(list(PARAMETERS.values()))
    slope, level = np.polyfit(logs_S, np.log(loss_KS[0]), 1)
    loss_KS = _with_misfit(evidence, optimizer, loss_KS, np.exp(level + slope * logs_S), 2)
    slope_K, level_K = np.polyfit(logs_S, np.log(loss_KS).T, 1)
    return np.exp(level_K + slope_K * np.log(TARGET))


def joint(evidence: Variant, optimizer: str) -> Array:
    """L(N, D) = E + A N^-alpha + C D^-beta through all sixteen losses up to 8x, at 7B 1x.

    Linear in (E, A, C) for given exponents, which are searched on a grid. Shape (K,).
    """
    places = [at for at in evidence.places(optimizer) if at[1] <= 8]
    loss_KP = _losses(evidence, optimizer, places)[: JOINT_DRAWS + 1]
    exponent_G = np.array([(alpha, beta) for alpha in EXPONENTS for beta in EXPONENTS])
    size_P = np.array([PARAMETERS[size] for size, _ in places])
    token_P = np.array([20 * ratio * PARAMETERS[size] for size, ratio in places])
    design_GP = _design(size_P / TARGET, token_P / (20 * TARGET), exponent_G)
    basis_GP = np.linalg.qr(design_GP)[0]
    explained_G = (np.tensordot(loss_KP[:1], basis_GP, axes=(1, 1)) ** 2).sum(axis=2)[0]
    basis_P = basis_GP[explained_G.argmax()]
    loss_KP = _with_misfit(evidence, optimizer, loss_KP, basis_P @ (basis_P.T @ loss_KP[0]), 5)
    explained_KG = ((np.tensordot(loss_KP, basis_GP, axes=(1, 1))) ** 2).sum(axis=2)
    chosen_KP = design_GP[explained_KG.argmax(axis=1)]
    coefficients = np.linalg.pinv(chosen_KP) @ loss_KP[:, :, None]
    # In units of the target both powers are 1 there, so the prediction is E + A + C.
    return coefficients[:, :, 0].sum(axis=1)


JOINT = "a joint law in N and D"
PREDICTIONS: dict[str, Callable[[Variant, str], Array]] = {
    JOINT: joint,
    "a power law in N with an asymptote": with_asymptote,
    "one without": without_asymptote,
}


def _design(size_P: Array, token_P: Array, exponent_G: Array) -> Array:
    """Regressors (1, N^-alpha, D^-beta) for every pair of exponents, shape (G, P, 3)."""
    size_GP = size_P ** -exponent_G[:, :1]
    token_GP = token_P ** -exponent_G[:, 1:]
    return np.stack([np.ones_like(size_GP), size_GP, token_GP], axis=2)


def _with_misfit(
    evidence: Variant, optimizer: str, loss_KP: Array, fitted_P: Array, parameters: int
) -> Array:
    """Redrawn losses with the scatter of what a form misses beyond the noise of the seeds."""
    freedom = max(1, fitted_P.size - parameters)
    variance = float(((loss_KP[0] - fitted_P) ** 2).sum()) / freedom - evidence.noise**2
    generator = np.random.default_rng((evidence.seed, crc32(f"misfit {optimizer}".encode())))
    scatter_KP = np.sqrt(max(0.0, variance)) * generator.standard_normal(loss_KP.shape)
    scatter_KP[0] = 0.0
    return loss_KP + scatter_KP


def _losses(evidence: Variant, optimizer: str, places: list[Place]) -> Array:
    """The published losses at some places, then the redrawn; shape (1 + K, P)."""
    published = np.array([[evidence.losses[optimizer, *at] for at in places]])
    redrawn = np.stack([evidence.loss_draws(optimizer, at) for at in places], axis=1)
    return np.concatenate([published, redrawn])
