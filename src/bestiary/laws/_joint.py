"""One law of the loss in parameters and tokens for all optimizers at once.

    L_o(N, D) = E + A (P_o N)^-alpha + C N^kappa (R_o D)^-beta,
    R_o(N, D) = r_o (N / N0)^g_o (D/N / D0/N0)^h_o

E, A, C, kappa and the exponents are shared by all optimizers, because the losses of one alone leave
them nearly free (arXiv 2602.07712). An optimizer differs from the baseline by its efficiencies:
R_o is the data that the baseline needs over the data used (the token speedup of arXiv 2509.02046),
P_o the same for parameters. `JointForm` says which terms a law has, `FORMS` names the usual ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import unknown
from bestiary.laws._joint_terms import JointForm, Terms
from bestiary.laws._power import Array

FORMS = {
    "equal": JointForm(data=False, size=False),
    "data": JointForm(size=False),
    "data and size": JointForm(),
    "data and ratio": JointForm(size=False, ratio=True),
    "data, size and ratio": JointForm(ratio=True),
    "parameters and data": JointForm(size=False, parameters=True),
    "data, without interaction": JointForm(size=False, interaction=False),
    "data and size, without interaction": JointForm(interaction=False),
}


@dataclass(frozen=True)
class JointLaw:
    """One joint law, or K draws of it.

    Attributes:
        form: Its terms.
        optimizers: Names, the baseline first.
        scale: N0 and D0, in which N and D are measured: geometric means of the data.
        values: What `names` says, shape (Q,) or (K, Q); A and C are in nats at (N0, D0).
    """

    form: JointForm
    optimizers: tuple[str, ...]
    scale: tuple[float, float]
    values: Array

    @property
    def names(self) -> tuple[str, ...]:
        """What each of the Q values is called."""
        return self.form.names(self.optimizers)

    def loss(self, optimizer: str, parameters: ArrayLike, tokens: ArrayLike) -> Array:
        """L in nats per token; shape (K, if draws) + that of parameters and tokens.

        Raises:
            UserError: an optimizer that was not fitted.
        """
        terms, shape = self._terms(optimizer, parameters, tokens)
        return terms.loss(np.atleast_2d(self.values)).reshape(shape)

    def log_speedup(self, optimizer: str, parameters: ArrayLike, tokens: ArrayLike) -> Array:
        """Log of the tokens the baseline needs for the optimizer's loss, over `tokens`.

        Without parameter efficiencies it is log R_o(N, D). With them it is +inf
        where the loss lies below what unlimited data give the baseline.
        """
        terms, shape = self._terms(optimizer, parameters, tokens)
        baseline, _ = self._terms(self.optimizers[0], parameters, tokens)
        values_KQ = np.atleast_2d(self.values)
        if not self.form.parameters:
            return terms.log_data(values_KQ).reshape(shape)
        above_KP = terms.loss(values_KQ) - baseline.floor(values_KQ)
        with np.errstate(divide="ignore", invalid="ignore"):
            fall_KP = np.log(baseline.reducible(values_KQ)) - np.log(above_KP)
        speedup_KP = np.where(above_KP > 0, fall_KP / np.exp(values_KQ[:, 4:5]), np.inf)
        return speedup_KP.reshape(shape)

    def log_speedup_deviation(
        self, optimizer: str, parameters: float, tokens: float, covariance: Array
    ) -> float:
        """Standard deviation of one log speedup, which is linear in the values.

        Args:
            optimizer: One that was fitted.
            parameters: N.
            tokens: D.
            covariance: Of the values, shape (Q, Q).
        """
        assert not self.form.parameters
        direction_Q = self._terms(optimizer, parameters, tokens)[0].of_data[0]
        return float(np.sqrt(direction_Q @ covariance @ direction_Q))

    def __getitem__(self, index: int | slice) -> "JointLaw":
        """One or some of the draws."""
        return JointLaw(self.form, self.optimizers, self.scale, self.values[index])

    def _terms(
        self, optimizer: str, parameters: ArrayLike, tokens: ArrayLike
    ) -> tuple[Terms, tuple[int, ...]]:
        """The terms at the points asked for, and the shape of the answer."""
        if optimizer not in self.optimizers:
            raise unknown("optimizer", optimizer, self.optimizers)
        size, data = np.broadcast_arrays(np.asarray(parameters, float), np.asarray(tokens, float))
        size_P, data_P = np.log(size / self.scale[0]).ravel(), np.log(data / self.scale[1]).ravel()
        which = (optimizer,) * size_P.size
        terms = Terms.at(self.form, self.optimizers, which, size_P, data_P)
        return terms, self.values.shape[:-1] + size.shape
