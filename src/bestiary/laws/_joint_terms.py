"""The terms of a joint law at given points, and their derivatives, for many laws at once.

    L = E + A exp(-alpha (n + p)) + C exp(kappa n - beta (d + r + g n + h (d - n))),
    n = log N/N0, d = log D/D0

with the efficiencies r, g, h, p of each point's optimizer. All of E, A, C, alpha, beta are positive
and are fitted by their logs.

Shape suffixes: K laws, P points, Q parameters.
"""

from dataclasses import dataclass

import numpy as np

from bestiary.errors import UserError
from bestiary.laws._power import Array


@dataclass(frozen=True)
class JointForm:
    """Which terms a joint law has.

    Attributes:
        data: Optimizers differ in data efficiency r.
        size: That efficiency changes with model size at one ratio, g.
        ratio: It changes with the ratio of data to model, h.
        parameters: Optimizers differ in parameter efficiency p too.
        interaction: The benefit of data changes with model size, kappa.
    """

    data: bool = True
    size: bool = True
    parameters: bool = False
    interaction: bool = True
    ratio: bool = False

    def __post_init__(self) -> None:
        if (self.size or self.ratio or self.parameters) and not self.data:
            raise UserError(
                "a joint law with efficiencies by size, ratio or parameters needs data=True"
            )

    def names(self, optimizers: tuple[str, ...]) -> tuple[str, ...]:
        """What each of the Q values of a law is called; the baseline comes first of optimizers."""
        kinds = (
            ("log r", self.data),
            ("g", self.size),
            ("h", self.ratio),
            ("log p", self.parameters),
        )
        return (
            *("log E", "log A", "log C", "log alpha", "log beta"),
            *(("kappa",) if self.interaction else ()),
            *(f"{kind} {name}" for kind, has in kinds if has for name in optimizers[1:]),
        )


@dataclass(frozen=True)
class Terms:
    """Points at which laws of one form are evaluated.

    Attributes:
        size: n of every point, shape (P,).
        data: d of every point, shape (P,).
        of_data: What the values contribute to r + g n + h (d - n), shape (P, Q).
        of_parameters: What they contribute to p, shape (P, Q).
        interaction: Whether value 5 is kappa.
    """

    size: Array
    data: Array
    of_data: Array
    of_parameters: Array
    interaction: bool

    @classmethod
    def at(
        cls,
        form: JointForm,
        optimizers: tuple[str, ...],
        which: tuple[str, ...],
        size: Array,
        data: Array,
    ) -> "Terms":
        """The terms of a form at points with these optimizers, n and d."""
        names = form.names(optimizers)
        column = {name: index for index, name in enumerate(names)}
        of_data, of_parameters = np.zeros((2, size.size, len(names)))
        for point, one in enumerate(which):
            for kind, target, value in (
                ("log r", of_data, 1.0),
                ("g", of_data, size[point]),
                ("h", of_data, data[point] - size[point]),
                ("log p", of_parameters, 1.0),
            ):
                index = column.get(f"{kind} {one}")
                if index is not None:
                    target[point, index] = value
        return cls(size, data, of_data, of_parameters, form.interaction)

    def log_data(self, values_KQ: Array) -> Array:
        """Log of the data efficiency, r + g n + h (d - n); shape (K, P)."""
        return np.asarray(values_KQ @ self.of_data.T)

    def floor(self, values_KQ: Array) -> Array:
        """What no amount of data removes, E + A exp(-alpha (n + p)); shape (K, P)."""
        return np.exp(values_KQ[:, :1]) + self._of_size(values_KQ)

    def reducible(self, values_KQ: Array) -> Array:
        """C exp(kappa n - beta (d + r + g n + h (d - n))); shape (K, P)."""
        kappa_K1 = values_KQ[:, 5:6] if self.interaction else 0.0
        reach_KP = self.data + self.log_data(values_KQ)
        exponent_KP = kappa_K1 * self.size - np.exp(values_KQ[:, 4:5]) * reach_KP
        return np.asarray(np.exp(values_KQ[:, 2:3] + exponent_KP))

    def loss(self, values_KQ: Array) -> Array:
        """L in nats per token, shape (K, P)."""
        return self.floor(values_KQ) + self.reducible(values_KQ)

    def jacobian(self, values_KQ: Array) -> Array:
        """Derivatives of L by the values, shape (K, P, Q)."""
        alpha_K1, beta_K1 = np.exp(values_KQ[:, 3:4]), np.exp(values_KQ[:, 4:5])
        of_size_KP, of_data_KP = self._of_size(values_KQ), self.reducible(values_KQ)
        by_parameters_KP, by_data_KP = -alpha_K1 * of_size_KP, -beta_K1 * of_data_KP
        jacobian_KPQ = by_data_KP[..., None] * self.of_data
        jacobian_KPQ += by_parameters_KP[..., None] * self.of_parameters
        jacobian_KPQ[..., 0] = np.exp(values_KQ[:, :1])
        jacobian_KPQ[..., 1] = of_size_KP
        jacobian_KPQ[..., 2] = of_data_KP
        jacobian_KPQ[..., 3] = by_parameters_KP * (self.size + values_KQ @ self.of_parameters.T)
        jacobian_KPQ[..., 4] = by_data_KP * (self.data + self.log_data(values_KQ))
        if self.interaction:
            jacobian_KPQ[..., 5] = of_data_KP * self.size
        return np.asarray(jacobian_KPQ)

    def _of_size(self, values_KQ: Array) -> Array:
        """A exp(-alpha (n + p)), shape (K, P)."""
        reach_KP = self.size + values_KQ @ self.of_parameters.T
        return np.asarray(np.exp(values_KQ[:, 1:2] - np.exp(values_KQ[:, 3:4]) * reach_KP))
