r"""Newton-Schulz iteration: the nearest semi-orthogonal matrix by products alone.

    X_0 = G / (s ||G||_F + epsilon);   A = X X^T;   X <- a X + (b A + c A^2) X

drives every singular value towards 1 and keeps the singular vectors. A step costs 4 M^2 N + 2 M^3
FLOPs on an M x N matrix, M <= N. The coefficient sets differ in how fast and how far:

- `simple` (Jordan 2024): fast, not convergent, singular values end in about [0.7, 1.2].
- `quintic` (You 2024): five different triples.
- `polar_express` (Amsel, Persson, Musco, Gower 2025, arXiv 2505.16932): minimax for singular values
  in [1e-3, 1], with safety s = 1.02; the five triples of modded-nanogpt.
- `classic`: (2, -1.5, 0.5), convergent; 12 steps reach 1.
"""

from typing import Literal

import jax.numpy as jnp
from jax import Array

from bestiary.optimizers._rules import Scalar
from bestiary.specs import ComputeDtype

Coefficients = Literal["simple", "quintic", "polar_express", "classic"]
Triple = tuple[float, float, float]

_TRIPLES: dict[str, tuple[Triple, ...]] = {
    "simple": ((3.4445, -4.7750, 2.0315),),
    "quintic": (
        (4.0848, -6.8946, 2.9270),
        (3.9505, -6.3029, 2.6377),
        (3.7418, -5.5913, 2.3037),
        (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
    "polar_express": (
        (8.156554524902461, -22.48329292557795, 15.878769915207462),
        (4.042929935166739, -2.808917465908714, 0.5000178451051316),
        (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
        (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
        (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
    ),
    "classic": ((2.0, -1.5, 0.5),),
}
_SAFETY = {"polar_express": 1.02}


def newton_schulz(
    x_GMN: Array,
    *,
    coefficients: Coefficients,
    steps: int,
    epsilon: Scalar,
    precision: ComputeDtype = "float32",
) -> Array:
    """Orthogonalise a batch of matrices; fastest with M <= N.

    Args:
        x_GMN: The matrices. A zero matrix stays zero.
        coefficients: The set of triples; steps beyond its length repeat the last one.
        steps: Iterations.
        epsilon: Added to the Frobenius norm.
        precision: `bfloat16` iterates in bfloat16, products accumulating in float32; `float32`
            iterates in the type of the input, where GPUs multiply float32 in TensorFloat-32.
    """
    if x_GMN.shape[-2] > x_GMN.shape[-1]:
        return newton_schulz(
            x_GMN.mT, coefficients=coefficients, steps=steps, epsilon=epsilon, precision=precision
        ).mT
    triples = _TRIPLES[coefficients]
    norm_G11 = frobenius_norm(x_GMN) * _SAFETY.get(coefficients, 1.0) + epsilon
    kind = jnp.bfloat16 if precision == "bfloat16" else x_GMN.dtype
    y_GMN = (x_GMN / norm_G11).astype(kind)
    for index in range(steps):
        a, b, c = triples[min(index, len(triples) - 1)]
        a_GMM = y_GMN @ y_GMN.mT
        y_GMN = a * y_GMN + (b * a_GMM + c * (a_GMM @ a_GMM)) @ y_GMN
    return y_GMN.astype(x_GMN.dtype)


def frobenius_norm(x_GMN: Array) -> Array:
    """The Frobenius norms (G, 1, 1), without overflow of the squares."""
    return norm_over(x_GMN, (-2, -1))


def norm_over(x: Array, axes: tuple[int, ...]) -> Array:
    """The Euclidean norms over some axes, kept at length 1, without overflow of the squares."""
    largest = jnp.max(jnp.abs(x), axis=axes, keepdims=True)
    largest = jnp.where(largest > 0, largest, 1.0)
    return largest * jnp.sqrt(jnp.sum((x / largest) ** 2, axis=axes, keepdims=True))
