"""`bestiary plan`: what a study would train, and how long that would take; it starts no run."""

from typing import Annotated, Any

import tyro
from msgspec import Meta

from bestiary.cli._flags import Switch
from bestiary.cli._listing import console, print_json, show
from bestiary.specs import Cell, Phases, Spec, Study
from bestiary.studies import STUDIES
from bestiary.tune import PlannedCost, plan

PHASES = {"tune": "phase I", "follow": "phase II", "confirm": "phase III"}
COLUMNS = {
    "optimizer": "optimizer",
    "tuning_runs": "tuning runs, at most",
    **PHASES,
    "report_runs": "report runs",
    "tokens": "tokens",
    "flops": "FLOPs",
    "time": "time",
}

# A line of a metrics file, one for each step.
METRIC_BYTES = 140


class Flags(Spec, frozen=True, kw_only=True):
    """Plan a study.

    Attributes:
        study: The study (`bestiary studies`), or your own as FILE.toml or FILE.py:FUNCTION.
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

    study = without_corpus(flags.study)
    estimates = plan(study, {})
    speed = given(study, flags.speed) if flags.speed else measured(study)
    records = [
        _record(study, one.name, estimates, speed.flops_per_second) for one in study.candidates
    ]
    total, disk = _sum(records), _disk(study, estimates)
    reserve = STUDIES[flags.study].reserve if flags.study in STUDIES else ""
    if flags.json:
        rate = {"flops_per_second": speed.flops_per_second, "source": speed.source}
        about = {"study": study.name, "reserve": reserve, "speed": rate, "disk_bytes": disk}
        print_json({**about, "optimizers": records, "all": total})
        return
    shown = [{**one, **_in_words(one)} for one in [*records, total]]
    show(shown, _columns(study), as_json=False, title=study.question)
    _say(_design(study))
    if told := told_of_starts(study):
        _say(told)
    if reserve:
        _say(reserve)
    _say(
        f"{_rates(speed.flops_per_second)} ({speed.source}). An upper bound: tuning ends early "
        "where the best values are found early. Slower optimizers, compilation and evaluation come "
        "on top."
    )
    _say(_room(disk))


def _columns(study: Study) -> dict[str, str]:
    """The columns of the table; those of the phases only where there are any."""
    apart = {} if isinstance(study.phases, Phases) else PHASES
    return {key: heading for key, heading in COLUMNS.items() if key not in apart}


def _say(line: str) -> None:
    console().print(line, highlight=False, markup=False)


def _design(study: Study) -> str:
    """What is tuned and what is reported, in words."""
    rest = set(study.cells) - set(study.tuning.cells)
    inherit = "; cells that are not tuned inherit from the nearest" if rest else ""
    tuned = (
        f"Tuned in {_cells(study.tuning.cells)}, with at most {study.tuning.runs_per_cell} runs "
        "for every optimizer"
    )
    if isinstance(study.phases, Phases):
        inherit, tuned = "", f"{tuned}{_later(study.phases)}"
    return (
        f"{tuned}; winners are reported in {len(study.cells)} cells on {len(study.seeds)} "
        f"seeds{inherit}."
    )


def _later(phases: Phases) -> str:
    """Phases II and III in words."""
    told = ""
    if phases.followed:
        told += (
            f"; what depends on scale is followed in {_cells(phases.followed)} with at most "
            f"{phases.followed_runs}"
        )
    if phases.predicted:
        runs = 1 if phases.protocol == "study" else phases.confirming_runs
        who = f" for {', '.join(phases.predicted_candidates)}" * bool(phases.predicted_candidates)
        told += f"; laws predict it in {_cells(phases.predicted)}{who}, confirmed by at most {runs}"
    return f"{told}, by the protocol `{phases.protocol}`"


def _cells(cells: tuple[Cell, ...]) -> str:
    return ", ".join(f"{cell.size} {cell.ratio:g}x" for cell in cells)


def told_of_starts(study: Study) -> str:
    """Which candidates begin at the catalogue's start, where none is known at the tuned sizes."""
    from bestiary.optimizers import CATALOGUE, start_is_known

    unknown = [
        one.label
        for one in study.candidates
        if one.name in CATALOGUE
        and one.start.get("learning_rate") == CATALOGUE[one.name].start.get("learning_rate")
        and not all(
            start_is_known(CATALOGUE[one.name], study.sizes[cell.size].matrix_parameters)
            for cell in study.tuning.cells
        )
    ]
    if not unknown:
        return ""
    return (
        f"No starting point is known at the tuned sizes for {', '.join(unknown)}: tuning begins "
        "at the catalogue's learning rate, which can be far off, and must find its way from there."
    )


def _rates(flops_per_second: dict[str, float]) -> str:
    """The rate, or that of each size where they differ."""
    from bestiary.report import quantity

    shown = {size: f"{quantity(rate)} FLOP/s" for size, rate in flops_per_second.items()}
    if len(set(shown.values())) == 1:
        return next(iter(shown.values()))
    return ", ".join(f"{rate} at {size}" for size, rate in shown.items())


def _disk(study: Study, estimates: tuple[PlannedCost, ...]) -> dict[str, int]:
    """Bytes needed here: checkpoints of the runs under way, and the metrics that stay."""
    from bestiary.cli._corpora import cache_folder
    from bestiary.launch import LocalExecutor
    from bestiary.train import checkpoint_bytes

    workers = LocalExecutor(cache_folder()).slots
    steps = sum(
        one.runs * one.tokens // (study.batch_size * study.sizes[one.cell.size].context)
        for one in estimates
    )
    largest = max(model.parameters for model in study.sizes.values())
    return {"running": workers * checkpoint_bytes(largest), "kept": steps * METRIC_BYTES}


def _room(disk: dict[str, int]) -> str:
    from bestiary.report import size_of

    return (
        f"Disk: {size_of(disk['running'])} for checkpoints while the largest models train, "
        f"{size_of(disk['kept'])} of metrics that stay."
    )


def _record(
    study: Study, name: str, estimates: tuple[PlannedCost, ...], rates: dict[str, float]
) -> dict[str, Any]:
    own = [one for one in estimates if one.optimizer == name]
    return {
        "optimizer": study.candidate(name).label,
        "tuning_runs": sum(one.runs for one in own if one.purpose != "report"),
        **{key: sum(one.runs for one in own if one.purpose == key) for key in PHASES},
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
