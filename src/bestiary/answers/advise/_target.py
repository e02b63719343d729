"""The training that is asked about: its size, tokens, batch and machine."""

from typing import NamedTuple

from bestiary.answers.advise._step_cost import TIMED_TOKENS, Cost, cost_of, scaled
from bestiary.measures import ASSUMED, MEASURED, Measures, overhead
from bestiary.specs import Estimate, Spec


class Machine(Spec, frozen=True, kw_only=True):
    """The machine of the target, and how long the baseline would take on it.

    Attributes:
        seconds: Of the baseline's training by 6 N D at the stated share of the peak.
    """

    device: str
    count: int
    peak_flops: float
    peak_source: str
    utilisation: float
    seconds: float


class Target(NamedTuple):
    """What is to be trained.

    Attributes:
        parameters: N.
        tokens: D.
        batch_tokens: Tokens a step of the baseline; None where the results do not say.
        machine: None where none is named.
    """

    parameters: float
    tokens: float
    batch_tokens: float | None
    machine: Machine | None

    def step(self, measures: Measures, optimizer: str) -> Estimate:
        """Seconds per token over the baseline's: as measured, else as published.

        What was published for one size is carried to the target's where a machine is named.
        """
        found = overhead(measures, optimizer)
        if self.machine is None or found.note.startswith((MEASURED, ASSUMED)):
            return found
        return scaled(
            found,
            optimizer,
            self.parameters,
            batch_tokens=self.batch_tokens or TIMED_TOKENS,
            device=self.machine.device,
            utilisation=self.machine.utilisation,
        )

    def cost(self, optimizer: str, batch_tokens: float | None) -> Cost | None:
        """Memory and step by the cost model; None where the optimizer was not counted."""
        if self.machine is None:
            return cost_of(optimizer, self.parameters)
        return cost_of(
            optimizer,
            self.parameters,
            batch_tokens=batch_tokens or TIMED_TOKENS,
            device=self.machine.device,
            count=self.machine.count,
            utilisation=self.machine.utilisation,
        )
