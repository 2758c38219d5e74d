"""Rings and ribbons by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.pl import palette


def ribbons(ax: Axes) -> list[str]:
    gids = [str(patch.get_gid()) for patch in ax.patches]
    return [gid.removeprefix("ribbon ") for gid in gids if gid.startswith("ribbon ")]


def spread(patch: object) -> float:
    """Angle that a ribbon takes at its sender."""
    start = patch.get_path().vertices[:8]
    angles = np.unwrap(np.arctan2(start[:, 1], start[:, 0]))
    return float(abs(angles[-1] - angles[0]))


def test_a_ribbon_for_every_pair_of_cell_types_with_a_called_edge(compared: ad.AnnData) -> None:
    figure = niche.pl.circle(compared)
    table = niche.get.compare_communication(compared, call=["specific", "enriched"])
    contrasts = ["bone_vs_rest", "brain_vs_rest", "kidney_vs_rest", "lung_vs_rest"]
    assert [ax.get_title().split("\n")[0].split(" vs ")[0] for ax in figure.axes] == [
        "bone", "brain", "kidney", "lung",
    ]  # fmt: skip
    for ax, contrast in zip(figure.axes, contrasts, strict=True):
        mine = table[table["contrast"] == contrast]
        pairs = mine.drop_duplicates(["source", "target"])
        assert sorted(ribbons(ax)) == sorted(pairs["source"].astype(str))


def test_cell_types_keep_place_and_colour(compared: ad.AnnData) -> None:
    figure = niche.pl.circle(compared, contrast=["bone_vs_rest", "lung_vs_rest"])
    rings = []
    for ax in figure.axes:
        labels = named(ax, "cell type")
        assert [text.get_text() for text in labels] == ["Cancer", "Fibroblast", "Macrophage"]
        assert labels[0].get_fontweight() == "bold" and labels[1].get_fontweight() == "normal"
        arcs = named(ax, "arc")
        rings.append([(arc.theta1, arc.theta2, to_hex(arc.get_facecolor())) for arc in arcs])
        assert to_hex(arcs[0].get_facecolor()).upper() == palette.COMPARTMENTS["tumor"]
    assert rings[0] == rings[1]


def test_widths_share_one_scale(compared: ad.AnnData) -> None:
    figure = niche.pl.circle(compared, show="tested", contrast=["bone_vs_rest", "lung_vs_rest"])
    table = niche.get.compare_communication(compared, contrast=["bone_vs_rest", "lung_vs_rest"])
    table = table[table["call"] != "not_testable"]
    ratios = []
    for ax, contrast in zip(figure.axes, ["bone_vs_rest", "lung_vs_rest"], strict=True):
        mine = table[table["contrast"] == contrast]
        count = mine.groupby(["source", "target"], observed=True).size()
        drawn = [p for p in ax.patches if str(p.get_gid()).startswith("ribbon ")]
        ratios += [spread(p) / n for p, n in zip(drawn, count, strict=True)]
    assert np.allclose(ratios, ratios[0])
    strong = niche.pl.circle(compared, show="tested", width="strength", contrast="bone_vs_rest")
    mine = table[table["contrast"] == "bone_vs_rest"]
    sums = mine.assign(size=mine["log2fc"].abs()).groupby(["source", "target"], observed=True)["size"].sum()
    widths = [spread(p) for p in strong.axes[0].patches if str(p.get_gid()).startswith("ribbon ")]
    assert np.allclose(np.array(widths) / widths[0], (sums / sums.iloc[0]).to_numpy(), rtol=1e-3)


def test_ribbons_have_the_colour_of_the_sender_and_stay_on_the_arc(compared: ad.AnnData) -> None:
    (ax,) = niche.pl.circle(compared, show="tested", contrast="bone_vs_rest").axes
    colors = {
        text.get_text(): to_hex(arc.get_facecolor())
        for text, arc in zip(named(ax, "cell type"), named(ax, "arc"), strict=True)
    }
    spans = {
        text.get_text(): (arc.theta1, arc.theta2)
        for text, arc in zip(named(ax, "cell type"), named(ax, "arc"), strict=True)
    }
    for patch in ax.patches:
        gid = str(patch.get_gid())
        if gid.startswith("ribbon "):
            source = gid.removeprefix("ribbon ")
            assert to_hex(patch.get_facecolor()[:3]) == colors[source]
            start = patch.get_path().vertices[:8]
            low, high = spans[source]
            angle = np.degrees(np.arctan2(start[:, 1], start[:, 0]))
            assert (((angle - low) % 360) <= (high - low) % 360 + 1e-6).all()


def test_an_organ_that_cannot_be_tested_says_so(compared: ad.AnnData) -> None:
    bone, kidney = niche.pl.circle(compared, contrast=["bone_vs_rest", "kidney_vs_rest"]).axes
    assert [text.get_text() for text in named(kidney, "nothing")] == ["not testable:\nno edge can be called"]
    assert len(named(kidney, "not testable")) == 3 and not named(bone, "not testable")
    assert all(arc.get_hatch() for arc in named(kidney, "not testable"))
    (brain,) = niche.pl.circle(compared, contrast="brain_vs_rest").axes
    assert [text.get_text() for text in named(brain, "nothing")] == ["none of 20 edges\nis enriched"]


def test_nothing_testable_anywhere(few: ad.AnnData) -> None:
    figure = niche.pl.circle(few)
    assert all(named(ax, "nothing") and not ribbons(ax) for ax in figure.axes)
    assert [t.get_text() for t in named(figure.axes[0], "cell type")] == [
        "Cancer",
        "Fibroblast",
        "Macrophage",
    ]


def test_no_text_overlaps(compared: ad.AnnData) -> None:
    figure = niche.pl.circle(compared, n_columns=2)
    parts = [*figure.texts, *(ax.title for ax in figure.axes)]
    parts += [text for ax in figure.axes for text in ax.texts]
    assert overlaps(figure, parts) == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"show": "all"}, InputValueError, "show must be one of"),
        ({"width": "beauty"}, InputValueError, "width must be one of"),
        ({"n_columns": 0}, InputValueError, "n_columns must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_communication first"),
    ],
)
def test_bad_input(compared: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.circle(compared, **options)
