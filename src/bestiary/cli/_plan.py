"""`bestiary plan`: what a study would train, and how long that would take; it starts no run."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from msgspec import Meta

from bestiary.cli._costs import PHASES, Rates, group, total
from bestiary.cli._flags import Switch
from bestiary.cli._listing import console, print_json, show
from bestiary.cli._memory import memory_of, told_of_memory
from bestiary.errors import UserError
from bestiary.specs import (
    Cell,
    Devices,
    Phases,
    Price,
    Spec,
    Study,
    Utilisation,
    duration,
    quantity,
    size_of,
)
from bestiary.studies import STUDIES
from bestiary.tune import PlannedCost, plan

if TYPE_CHECKING:
    from bestiary.cli._calibration import Speed
    from bestiary.studies import Entry

COLUMNS = {
    "name": "optimizer",
    "tuning_runs": "tuning runs, at most",
    **PHASES,
    "report_runs": "report runs",
    "tokens": "tokens",
    "flops": "FLOPs",
    "time": "time",
    "cost": "cost",
}
PARTS = {"name": "", "runs": "runs", "flops": "FLOPs", "hours": "device-hours", "cost": "cost"}
By = Literal["optimizer", "phase", "size", "cell"]

# A line of a metrics file, one for each step.
METRIC_BYTES = 140


class Flags(Spec, frozen=True, kw_only=True):
    """Plan a study.

    Attributes:
        study: The study (`bestiary studies`), or your own as FILE.toml or FILE.py:FUNCTION.
        sizes: Some of its sizes, with commas: a slice of the study.
        optimizers: Some of its optimizers, the baseline among them.
        ratios: Some of its data-to-model ratios.
        by: What the table has a row for.
        speed: Model FLOPs per second of the machine that will run it; 0 measures this one.
        device: A kind of device that will run it, such as h100, in place of a speed.
        topology: A slice of TPUs that will run it, such as v5e:2x4, as fast as the compiler thinks.
        utilisation: The share of its peak that training reaches.
        count: How many devices, or slices, work at once.
        price: Of a device-hour, or of an hour of this machine.
        json: Print JSON.
    """

    study: tyro.conf.Positional[str] = ""
    sizes: str = ""
    optimizers: str = ""
    ratios: str = ""
    by: By = "optimizer"
    speed: Annotated[float, Meta(ge=0, le=1e30)] = 0.0
    device: str = ""
    topology: str = ""
    utilisation: Utilisation = 0.4
    count: Devices = 1
    price: Price = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print bounds for every optimizer, phase, size or cell, and in all."""
    from bestiary.cli._questions import StudyPart, without_corpus

    part = StudyPart(sizes=flags.sizes, optimizers=flags.optimizers, ratios=flags.ratios)
    study = without_corpus(flags.study, part)
    estimates = plan(study, {})
    speed, rates = _rates_of(flags, study)
    labels = {one.name: one.label for one in study.candidates}
    groups = {name: group(estimates, key, rates) for name, key in _keys(labels).items()}
    whole, disk = total(estimates, rates), _disk(study, estimates)
    entry = STUDIES.get(flags.study)
    reserve = entry.reserve if entry else ""
    smaller = _reduced(flags, entry, rates) if entry and study.name == flags.study else {}
    if flags.json:
        rate = {"flops_per_second": speed.flops_per_second, "source": speed.source}
        about = {"study": study.name, "reserve": reserve, "speed": rate, "disk_bytes": disk}
        about["tokenizer"], about["memory"] = study.tokenizer, memory_of(study)
        listed = {
            f"{name}s": [{name: one, **sums} for one, sums in found.items()]
            for name, found in groups.items()
        }
        print_json({**about, **listed, "all": whole, "reduced": smaller})
        return
    shown = [_in_words(name, one) for name, one in groups[flags.by].items()]
    columns = _columns(study, flags)
    show([*shown, _in_words("all", whole)], columns, as_json=False, title=study.question)
    if isinstance(study.phases, Phases):
        show(
            [_in_parts(name, one) for name, one in groups["phase"].items()],
            {key: heading for key, heading in PARTS.items() if key != "cost" or flags.price},
            as_json=False,
            title="at least to at most",
        )
    _say(_design(study))
    if told := _told_of_trunks(estimates):
        _say(told)
    if told := told_of_starts(study):
        _say(told)
    if reserve:
        _say(reserve)
    _say(
        f"{_in_flops(speed.flops_per_second)} ({speed.source}). An upper bound: tuning ends early "
        "where the best values are found early. Slower optimizers, compilation and evaluation come "
        "on top."
    )
    _say(_spent("In all", whole, rates))
    if smaller and entry:
        _say(_spent(f"Reduced, `bestiary run {flags.study} {entry.reduced}`", smaller, rates))
    if study.tokenizer:
        ids = " or ".join(sorted({f"{model.vocabulary:,}" for model in study.sizes.values()}))
        _say(f"Text: {study.tokenizer} tokens, for models of {ids} ids.")
    _say(_room(disk))
    _say(told_of_memory(memory_of(study)))


def _keys(labels: Mapping[str, str]) -> dict[str, Callable[[PlannedCost], str]]:
    """What a plan can be added up by."""
    return {
        "optimizer": lambda row: labels[row.optimizer],
        "phase": lambda row: PHASES.get(row.purpose, row.purpose),
        "size": lambda row: row.cell.size,
        "cell": lambda row: f"{row.cell.size} {row.cell.ratio:g}x",
    }


def _rates_of(flags: Flags, study: Study) -> "tuple[Speed, Rates]":
    """The speed of one device, and what running on all of them costs."""
    if not flags.topology:
        speed = _speed(flags, study)
        return speed, Rates(speed.flops_per_second, flags.count, flags.price)
    from bestiary.cli._compiled_steps import compiled_speed

    if flags.device or flags.speed:
        raise UserError("--topology, --device and --speed all say how fast it is; give one of them")
    found = compiled_speed(study, flags.topology)
    devices = flags.count * found.chips
    return found.speed, Rates(found.speed.flops_per_second, devices, flags.price, found.own)


def _speed(flags: Flags, study: Study) -> "Speed":
    """Of one device: stated, looked up, or measured on this machine."""
    from bestiary.cli._calibration import given, measured
    from bestiary.cli._devices import peak

    if flags.device and flags.speed:
        raise UserError("--device and --speed both say how fast it is; give one of them")
    if flags.device:
        found = peak(flags.device)
        return given(
            study,
            found.flops_per_second * flags.utilisation,
            f"{flags.utilisation:.0%} of the peak of one {flags.device}, {found.source}",
        )
    return given(study, flags.speed) if flags.speed else measured(study)


def _reduced(flags: Flags, entry: "Entry", rates: Rates) -> dict[str, Any]:
    """The sums of the smaller study within a named one; nothing where there is none."""
    from bestiary.cli._questions import StudyPart, without_corpus

    if not entry.reduced:
        return {}
    words = entry.reduced.split()
    pairs = zip(words[::2], words[1::2], strict=True)
    stated = {name.removeprefix("--"): value for name, value in pairs}
    return total(plan(without_corpus(flags.study, StudyPart(**stated)), {}), rates)


def _spent(what: str, sums: Mapping[str, Any], rates: Rates) -> str:
    """Device-days and money of sums, in a sentence."""
    days = _between(sums["least_device_hours"] / 24, sums["device_hours"] / 24)
    cost = f", {_between(sums['least_cost'], sums['cost'])} in money" if rates.price else ""
    among = f" on {rates.devices} devices" * (rates.devices > 1)
    return (
        f"{what}: {sums['least_runs']:,} to {sums['tuning_runs'] + sums['report_runs']:,} runs, "
        f"{days} device-days{among}{cost}."
    )


def _columns(study: Study, flags: Flags) -> dict[str, str]:
    """The columns of the table; phases and money only where there are any."""
    apart = set() if isinstance(study.phases, Phases) else set(PHASES)
    apart |= set() if flags.price else {"cost"}
    columns = {key: heading for key, heading in COLUMNS.items() if key not in apart}
    return {**columns, "name": flags.by}


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
            f"; {_what_is_followed(phases)} is followed in {_cells(phases.followed)} with at most "
            f"{phases.followed_runs}"
        )
    if phases.predicted:
        runs = 1 if phases.protocol == "study" else phases.confirming_runs
        who = f" for {', '.join(phases.predicted_candidates)}" * bool(phases.predicted_candidates)
        told += f"; laws predict it in {_cells(phases.predicted)}{who}, confirmed by at most {runs}"
    return f"{told}, by the protocol `{phases.protocol}`"


def _what_is_followed(phases: Phases) -> str:
    shown = phases.freezing == "shown"
    return "what is not shown to be insensitive" if shown else "what depends on scale"


def _cells(cells: tuple[Cell, ...]) -> str:
    return ", ".join(f"{cell.size} {cell.ratio:g}x" for cell in cells)


def _told_of_trunks(estimates: tuple[PlannedCost, ...]) -> str:
    """What is saved by training once the steps that runs of one trunk have in common."""
    whole = sum(one.runs * one.tokens for one in estimates)
    taken = round(sum(one.most_of(one.tokens) for one in estimates))
    if taken == whole:
        return ""
    return (
        f"Runs of one trunk take its steps once: {quantity(taken)} tokens at most, where whole "
        f"runs would take {quantity(whole)}."
    )


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


def _in_flops(flops_per_second: dict[str, float]) -> str:
    """The rate, or that of each size where they differ."""
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
    return (
        f"Disk: {size_of(disk['running'])} for checkpoints while the largest models train, "
        f"{size_of(disk['kept'])} of metrics that stay."
    )


def _in_words(name: str, sums: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **sums,
        "name": name,
        "tokens": quantity(sums["tokens"]),
        "flops": quantity(sums["flops"]),
        "time": duration(sums["seconds"]),
        "cost": f"{sums.get('cost', 0.0):,.0f}",
    }


def _in_parts(name: str, sums: Mapping[str, Any]) -> dict[str, str]:
    runs = sums["tuning_runs"] + sums["report_runs"]
    return {
        "name": name,
        "runs": f"{sums['least_runs']:,} to {runs:,}",
        "flops": f"{quantity(sums['least_flops'])} to {quantity(sums['flops'])}",
        "hours": _between(sums["least_device_hours"], sums["device_hours"]),
        "cost": _between(sums.get("least_cost", 0.0), sums.get("cost", 0.0)),
    }


def _between(low: float, high: float) -> str:
    return " to ".join(f"{one:,.0f}" if one >= 100 else f"{one:.3g}" for one in (low, high))
