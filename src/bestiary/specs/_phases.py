"""The phases of a study beyond the cells in which everything is tuned."""

from typing import Literal

from msgspec import UNSET, UnsetType

from bestiary.specs._bounds import Count, Nats, Natural, Positive
from bestiary.specs._run import Setting
from bestiary.specs._spec import Spec

Protocol = Literal["bestiary", "study"]
Freezing = Literal["shown", "near-optimal"]


class Cell(Spec, frozen=True, kw_only=True):
    """One model size at one data-to-model ratio (tokens over 20 N)."""

    size: str
    ratio: Positive


class Phases(Spec, frozen=True, kw_only=True):
    """How what was learnt where everything is tuned is carried to other cells.

    Phase I tunes everything in `Tuning.cells`. Phase II tunes, in `followed`, what may depend on
    scale, and freezes the rest. Phase III predicts that by laws in `predicted`.

    Attributes:
        protocol: `study` as in arXiv 2509.02046; `bestiary` with what that lacked.
        followed: The cells of phase II.
        predicted: The cells of phase III.
        followed_runs: At most this many runs per candidate and followed cell.
        confirming_runs: The same per predicted cell; the study confirms with one.
        near: How far above the best of its cell a loss is still near-optimal, in nats per token:
            for `study`; for `bestiary` what freezing may cost (by the rule `near-optimal` only
            where no noise was measured).
        predicted_candidates: Which candidates have a phase III; all where empty.
        grids: What phase II tunes, by candidate, where that is stated beforehand; else whatever is
            found to depend on scale, over its grid of phase I.
        joint: Pairs of coordinates that are also moved together around an optimum, because descent
            along single ones does not see a valley between them; `bestiary` only.
        more_seeds: Further fresh seeds, used one after the other for the two best candidates of a
            cell until these can be told apart; `bestiary` only.
        freezing: What `bestiary` freezes: by `shown` what the trials show to cost less than `near`
            in every tuned cell; by `near-optimal` what has a value within the noise in each, so
            also what noise hides. Studies from before `shown` do not say it, and keep the latter.
    """

    protocol: Protocol = "bestiary"
    followed: tuple[Cell, ...] = ()
    predicted: tuple[Cell, ...] = ()
    followed_runs: Count = 16
    confirming_runs: Count = 9
    near: Nats = 6.4e-3
    predicted_candidates: tuple[str, ...] = ()
    grids: dict[str, dict[str, tuple[Setting, ...]]] = {}
    joint: tuple[tuple[str, str], ...] = (
        ("learning_rate", "batch_size"),
        ("learning_rate", "weight_decay"),
    )
    more_seeds: tuple[Natural, ...] = ()
    freezing: Freezing | UnsetType = UNSET
