"""What the phases of an own study decided and left out, as lines that its page lists."""

from collections.abc import Callable, Iterator, Mapping

from bestiary.specs import Cell
from bestiary.tune import PhaseAccount, Planner, phase_accounts


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
    """What depends on scale and what does not, one line for all that were judged by one rule."""
    for rule in dict.fromkeys(one.reason for one in accounts.values()):
        judged = {label: one for label, one in accounts.items() if one.reason == rule}
        within = ", ".join(f"{label} {one.tolerance:.2g}" for label, one in judged.items())
        yield (
            f"Depends on scale: {_of_each(judged, _followed)}. Judged so: {rule} (in nats: "
            f"{within})."
        )
    if accounts:
        yield f"Frozen, as they do not: {_of_each(accounts, _frozen)}."


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
