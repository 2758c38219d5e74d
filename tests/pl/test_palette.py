"""Colours: fixed, distinct, and distinct for colour-blind readers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from niche._slots import keys
from niche.pl import palette

# Machado et al. 2009, severity 1
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}


def seen(color: str, vision: str) -> np.ndarray:
    """CIELAB coordinates of a colour as seen."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    linear = np.clip(VISION[vision] @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def smallest_difference(colors: list[str], vision: str) -> float:
    points = [seen(color, vision) for color in colors]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(points, 2))


@pytest.mark.parametrize("vision", list(VISION))
@pytest.mark.parametrize(
    ("colors", "least"),
    [
        (palette.ORGANS, 35),
        (palette.ORGANS | palette.FURTHER_ORGANS, 15),
        (palette.COMPARTMENTS, 30),
        (dict(enumerate(palette.CATEGORIES[:8])), 30),
        (dict(enumerate(palette.CATEGORIES)), 15),
    ],
    ids=["organs", "all organs", "compartments", "eight categories", "all categories"],
)
def test_every_reader_can_tell_them_apart(colors: dict, least: float, vision: str) -> None:
    assert smallest_difference(list(colors.values()), vision) >= least


def test_every_framework_organ_and_compartment_has_a_colour() -> None:
    assert set(palette.ORGANS) == set(keys.FRAMEWORK_ORGANS)
    assert set(palette.COMPARTMENTS) == set(keys.COMPARTMENTS_ALL)
    assert set(palette.TISSUES) == set(keys.TISSUES)


def test_an_organ_keeps_its_colour_in_any_company() -> None:
    alone = {name: palette.organ_colors([name])[name] for name in ("bone", "pleura", "spleen")}
    together = palette.organ_colors(["spleen", "lung", "pleura", "bone", "brain"])
    assert all(together[name] == color for name, color in alone.items())
    assert list(together) == ["spleen", "lung", "pleura", "bone", "brain"]


def test_unlisted_organs_get_different_colours() -> None:
    names = ["spleen", "colon", "thyroid", "muscle", "eye", "heart"]
    colors = palette.organ_colors(names)
    assert len(set(colors.values())) == len(names)
    assert colors == palette.organ_colors(names[::-1])


def test_more_organs_than_colours_still_get_one() -> None:
    names = [f"organ {i}" for i in range(40)]
    assert len(palette.organ_colors(names)) == 40


def test_primary_and_normal_tissue_are_shades_of_the_organ() -> None:
    colors = palette.organ_colors(["lung", "lung (primary)", "lung (normal)"])
    lightness = [seen(color, "normal")[0] for color in colors.values()]
    assert lightness == sorted(lightness) and len(set(lightness)) == 3
    assert palette.organ_colors(["Lymph node"])["Lymph node"] == palette.ORGANS["lymph_node"]


def test_categories_take_their_own_colours_where_there_are_any() -> None:
    assert palette.category_colors(["bone"], "organ") == {"bone": palette.ORGANS["bone"]}
    assert palette.category_colors(["tumor"], "compartment") == {"tumor": palette.COMPARTMENTS["tumor"]}
    assert palette.category_colors(["tumor", "odd"], "compartment")["tumor"] == palette.CATEGORIES[0]
    many = palette.category_colors([f"c{i}" for i in range(45)])
    assert len(set(many.values())) == 45
