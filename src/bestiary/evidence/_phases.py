"""What the phases of an own study decided and left out, as lines that its page lists."""

from collections.abc import Callable, Iterator, Mapping

from bestiary.specs import Cell, Freezing
from bestiary.tune import PhaseAccount, Planner, phase_accounts

# What is said of a hyperparameter, by the rule it was judged by.
FOLLOWED: dict[Freezing, str] = {
    "near-optimal": "Depends on scale",
    "shown": "Followed, as they may depend on scale",
}
FROZEN: dict[Freezing, str] = {
    "near-optimal": "Frozen, as they do not",
    "shown": "Frozen",
}


def phase_notes(planner: Planner) -> tuple[str, ...]:
    """The decisions about the candidates, and what was not trained, with reasons."""
    labels = {name: one.candidate.label for name, one in planner.campaigns.items()}
    accounts = {labels[one.optimizer]: one for one in phase_accounts(planner)}
    lines = [line for label, one in accounts.items() for line in _predicted(label, one)]
    for one in planner.skipped():
        where = f" at {_place(one.cell)}" if one.cell else ""
        lines.append(f"{labels[one.optimizer]}{where}: {one.what} not trained: {one.reason}.")
    return (*_decided(accounts), *lines)


def _decided(accounts: Mapping[str, PhaseAccount]) -> Iterator[str]:
    """What is followed over scale and what is not, one line for all judged by one rule."""
    for reason in dict.fromkeys(one.reason for one in accounts.values()):
        judged = {label: one for label, one in accounts.items() if one.reason == reason}
        (rule,) = {one.rule for one in judged.values()}
        within = ", ".join(f"{label} {one.tolerance:.2g}" for label, one in judged.items())
        yield (
            f"{FOLLOWED[rule]}: {_of_each(judged, _followed)}. Judged so: {reason} (in nats: "
            f"{within})."
        )
    for rule in dict.fromkeys(one.rule for one in accounts.values()):
        judged = {label: one for label, one in accounts.items() if one.rule == rule}
        yield f"{FROZEN[rule]}: {_of_each(judged, _frozen)}."


def _of_each(accounts: Mapping[str, PhaseAccount], said: Callable[[PhaseAccount], str]) -> str:
    """Something about every candidate, and together those of whom the same is said."""
    together: dict[str, list[str]] = {}
    for label, one in accounts.items():
        together.setdefault(said(one), []).append(label)
    return "; ".join(f"{what} of {', '.join(labels)}" for what, labels in together.items())


def _followed(one: PhaseAccount) -> str:
    return ", ".join(one.followed) or "nothing"


def _frozen(one: PhaseAccount) -> str:
    kept = (
        coordinate if value is None else f"{coordinate} {value}"
        for coordinate, value in one.frozen.items()
    )
    return ", ".join(kept) or "nothing"


def _predicted(label: str, one: PhaseAccount) -> Iterator[str]:
    for cell in one.predicted:
        said = [f"{law.name} {law.value} by {law.by}" for law in cell.forecasts]
        said = said or ["nothing to predict"]
        if cell.penalty is not None:
            said.append(f"transfer penalty {cell.penalty.text('.4f', ' nats')}")
        said += [cell.note] if cell.note else []
        yield f"{label} predicted at {_place(cell.cell)}: {'; '.join(said)}."


def _place(cell: Cell) -> str:
    return f"{cell.size} {cell.ratio:g}x"
