"""`bestiary optimizers`: the catalogue, or one optimizer in full."""

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import tyro
from msgspec import Meta

from bestiary.cli._flags import Repeated, Switch, settings_from
from bestiary.cli._listing import console, print_json, show, shown
from bestiary.cli._train import Shape, model_of
from bestiary.errors import UserError, unknown
from bestiary.specs import Placement, Spec

COLUMNS = {"name": "name", "label": "optimizer", "family": "family", "summary": "what it does"}
FIELDS = {
    "name": "hyperparameter",
    "meaning": "meaning",
    "range": "range",
    "start": "start",
    "grid": "grid",
    "kind": "kind",
}
ROUTES = {
    "path": "parameter",
    "role": "role",
    "shape": "shape",
    "rule": "rule",
    "learning_rate_factor": "rate x",
    "decay": "decay",
    "state_bytes": "bytes",
    "flops_percent": "FLOPs %",
}
ABOUT = ("name", "label", "family", "summary", "paper", "studied", "schedule")
ACTIONS = ("list", "show")
SPOKEN = {"kind": "collective", "count": "times", "megabytes": "MB on each device"}
# As many virtual devices as XLA takes for those of one process.
Devices = Annotated[int, Meta(ge=0, le=2048)]


class Flags(Spec, frozen=True, kw_only=True):
    """List the optimizers, or show one in full.

    Attributes:
        action: `list`, or `show` one.
        name: The one to show.
        size: Show also what it does to every parameter of a named size, and what that costs.
        devices: For the size, how much it says to other devices in a step, fully sharded over so
            many; compiled here for devices that need not be there.
        shape: What differs from the named size.
        set: For the size, a hyperparameter as name=value; may be given several times.
        json: Print JSON.
    """

    action: tyro.conf.Positional[str] = "list"
    name: tyro.conf.Positional[str] = ""
    size: str = ""
    devices: Devices = 0
    set: Repeated = ()
    json: Switch = False
    shape: Shape = Shape()


def run(flags: Flags) -> None:
    """Print the catalogue or an entry."""
    if flags.action not in ACTIONS:
        raise unknown("action", flags.action, ACTIONS)
    if not flags.size and (flags.set or flags.shape != Shape()):
        given = "--set" if flags.set else "--shape"
        raise UserError(f"{given} changes what a size costs, but none is given; add --size 130m")
    if flags.devices and not flags.size:
        raise UserError("--devices shows what a size says to devices; add --size 130m")
    if flags.action == "list":
        _list(flags.json)
    elif flags.name:
        _show(flags)
    else:
        raise UserError("name the optimizer: bestiary optimizers show NAME")


def _list(as_json: bool) -> None:
    from bestiary.optimizers import available

    records = [{key: getattr(entry, key) for key in ABOUT} for entry in available().values()]
    show(records, COLUMNS, as_json=as_json)


def _show(flags: Flags) -> None:
    from bestiary.optimizers import described, lookup

    entry = lookup(flags.name)
    fields = [asdict(one) for one in described(entry)]
    if flags.devices:
        _pretend(flags.devices)
    routes = _routes(entry, flags) if flags.size else []
    spoken = _spoken(entry, flags) if flags.devices else []
    if flags.json:
        about = {key: getattr(entry, key) for key in ABOUT}
        presets = {key: dict(value) for key, value in entry.presets.items()}
        more = {
            "hyperparameters": fields,
            "presets": presets,
            "routing": routes,
            "collectives": spoken,
        }
        print_json({**about, **more})
        return
    _say(f"{entry.label} ({entry.family}): {entry.summary}\n{entry.paper}")
    origin = "the study's" if entry.studied else "untuned; the study did not run it"
    _say(f"start and grid, at 130m and 1x Chinchilla: {origin}")
    show(fields, FIELDS, as_json=False)
    for preset, values in entry.presets.items():
        settings = ", ".join(f"{key} {shown(value)}" for key, value in values.items())
        _say(f"preset {preset}: {settings or 'the starting point'}")
    if routes:
        show([_row(route) for route in routes], ROUTES, as_json=False)
        _say(_total(routes, flags.size))
    if flags.devices:
        _say(f"collectives of its part of a step, fully sharded over {flags.devices} devices")
        show(spoken, SPOKEN, as_json=False)


def _routes(entry: Any, flags: Flags) -> list[dict[str, Any]]:
    """What happens to every parameter of a size, with the study's batch, at 1x Chinchilla."""
    import jax

    from bestiary import models
    from bestiary.optimizers import resolve, routing

    spec = model_of(flags.size, flags.shape)
    settings = settings_from(flags.set)
    batch_size = int(entry.run.get("batch_size", 128))
    rows = routing(
        entry,
        entry.hyperparameters(**resolve(entry.name, settings).settings),
        models.labels(spec),
        jax.eval_shape(lambda: models.init(spec, jax.random.key(0))),
        tokens_per_step=batch_size * spec.context,
        steps=spec.steps(1.0, batch_size),
    )
    return [
        {
            **asdict(row),
            "shape": " x ".join(map(str, row.shape)),
            "decay": row.weight_decay or "no",
            "parameters": row.parameters,
            "flops_percent": 100 * row.flops_share,
            "batch_tokens": batch_size * spec.context,
        }
        for row in rows
    ]


def _pretend(devices: int) -> None:
    """Start JAX with virtual devices of the CPU, unless it has started."""
    import jax

    from bestiary.train import start_jax

    jax.config.update("jax_platforms", "cpu")
    with suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", devices)
    start_jax()
    if jax.device_count() < devices:
        raise UserError(f"JAX was started with {jax.device_count()} devices, got {devices}")


def _spoken(entry: Any, flags: Flags) -> list[dict[str, Any]]:
    """Kind, count and bytes of the collectives of the optimizer's program."""
    from bestiary.optimizers import resolve
    from bestiary.train import optimizer_collectives

    found: dict[str, dict[str, Any]] = {}
    stated = resolve(entry.name, settings_from(flags.set))
    placement = Placement(shard=flags.devices)
    for one in optimizer_collectives(model_of(flags.size, flags.shape), stated, placement):
        row = found.setdefault(one.kind, {"kind": one.kind, "count": 0, "megabytes": 0.0})
        row["count"] += 1
        row["megabytes"] += one.bytes / 1e6
    return list(found.values())


def _row(route: dict[str, Any]) -> dict[str, Any]:
    """A route as a table shows it: short enough for 80 columns."""
    short = {
        "shape": route["shape"].replace(" ", ""),
        "state_bytes": round(route["state_bytes"], 2),
        "flops_percent": round(route["flops_percent"], 4),
    }
    return {**route, **short}


def _total(routes: list[dict[str, Any]], size: str) -> str:
    state = sum(row["state_bytes"] * row["parameters"] for row in routes)
    share = sum(row["flops_percent"] for row in routes)
    return (
        "decay: of the weights; bytes: state of one parameter; FLOPs: in % of the model's 6ND\n"
        f"{size}: {state / 1e6:,.1f} MB of state, {share:.3g}% of the FLOPs of a training at 1x "
        f"Chinchilla with {routes[0]['batch_tokens']:,} tokens a batch"
    )


def _say(text: str) -> None:
    console().print(text, highlight=False, markup=False)
