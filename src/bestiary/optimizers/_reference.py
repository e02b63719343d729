"""The page docs/optimizers.md, made from the catalogue: `python -m bestiary.optimizers`."""

import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp

from bestiary.optimizers._catalogue import CATALOGUE
from bestiary.optimizers._describe import Described, described
from bestiary.optimizers._interface import Hyperparameters, Optimizer
from bestiary.optimizers._routing import Routed, routing
from bestiary.specs import ROLES, SIZES, Label, Setting

INTRODUCTION = """\
# The optimizers

Made by `python -m bestiary.optimizers`; a test compares. Starting points and grids are for 130M
parameters and 1x Chinchilla: the study's (arXiv 2509.02046) where it ran the optimizer, else ours,
not tuned. Weight decay is decoupled, multiplied by the learning rate, and skips embeddings and
vectors. `bestiary optimizers show NAME --size 130m` prints what happens to every parameter of a
size; `docs/adding-an-optimizer.md` adds one.

State is in bytes per hidden parameter; FLOPs are the optimizer's own, as a share of the model's
6ND, counted at 130m with 524,288 tokens a batch. Curvature counts too: a Hessian-vector product is
three gradients.

| optimizer | family | what it does | state | FLOPs |
|---|---|---|---|---|
"""
_SIZE = SIZES["130m"]
_BATCH_SIZE = 128
# The matrices of the size, those of equal shape as one stack.
_LABELS = {
    "embedding": Label(role="embedding", kind="embedding"),
    "square": Label(role="hidden_matrix", kind="q", layers=4 * _SIZE.layers),
    "wide": Label(role="hidden_matrix", kind="up", layers=3 * _SIZE.layers),
    "head": Label(role="head", kind="head"),
}
_SHAPES = {
    "embedding": (_SIZE.vocabulary, _SIZE.hidden),
    "square": (4 * _SIZE.layers, _SIZE.hidden, _SIZE.hidden),
    "wide": (3 * _SIZE.layers, _SIZE.hidden, _SIZE.intermediate),
    "head": (_SIZE.hidden, _SIZE.vocabulary),
}


def reference() -> str:
    """The whole page."""
    rows = "".join(map(_row, CATALOGUE.values()))
    sections, told = [], set()
    for entry in CATALOGUE.values():
        module = entry.hyperparameters.__module__
        sections.append(_section(entry, equations=module not in told))
        told.add(module)
    return INTRODUCTION + rows + "".join(sections)


def _row(entry: Optimizer) -> str:
    rows = _routed(entry)
    hidden = [row for row in rows if row.role == "hidden_matrix"]
    state = sum(row.state_bytes * row.parameters for row in hidden)
    state /= sum(row.parameters for row in hidden)
    percent = 100 * sum(row.flops_share for row in rows)
    flops = "~0" if percent < 0.005 else f"{percent:.2g}%"
    link = f"[{entry.label}](#{entry.name})"
    return f"| {link} | {entry.family} | {entry.summary} | {state:.3g} | {flops} |\n"


def _routed(entry: Optimizer) -> tuple[Routed, ...]:
    float32 = jnp.dtype(jnp.float32)
    return routing(
        entry,
        _record(entry),
        _LABELS,
        {path: jax.ShapeDtypeStruct(shape, float32) for path, shape in _SHAPES.items()},
        tokens_per_step=_BATCH_SIZE * _SIZE.context,
        steps=_SIZE.steps(1.0, _BATCH_SIZE),
    )


def _record(entry: Optimizer) -> Hyperparameters:
    """The starting point."""
    settings: dict[str, Any] = entry.defaults
    return entry.hyperparameters(**settings)


def _section(entry: Optimizer, *, equations: bool) -> str:
    # The file that defines the record states the rule; several optimizers may share one.
    text = textwrap.dedent(sys.modules[entry.hyperparameters.__module__].__doc__ or "").strip()
    origin = "the study's" if entry.studied else "ours"
    told = f"```text\n{text}\n```\n\n" if equations else ""
    table = "".join(map(_field, described(entry)))
    presets = "".join(
        f"- `{name}`: {_settings(dict(values)) or 'the starting point'}\n"
        for name, values in entry.presets.items()
    )
    return (
        f'\n## <a id="{entry.name}"></a>{entry.label}\n\n'
        f"`{entry.name}`. {entry.summary} {entry.paper}. Schedule: {entry.schedule}.\n"
        f"Start and grid: {origin}.\n\n{told}"
        f"{_roles(entry)}\n"
        "| hyperparameter | meaning | range | kind | start | grid |\n|---|---|---|---|---|---|\n"
        f"{table}" + (f"\nPresets:\n\n{presets}" if presets else "")
    )


def _roles(entry: Optimizer) -> str:
    """One line for each rule: whom it updates, and how."""
    hyper = _record(entry)
    rules = entry.rules(hyper, _LABELS)
    lines: dict[str, list[str]] = {}
    for role in ROLES:
        rule = rules[role]
        factor = float(rule.learning_rate / hyper.learning_rate)
        decay = ", decayed" if float(rule.decay(role)) else ""
        rate = "" if factor == 1 else f", learning rate x {factor:.3g}"
        lines.setdefault(f"`{rule.name}`", []).append(f"{role}{rate}{decay}")
    return "".join(f"- {rule}: {'; '.join(who)}\n" for rule, who in lines.items())


def _field(field: Described) -> str:
    grid = ", ".join(map(_shown, field.grid))
    cells = (f"`{field.name}`", field.meaning, field.range, field.kind, _shown(field.start), grid)
    return f"| {' | '.join(cells)} |\n"


def _settings(values: dict[str, Setting]) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in values.items())


def _shown(value: Setting) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
