"""Intervals and patients by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps, texts, tick_labels, title
from compared import AXIS
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._compared import CALLS

UNMEASURED = ("Cancer", "Fibroblast", "CXCL12", "ACKR3")
EDGE = ["source", "target", "ligand_complex", "receptor_complex"]


def plot(adata: ad.AnnData, *args: object, **options: object) -> Axes:
    figure = niche.pl.effects(adata, *args, **options)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def rows_of(ax: Axes) -> dict[str, float]:
    return dict(zip(tick_labels(ax, "y"), ax.get_yticks(), strict=True))


def label(edge: object) -> str:
    genes = f"{edge.ligand_complex} \u2192 {edge.receptor_complex}".replace("_", "+")
    return f"{genes}\n{edge.source} \u2192 {edge.target}"


def test_every_row_is_its_interval(compared: ad.AnnData) -> None:
    ax = plot(compared, contrast="bone_vs_rest", n_top=8)
    table = niche.get.compare_communication(compared, contrast="bone_vs_rest")
    table = table[table["call"] != "not_testable"]
    table = table.assign(label=[label(row) for row in table.itertuples()]).set_index("label")
    places = rows_of(ax)
    assert len(places) == 8
    intervals = {float(line.get_ydata()[0]): line for line in named(ax, "interval")}
    points = {float(p.get_offsets()[0][1]): p for p in named(ax, "effect")}
    for name, y in places.items():
        row = table.loc[name]
        low, high = intervals[y].get_xdata()
        assert (low, high) == pytest.approx((row["ci_low"], row["ci_high"]))
        assert points[y].get_offsets()[0][0] == pytest.approx(row["log2fc"])
        assert to_hex(points[y].get_facecolor()[0]).upper() == CALLS[row["call"]]["color"]
    shown = table.loc[list(places), "log2fc"].to_numpy()
    assert (np.diff(shown) <= 0).all()
    left = table.drop(list(places))
    assert table.loc[list(places), "pval"].max() <= left["pval"].min()


def test_every_patient_is_a_dot_in_the_colour_of_the_organ(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS], contrast="bone_vs_rest")
    samples = niche.get.compare_samples(compared, [AXIS], contrast="bone_vs_rest")
    colors = palette.organ_colors(["bone", "brain", "lung"])
    for organ, color in colors.items():
        mine = samples[(samples["organ"] == organ) & (samples["side"].astype(str) != "")]
        (dots,) = named(ax, f"patients {organ}")
        assert sorted(dots.get_offsets()[:, 0]) == pytest.approx(sorted(mine["log2fc"]))
        assert to_hex(dots.get_facecolor()[0]).upper() == color
        assert len(mine) == 4
    assert not named(ax, "patients kidney")
    assert "bone vs the other organs" in texts(ax)


def test_contrasts_are_headed_and_ordered(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS], contrast=["lung_vs_rest", "bone_vs_lung"])
    heads = [text.get_text() for text in named(ax, "contrast")]
    assert heads == ["lung vs the other organs", "bone vs lung"]
    lines = [to_hex(line.get_color()).upper() for line in named(ax, "contrast line")]
    assert lines == [palette.ORGANS["lung"], palette.ORGANS["bone"]]


def test_by_default_the_called_rows_of_organs_against_the_rest(compared: ad.AnnData) -> None:
    ax = plot(compared, n_top=4)
    table = niche.get.compare_communication(compared)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    called = table[table["call"].isin(["specific", "enriched", "depleted"])]
    assert 0 < len(called) <= 4
    shown = rows_of_all(ax)
    assert len(shown) == 4
    assert {label(row) for row in called.itertuples()} <= set(shown)


def rows_of_all(ax: Axes) -> list[str]:
    return tick_labels(ax, "y")


def test_what_cannot_be_called_is_hollow_and_says_why(few: ad.AnnData) -> None:
    ax = plot(few, [AXIS, UNMEASURED], contrast="bone_vs_lung")
    (point,) = named(ax, "effect")
    assert to_hex(point.get_facecolor()[0]) == "#ffffff"
    words = [text.get_text().replace("\n", " ") for text in named(ax, "words")]
    assert words[0].startswith("not testable: a call needs 3 patients on each side")
    assert words[1] == "not testable: gene not measured"
    assert len(named(ax, "no estimate")) == 1


def test_long_intervals_end_in_an_arrow(few: ad.AnnData) -> None:
    ax = plot(few, [AXIS], contrast="bone_vs_lung")
    table = niche.get.compare_communication(few, contrast="bone_vs_lung")
    row = table[(table[EDGE].astype(str) == list(AXIS)).all(axis=1)].iloc[0]
    low, high = ax.get_xlim()
    assert len(named(ax, "beyond")) == int(row["ci_low"] < low) + int(row["ci_high"] > high)
    (line,) = named(ax, "interval")
    assert min(line.get_xdata()) >= low and max(line.get_xdata()) <= high


def test_nothing_callable_says_why(few: ad.AnnData) -> None:
    words = texts(plot(few))
    assert "no edge can be called" in words and "fewer than 3 patients on a side" in words
    assert texts(plot(few, [])).startswith("no edge was chosen")


def test_no_text_overlaps(compared: ad.AnnData) -> None:
    figure = niche.pl.effects(compared, n_top=12)
    ax = figure.axes[0]
    assert overlaps(figure, [*ax.get_yticklabels(), *ax.texts, title(ax), ax.get_legend()]) == []


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.effects(compared, ax=axes) is axes
    assert named(axes, "interval")


def test_rows_of_the_table_choose_edges(compared: ad.AnnData) -> None:
    called = niche.get.compare_communication(compared, contrast="bone_vs_rest", call="enriched")
    assert isinstance(called, pd.DataFrame) and len(called) == 1
    assert tick_labels(plot(compared, called, contrast="bone_vs_rest"), "y") == [label(called.iloc[0])]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"contrast": "bone_vs_skin"}, InputValueError, "'bone_vs_skin' not in the result"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"edges": [("A", "B")]}, InputTypeError, "every edge is"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(compared: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.effects(compared, **options)
