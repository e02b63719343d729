"""What the phases of an own study decided and left out, as lines that its page lists."""

from collections.abc import Iterator

from bestiary.specs import Cell
from bestiary.tune import PhaseAccount, Planner, phase_accounts


def phase_notes(planner: Planner) -> tuple[str, ...]:
    """The decisions of every candidate, and what was not trained, with reasons."""
    labels = {name: one.candidate.label for name, one in planner.campaigns.items()}
    accounts = phase_accounts(planner)
    lines = [line for one in accounts for line in _decided(labels[one.optimizer], one)]
    for one in planner.skipped():
        where = f" at {_place(one.cell)}" if one.cell else ""
        lines.append(f"{labels[one.optimizer]}{where}: {one.what} not trained: {one.reason}.")
    return tuple(lines)


def _decided(label: str, one: PhaseAccount) -> Iterator[str]:
    kept = ", ".join(
        coordinate if value is None else f"{coordinate} {value}"
        for coordinate, value in one.frozen.items()
    )
    yield (
        f"{label}: {', '.join(one.followed) or 'nothing'} depends on scale, "
        f"{kept or 'nothing'} is frozen; {one.reason}."
    )
    for cell in one.predicted:
        said = [f"{law.name} {law.value} by {law.by}" for law in cell.forecasts]
        said = said or ["nothing to predict"]
        if cell.penalty is not None:
            said.append(f"transfer penalty {cell.penalty.text('.4f', ' nats')}")
        said += [cell.note] if cell.note else []
        yield f"{label} predicted at {_place(cell.cell)}: {'; '.join(said)}."


def _place(cell: Cell) -> str:
    return f"{cell.size} {cell.ratio:g}x"
