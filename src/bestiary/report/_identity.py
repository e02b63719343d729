"""How an optimizer looks in every figure: the hue says its family, shade and marker say which."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bestiary.analysis import Analysis

# Mid-tones that stand out on white and on black alike. The first of a family is its oldest member.
SHADES: dict[str, tuple[str, ...]] = {
    "scalar": ("#64748b", "#2f7fe0", "#14a3c7", "#7286e8", "#3d5fb0", "#5aa9e6", "#8fa3bf"),
    "variance-reduced": ("#2f9e60", "#86a81f", "#13938a", "#5fbf7f"),
    "matrix": ("#e2541b", "#c2306f", "#dd9a0c", "#a3562a", "#e57a9b", "#b8452f", "#f08a4b"),
    "second-order": ("#7b52d3", "#a45bd0", "#5a45a8", "#c08be6"),
}
OTHER = ("#8a8f98", "#6d6f75")

# Fixed places keep an optimizer's colour the same in every study; others follow after these.
PLACES: dict[str, tuple[str, ...]] = {
    "scalar": ("adamw", "nadamw", "lion", "adam_mini"),
    "variance-reduced": ("mars", "cautious"),
    "matrix": ("muon", "soap", "kron", "scion"),
    "second-order": ("sophia",),
}

SYMBOLS = (
    ("circle", "●"),
    ("square", "■"),
    ("diamond", "◆"),
    ("triangle-up", "▲"),
    ("triangle-down", "▼"),
    ("star", "★"),
    ("hexagon", "⬢"),
    ("cross", "✚"),
    ("pentagon", "⬟"),
    ("triangle-left", "◀"),
    ("triangle-right", "▶"),
)


class Identity(NamedTuple):
    """The look of one optimizer.

    Attributes:
        name: Its name in the catalogue.
        label: Its name in tables and figures.
        family: Its family.
        colour: As `#rrggbb`.
        symbol: The marker in plotly's words.
        glyph: The same marker as a character.
    """

    name: str
    label: str
    family: str
    colour: str
    symbol: str
    glyph: str


def identities(analysis: Analysis) -> dict[str, Identity]:
    """The look of every optimizer of an analysis, in the study's order."""
    return looks_of({row.optimizer: (row.label, row.family) for row in analysis.rows})


def looks_of(seen: Mapping[str, tuple[str, str]]) -> dict[str, Identity]:
    """The look of every optimizer, from its name to (label, family), in that order."""
    colours = _colours((name, family) for name, (_, family) in seen.items())
    return {
        name: Identity(name, label, family, colours[name], *SYMBOLS[place % len(SYMBOLS)])
        for place, (name, (label, family)) in enumerate(seen.items())
    }


def _colours(members: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The shade of each (name, family): its fixed place, or the next free one."""
    colours = {}
    late: dict[str, int] = {}
    for name, family in members:
        shades, fixed = SHADES.get(family, OTHER), PLACES.get(family, ())
        if name in fixed:
            place = fixed.index(name)
        else:
            place = len(fixed) + late.setdefault(family, 0)
            late[family] += 1
        colours[name] = shades[place % len(shades)]
    return colours


def translucent(colour: str, opacity: float) -> str:
    """The colour `#rrggbb` with an opacity, for bands and faint lines."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
