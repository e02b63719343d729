"""`bestiary plan`: what a study would train, and how long that would take; it starts no run."""

from typing import Annotated, Any

import tyro
from msgspec import Meta

from bestiary.cli._flags import Switch
from bestiary.cli._listing import console, print_json, show
from bestiary.specs import Spec, Study
from bestiary.tune import Estimate, plan

COLUMNS = {
    "optimizer": "optimizer",
    "tuning_runs": "tuning runs, at most",
    "report_runs": "report runs",
    "tokens": "tokens",
    "flops": "FLOPs",
    "time": "time",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Plan a study.

    Attributes:
        study: The study (`bestiary studies`), or your own as FILE.py:FUNCTION.
        speed: Model FLOPs per second of the machine that will run it; 0 measures this one.
        json: Print JSON.
    """

    study: tyro.conf.Positional[str] = ""
    speed: Annotated[float, Meta(ge=0)] = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print an upper bound per optimizer and in all."""
    from bestiary.cli._calibration import given, measured
    from bestiary.cli._questions import without_corpus
    from bestiary.report import quantity

    study = without_corpus(flags.study)
    estimates = plan(study, {})
    speed = given(study, flags.speed) if flags.speed else measured(study)
    records = [
        _record(study, one.name, estimates, speed.flops_per_second) for one in study.candidates
    ]
    total = _sum(records)
    if flags.json:
        rate = {"flops_per_second": speed.flops_per_second, "source": speed.source}
        print_json({"study": study.name, "speed": rate, "optimizers": records, "all": total})
        return
    shown = [{**one, **_in_words(one)} for one in [*records, total]]
    show(shown, COLUMNS, as_json=False, title=study.question)
    rates = speed.flops_per_second
    shown_rates = [f"{quantity(rate)}FLOP/s at {size}" for size, rate in rates.items()]
    if len(set(rates.values())) == 1:
        shown_rates = [shown_rates[0].partition(" at ")[0]]
    console().print(
        f"{', '.join(shown_rates)} ({speed.source}). An upper bound: tuning ends early where the "
        "best values are found early. Slower optimizers, compilation and evaluation come on top.",
        highlight=False,
    )


def _record(
    study: Study, name: str, estimates: tuple[Estimate, ...], rates: dict[str, float]
) -> dict[str, Any]:
    own = [one for one in estimates if one.optimizer == name]
    return {
        "optimizer": study.candidate(name).label,
        "tuning_runs": sum(one.runs for one in own if one.purpose == "tune"),
        "report_runs": sum(one.runs for one in own if one.purpose == "report"),
        "tokens": sum(one.runs * one.tokens for one in own),
        "flops": sum(one.runs * one.flops for one in own),
        "seconds": sum(one.runs * one.flops / rates[one.cell.size] for one in own),
    }


def _sum(records: list[dict[str, Any]]) -> dict[str, Any]:
    counted = [key for key in records[0] if key != "optimizer"]
    return {"optimizer": "all", **{key: sum(one[key] for one in records) for key in counted}}


def _in_words(record: dict[str, Any]) -> dict[str, str]:
    from bestiary.report import duration, quantity

    return {
        "tokens": quantity(record["tokens"]),
        "flops": quantity(record["flops"]),
        "time": duration(record["seconds"]),
    }
