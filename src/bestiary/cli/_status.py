"""`bestiary status`: how far a study is, read from its folder, also while a driver runs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading
from bestiary.cli._how_far import how_far, plain
from bestiary.cli._listing import console, print_json, show
from bestiary.launch import Standing
from bestiary.specs import Spec, duration
from bestiary.tune import Leader, PhaseAccount, TableLeft, Tallied

T = TypeVar("T")

# Rows that a table shows; JSON has all of them.
MOST = 40

TOTALS = {
    "purpose": "for",
    "optimizer": "optimizer",
    "done": "done",
    "at_most": "of at most",
    "diverged": "diverged",
    "failed": "failed",
    "rate": "tokens/s",
}
COLUMNS = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "purpose": "for",
    "done": "done",
    "at_most": "of at most",
    "diverged": "diverged",
    "failed": "failed",
    "best": "best selection loss",
}
LEADERS = {
    "size": "size",
    "ratio": "ratio",
    "leader": "leads",
    "loss": "selection loss",
    "of": "by",
    "behind": "before",
    "ahead": "ahead by, nats",
}
RUN = {"optimizer": "optimizer", "size": "size", "ratio": "ratio", "purpose": "for"}
RUNNING = {**RUN, "attempt": "attempt", "step": "step", "steps": "of", "time": "time"}
PHASES = {"optimizer": "optimizer", "followed": "followed over scale", "frozen": "frozen"}
PREDICTED = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "predicted": "predicted",
    "by": "by",
    "penalty": "transfer penalty, nats",
}
LEFT = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "left": "tuning would still gain, nats",
    "note": "",
}
SKIPPED = {**RUN, "what": "not trained", "reason": "why"}
del SKIPPED["purpose"]
TROUBLES = {**RUN, "tuned": "with", "outcome": "what", "reason": "why", "log": "log"}


class Flags(Spec, frozen=True, kw_only=True):
    """Show how far a study is.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        json: Print JSON.
    """

    folder: tyro.conf.Positional[str] = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Print what is done of every phase, who leads, what is trained now, what went wrong."""
    with reading(flags.folder) as store:
        stands, ahead, record = how_far(store)
        name = store.study.name
    if flags.json:
        print_json(plain(record))
        return
    _say(f"{name}: {_headline(record)}")
    if pace := "; ".join(_pace(record, stands)):
        _say(pace)
    show(_totals(stands.rows), TOTALS, as_json=False)
    _list("cells", stands.rows, COLUMNS)
    _list("ahead so far", ahead, LEADERS, _leading)
    _list("training", [{**one, "time": _since(one)} for one in record["running"]], RUNNING)
    _list("left on the table", stands.left_on_table, LEFT, _left)
    _show_phases(stands)
    _list("what went wrong", record["troubles"], TROUBLES)
    if any(one["outcome"] == "failed" for one in record["troubles"]):
        _say("the same `bestiary run` with --retry-failed tries the failed ones again")


def _headline(record: Mapping[str, Any]) -> str:
    done, failed, most = record["done"], record["failed"], record["at_most"]
    absent = "" if done + failed == most else "; nobody drives it, the same `bestiary run` goes on"
    lacking = f", {failed:,} failed" if failed else ""
    who = f"; {record['driver']}" if record["driver"] else absent
    return f"{done:,} of at most {most:,} runs{lacking}{who}"


def _pace(record: Mapping[str, Any], stands: Standing) -> Iterator[str]:
    if record["last_hour"]:
        yield f"{record['last_hour']:,} in the last hour"
    if record["seconds_left"] and record["done"] + record["failed"] < record["at_most"]:
        yield f"about {duration(record['seconds_left'])} left with {stands.slots} at once"
    if stands.newer:
        yield f"what follows was decided on the first {stands.mark.results:,} results"


def _totals(cells: Sequence[Tallied]) -> list[dict[str, Any]]:
    """What came of every phase and optimizer, over all cells."""
    found: dict[tuple[str, str], list[Tallied]] = {}
    for one in cells:
        found.setdefault((one.purpose, one.optimizer), []).append(one)
    return [
        {
            "purpose": purpose,
            "optimizer": optimizer,
            "done": sum(one.done for one in rows),
            "at_most": sum(one.at_most for one in rows),
            "diverged": sum(one.diverged for one in rows),
            "failed": sum(one.failed for one in rows),
            "rate": _rate(rows),
        }
        for (purpose, optimizer), rows in found.items()
    ]


def _rate(rows: Sequence[Tallied]) -> int | None:
    """Tokens a second of training."""
    seconds = sum(one.seconds for one in rows)
    return round(sum(one.tokens for one in rows) / seconds) if seconds else None


def _leading(one: Leader) -> dict[str, Any]:
    of = "fresh seeds" if one.purpose == "report" else "tuning runs, the best"
    return {
        "size": one.size,
        "ratio": f"{one.ratio:g}",
        "leader": one.optimizer,
        "loss": f"{one.loss:.4f}",
        "of": f"{one.losses} {of}",
        "behind": one.behind or "-",
        "ahead": one.ahead.text(".4f") if one.ahead.bounded else _without(one),
    }


def _without(one: Leader) -> str:
    value = one.ahead.text(".4f")
    return f"{value} ({one.ahead.note})" if one.ahead.value is not None else one.ahead.note


def _list(
    title: str,
    records: Sequence[T],
    columns: Mapping[str, str],
    said: Callable[[T], Mapping[str, Any]] = msgspec.to_builtins,
) -> None:
    """A table where there is something; the last rows of one that no terminal could show."""
    if not records:
        return
    last = records[-MOST:]
    if len(last) < len(records):
        title += f" (the last {MOST} of {len(records):,}; --json has all)"
    show([said(one) for one in last], columns, as_json=False, title=title)


def _since(running: Mapping[str, Any]) -> str:
    begun = datetime.fromisoformat(running["started"])
    return duration(max(0.0, (datetime.now(UTC) - begun).total_seconds()))


def _say(text: str) -> None:
    console().print(text, highlight=False, markup=False, soft_wrap=True)


def _left(one: TableLeft) -> dict[str, str]:
    """What further tuning would probably still gain."""
    return {
        "optimizer": one.optimizer,
        "size": one.cell.size,
        "ratio": f"{one.cell.ratio:g}",
        "left": one.left_on_table.text(".4f"),
        "note": one.left_on_table.note,
    }


def _show_phases(stands: Standing) -> None:
    """What the phases decided, and what is not trained."""
    _list("phase I taught", stands.phases, PHASES, _learnt)
    for reason in dict.fromkeys(one.reason for one in stands.phases):
        _say(reason)
    predicted = [record for one in stands.phases for record in _predicted(one)]
    _list("phase III predicts", predicted, PREDICTED)
    skipped = [
        {
            "optimizer": one.optimizer,
            "size": one.cell.size if one.cell else "",
            "ratio": f"{one.cell.ratio:g}" if one.cell else "",
            "what": one.what,
            "reason": one.reason,
        }
        for one in stands.skipped
    ]
    _list("left out", skipped, SKIPPED)


def _learnt(one: PhaseAccount) -> dict[str, str]:
    frozen = [name if value is None else f"{name} {value}" for name, value in one.frozen.items()]
    return {
        "optimizer": one.optimizer,
        "followed": ", ".join(one.followed) or "nothing",
        "frozen": ", ".join(frozen) or "nothing",
    }


def _predicted(one: PhaseAccount) -> list[dict[str, str]]:
    return [
        {
            "optimizer": one.optimizer,
            "size": cell.cell.size,
            "ratio": f"{cell.cell.ratio:g}",
            "predicted": ", ".join(f"{law.name} {law.value}" for law in cell.forecasts),
            "by": ", ".join(dict.fromkeys(law.by for law in cell.forecasts)) + cell.note,
            "penalty": cell.penalty.text(".4f") if cell.penalty else "",
        }
        for cell in one.predicted
    ]
