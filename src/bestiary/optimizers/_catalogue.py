"""The catalogue: which optimizers there are, and how settings become a complete, checked spec."""

from bestiary.errors import unknown
from bestiary.optimizers._adam_mini import ADAM_MINI
from bestiary.optimizers._adamuon import ADAMUON
from bestiary.optimizers._adamw import ADAMW
from bestiary.optimizers._ademamix import ADEMAMIX
from bestiary.optimizers._adopt import ADOPT_ENTRY
from bestiary.optimizers._cautious import CAUTIOUS
from bestiary.optimizers._dion2 import DION2
from bestiary.optimizers._hyperball import ADAMH, MUONH, NORMUONH
from bestiary.optimizers._interface import Optimizer
from bestiary.optimizers._kl_soap import KL_SOAP
from bestiary.optimizers._kron import KRON
from bestiary.optimizers._lion import LION
from bestiary.optimizers._mars import MARS
from bestiary.optimizers._mars_m import MARS_M
from bestiary.optimizers._muon import MUON
from bestiary.optimizers._nadamw import NADAMW
from bestiary.optimizers._normuon import NORMUON
from bestiary.optimizers._plugins import load, plugins
from bestiary.optimizers._provenance import provenance
from bestiary.optimizers._ranges import in_range
from bestiary.optimizers._schedule_free import SCHEDULE_FREE
from bestiary.optimizers._scion import SCION
from bestiary.optimizers._shampoo import SHAMPOO
from bestiary.optimizers._signum import SIGNUM
from bestiary.optimizers._soap import SOAP_ENTRY
from bestiary.optimizers._soap_muon import SOAP_MUON
from bestiary.optimizers._sophia import SOPHIA
from bestiary.optimizers._sophia_g import SOPHIA_G
from bestiary.optimizers._splus import SPLUS
from bestiary.specs import Configuration, OptimizerSpec

# The order of every table.
CATALOGUE: dict[str, Optimizer] = {
    entry.name: entry
    for entry in (
        ADAMW,
        NADAMW,
        LION,
        SIGNUM,
        ADAM_MINI,
        ADEMAMIX,
        ADOPT_ENTRY,
        SCHEDULE_FREE,
        CAUTIOUS,
        MARS,
        MUON,
        NORMUON,
        ADAMUON,
        MARS_M,
        DION2,
        ADAMH,
        MUONH,
        NORMUONH,
        SCION,
        KRON,
        SHAMPOO,
        SPLUS,
        SOAP_ENTRY,
        KL_SOAP,
        SOAP_MUON,
        SOPHIA,
        SOPHIA_G,
    )
}


def available() -> dict[str, Optimizer]:
    """The catalogue, and the optimizers of installed packages after it.

    Raises:
        UserError: an installed package's optimizer cannot be used.
    """
    others = plugins(frozenset(CATALOGUE))
    return CATALOGUE | {name: load(point) for name, point in others.items()}


def lookup(name: str) -> Optimizer:
    """The entry of that name, of the catalogue or of an installed package.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    others = plugins(frozenset(CATALOGUE))
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name in others:
        return load(others[name])
    raise unknown("optimizer", name, [*CATALOGUE, *others])


def resolve(name: str, settings: Configuration) -> OptimizerSpec:
    """State every hyperparameter: the given settings over the defaults, typed and in range.

    Raises:
        UserError: an unknown optimizer or hyperparameter, a wrong type, a value out of range or
            not finite.
    """
    entry = lookup(name)
    for given in settings:
        if given not in entry.fields:
            raise unknown(f"hyperparameter of {name}", given, entry.fields)
    complete = {**entry.defaults, **settings}
    return OptimizerSpec(
        name=name,
        settings={
            field: in_range(f"{name} {field}", complete[field], info.type)
            for field, info in entry.fields.items()
        },
        package="" if name in CATALOGUE else provenance(plugins(frozenset(CATALOGUE))[name]),
    )


def split_static(spec: OptimizerSpec) -> tuple[Configuration, dict[str, float]]:
    """The settings of a resolved spec as (static Python values, floats to be traced)."""
    static = lookup(spec.name).static
    fixed = {name: value for name, value in spec.settings.items() if name in static}
    traced = {name: float(value) for name, value in spec.settings.items() if name not in static}
    return fixed, traced
