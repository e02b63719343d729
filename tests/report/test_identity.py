from itertools import combinations

import numpy as np
import pytest

from bestiary.laws import Array
from bestiary.report._identity import PLACES, SHADES

# How the three kinds of colour blindness see linear RGB: Machado, Oliveira and Fernandes (2009),
# "A Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1.
BLINDNESS = {
    "none": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
PAPERS = ("#ffffff", "#1b1e24")


def linear(colour: str) -> Array:
    """Linear RGB of `#rrggbb` by the sRGB standard."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """CIELAB of linear RGB, white D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    share = np.clip(np.array(to_xyz) @ rgb / [0.9505, 1.0, 1.089], 0, None)
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def look(name: str) -> str:
    family = next(family for family, names in PLACES.items() if name in names)
    return SHADES[family][PLACES[family].index(name)]


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_main_optimizers_differ_in_every_kind_of_colour_vision(kind: str) -> None:
    names = ("adamw", "muon", "soap", "kron")
    seen = {name: lab(BLINDNESS[kind] @ linear(look(name))) for name in names}
    for one, other in combinations(seen, 2):
        # A difference of 2.3 is just noticeable; small markers need four times that.
        assert np.linalg.norm(seen[one] - seen[other]) > 4 * 2.3, (one, other)


def test_every_colour_stands_out_on_both_papers() -> None:
    def luminance(colour: str) -> float:
        return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))

    for colour in (shade for shades in SHADES.values() for shade in shades):
        for paper in PAPERS:
            dark, light = sorted((luminance(colour), luminance(paper)))
            assert (light + 0.05) / (dark + 0.05) > 2.2, (colour, paper)
