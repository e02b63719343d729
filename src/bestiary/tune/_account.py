"""What the phases of a study decided, and what they leave out: for whoever reads its answer."""

from bestiary.specs import Cell, Estimate, Freezing, Setting, Spec
from bestiary.tune._campaign import Campaign
from bestiary.tune._forecast import Forecast, transfer_penalty
from bestiary.tune._planner import Planner


class PredictedCell(Spec, frozen=True, kw_only=True):
    """What was predicted for a candidate in a cell, and how well that went.

    Attributes:
        cell: Where.
        forecasts: The hyperparameters that laws were asked for.
        penalty: What trusting the prediction costs, in nats per token; None before it is known.
        note: Why another configuration is trained than the laws say; empty where it is theirs.
    """

    cell: Cell
    forecasts: tuple[Forecast, ...]
    penalty: Estimate | None
    note: str


class PhaseAccount(Spec, frozen=True, kw_only=True):
    """What the phases decided about one candidate.

    Attributes:
        optimizer: Name of the candidate.
        followed: The hyperparameters that depend on scale; by the rule `shown`, that are not shown
            not to.
        frozen: The others that were varied, with the value that they keep; None where it is that
            of the nearest tuned cell.
        tolerance: A loss is near-optimal where it is higher by less, in nats per token; by `shown`
            what freezing may cost.
        rule: The rule by its name, see `Phases.freezing`.
        reason: The rule that this was judged by, in words.
        predicted: What phase III predicted.
    """

    optimizer: str
    followed: tuple[str, ...]
    frozen: dict[str, Setting | None]
    tolerance: float
    rule: Freezing
    reason: str
    predicted: tuple[PredictedCell, ...]


def phase_accounts(planner: Planner) -> tuple[PhaseAccount, ...]:
    """What the phases decided so far about every candidate whose phase I has ended."""
    return tuple(
        PhaseAccount(
            optimizer=name,
            followed=campaign.learnt.followed,
            frozen=campaign.learnt.frozen,
            tolerance=campaign.learnt.tolerance,
            rule=campaign.learnt.rule,
            reason=campaign.learnt.reason,
            predicted=tuple(_predicted(campaign, cell) for cell in campaign.predictions),
        )
        for name, campaign in planner.campaigns.items()
        if campaign.learnt is not None
    )


def _predicted(campaign: Campaign, cell: Cell) -> PredictedCell:
    prediction, tuning = campaign.predictions[cell], campaign.tunings.get(cell)
    assert campaign.learnt is not None
    ended = tuning is not None and tuning.optimum is not None
    return PredictedCell(
        cell=cell,
        forecasts=prediction.forecasts,
        penalty=transfer_penalty(tuning, campaign.learnt.noise) if ended and tuning else None,
        note=prediction.note,
    )
