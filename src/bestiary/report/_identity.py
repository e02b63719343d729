"""How an optimizer looks in every figure: the hue says its family, shade and marker say which."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bestiary.answers.report import Row

# Mid-tones that stand out on white and on black alike. Those with a fixed place were chosen to
# stay apart in the three kinds of colour blindness too.
SHADES: dict[str, tuple[str, ...]] = {
    "scalar": (
        *("#697589", "#1c78e6", "#14a3c7", "#3d5fb5"),
        *("#7d93e8", "#2b8c9e", "#5aa9e6", "#8296b4", "#5b6fc9", "#4fb3bf"),
    ),
    "variance-reduced": ("#35b06c", "#6f8f1e", "#13806f", "#9ab83a"),
    "matrix": (
        *("#e8590c", "#b8204f", "#e0a11b", "#a3562a"),
        *("#e57a9b", "#8f6b1c", "#f08a4b", "#d6336c", "#c2706b", "#c99a5b", "#8d4a63", "#e0524e"),
    ),
    "second-order": ("#b08fe0", "#7b52d3", "#c75fd1", "#5f4bb0"),
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
    ("hexagram", "✶"),
    ("star-diamond", "✦"),
)
# Lines of those after the first dozen, whose markers come again; the law is the dashed one.
DASHES = ("solid", "dashdot", "longdashdot")


class Identity(NamedTuple):
    """The look of one optimizer.

    Attributes:
        name: Its name in the catalogue.
        label: Its name in tables and figures.
        family: Its family.
        colour: As `#rrggbb`.
        symbol: The marker in plotly's words.
        glyph: The same marker as a character.
        dash: Its lines in plotly's words.
    """

    name: str
    label: str
    family: str
    colour: str
    symbol: str
    glyph: str
    dash: str

    def stroke(self, width: float) -> dict[str, object]:
        """Its line, in plotly's words."""
        return {"color": self.colour, "width": width, "dash": self.dash}

    def mark(self, size: float) -> dict[str, object]:
        """Its marker, in plotly's words."""
        return {"color": self.colour, "symbol": self.symbol, "size": size}


def identities(rows: Iterable[Row]) -> dict[str, Identity]:
    """The look of every optimizer of some results, in the study's order."""
    return looks_of({row.optimizer: (row.label, row.family) for row in rows})


def looks_of(seen: Mapping[str, tuple[str, str]]) -> dict[str, Identity]:
    """The look of every optimizer, from its name to (label, family), in that order."""
    colours = _colours((name, family) for name, (_, family) in seen.items())
    looks = {}
    for place, (name, (label, family)) in enumerate(seen.items()):
        turn, symbol = divmod(place, len(SYMBOLS))
        dash = DASHES[turn % len(DASHES)]
        looks[name] = Identity(name, label, family, colours[name], *SYMBOLS[symbol], dash)
    return looks


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
