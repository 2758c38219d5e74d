"""Colours: fixed, distinct, and distinct for colour-blind readers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from niche._slots import keys
from niche.pl import _account, _compared, _figure, _programs, palette
from niche.pl.axes_heatmap import STATUS_STYLE

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


def light(color: str) -> np.ndarray:
    """Red, green and blue of a colour, linear in light."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def seen(color: str, vision: str) -> np.ndarray:
    """CIELAB coordinates of a colour as seen."""
    linear = np.clip(VISION[vision] @ light(color), 0, 1)
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


def colours_of(looks: dict[str, dict]) -> dict[str, str]:
    return {name: look["color"].upper() for name, look in looks.items()}


@pytest.mark.parametrize("vision", list(VISION))
@pytest.mark.parametrize(
    ("colors", "least"),
    [
        (colours_of(_compared.CALLS), 20),
        (colours_of(_programs.VERDICTS), 18),
        (_programs.KINDS, 18),
        (colours_of(_account.PUBLISHED), 18),
        (colours_of(STATUS_STYLE), 11),
        (palette.TISSUES, 25),
    ],
    ids=["calls", "verdicts", "kinds", "mediators", "axes", "tissues"],
)
def test_every_reader_can_tell_what_was_found(colors: dict[str, str], least: float, vision: str) -> None:
    assert smallest_difference(list(colors.values()), vision) >= least


@pytest.mark.parametrize(
    "looks", [_compared.CALLS, _programs.VERDICTS, _account.PUBLISHED, STATUS_STYLE],
    ids=["calls", "verdicts", "mediators", "axes"],
)  # fmt: skip
def test_a_symbol_of_its_own_for_what_was_found(looks: dict[str, dict]) -> None:
    shapes = [look["marker"] for look in looks.values()]
    alike = [name for name, look in looks.items() if shapes.count(look["marker"]) > 1]
    assert alike in ([], ["found", "tested_not_significant"]), "these two are a full and an empty circle"


def contrast_with_white(color: str) -> float:
    """Contrast of a colour with white, as web content is judged (WCAG 2.2)."""
    return 1.05 / (float(light(color) @ [0.2126, 0.7152, 0.0722]) + 0.05)


def test_colours_of_words_can_be_read() -> None:
    words = [_figure.INK, _figure.FAINT, *colours_of(_programs.VERDICTS).values()]
    assert {color: contrast_with_white(color) >= 3.8 for color in words} == dict.fromkeys(words, True)
    assert contrast_with_white(_figure.FAINT) >= 4.5


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
