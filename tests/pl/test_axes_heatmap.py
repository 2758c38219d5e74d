"""The map of published axes by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels, title
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl.axes_heatmap import STATUS_STYLE

ARROWS = {
    "tumor->host": "tumor \u2192 host",
    "host->tumor": "host \u2192 tumor",
    "host->host": "host \u2192 host",
}


def plot(adata: ad.AnnData, **options: object) -> Axes:
    figure = niche.pl.axes_heatmap(adata, **options)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def tiles(ax: Axes, gid: str) -> set[tuple[int, float]]:
    return {(round(p.get_x() + 0.48), round(p.get_y() + 0.46, 3)) for p in named(ax, gid)}


def test_every_tile_is_its_axis_in_its_organ(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    assert tick_labels(ax, "x") == ["bone", "brain", "kidney"]
    table = niche.get.axes(analysed, everywhere=True)
    place = dict(zip(tick_labels(ax, "y"), ax.get_yticks(), strict=False))
    for status in STATUS_STYLE:
        assert len(named(ax, status)) == (table["status"] == status).sum()
    found = tiles(ax, "found")
    y = place["JAG1 \u2192 NOTCH1   host \u2192 tumor"]
    assert (0, round(y, 3)) in found and (1, round(y, 3)) in found and (2, round(y, 3)) not in found


def test_each_status_has_its_colour_and_its_symbol(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    for status, style in STATUS_STYLE.items():
        drawn = named(ax, status)
        assert all(to_hex(patch.get_facecolor()).upper() == style["color"] for patch in drawn)
        (symbols,) = named(ax, f"symbol {status}")
        assert len(symbols.get_offsets()) == len(drawn)
    colors = [style["color"] for style in STATUS_STYLE.values()]
    assert len(set(colors)) == len(colors)
    filled = {s: (st["marker"], s == "tested_not_significant") for s, st in STATUS_STYLE.items()}
    assert len(set(filled.values())) == len(filled)
    (open_circles,) = named(ax, "symbol tested_not_significant")
    assert open_circles.get_facecolors().size == 0


def test_the_published_organ_is_outlined(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    outlined = tiles(ax, "published organ")
    published = niche.resources.axes()["organ"].value_counts()
    assert len(outlined) == published["bone"] + published["brain"]
    assert all(patch.get_facecolor()[3] == 0 for patch in named(ax, "published organ"))
    assert {x for x, _ in outlined} == {0, 1}
    assert max(y for x, y in outlined if x == 0) < min(y for x, y in outlined if x == 1)


def test_rows_are_grouped_by_organ_and_direction(analysed: ad.AnnData) -> None:
    ax = plot(analysed, published="bone")
    labels = tick_labels(ax, "y")
    directions = [label.split("   ")[1] for label in labels]
    order = list(ARROWS.values())
    assert directions == sorted(directions, key=order.index)
    assert "SPP1 \u2192 ITGAV+ITGB3   host \u2192 tumor" in labels
    groups = named(plot(analysed), "published")
    assert [to_hex(line.get_color()).upper() for line in groups] == [
        palette.ORGANS[name] for name in ("bone", "brain", "liver", "lung", "lymph_node")
    ]
    assert np.all(np.diff([line.get_ydata()[0] for line in groups]) > 0)


def test_chosen_organs_and_axes(analysed: ad.AnnData) -> None:
    ax = plot(analysed, organ="brain", published=["Lymph node", "brain"])
    assert tick_labels(ax, "x") == ["brain"]
    assert [text.get_text().split("\n")[-1] for text in named(ax, "published name")] == [
        "brain",
        "lymph node",
    ]


def test_the_legend_lists_what_is_there(analysed: ad.AnnData) -> None:
    words = texts(plot(analysed, organ="kidney", published="bone"))
    assert "not testable" in words and "found (q" not in words
    assert "organ it is published for" in words and "no evidence about patients" in words


def test_no_text_overlaps(analysed: ad.AnnData) -> None:
    figure = niche.pl.axes_heatmap(analysed)
    ax = figure.axes[0]
    parts = [
        *ax.get_xticklabels(),
        *ax.get_yticklabels(),
        *ax.texts,
        title(ax),
        ax.get_legend(),
        ax.xaxis.label,
    ]
    assert overlaps(figure, parts) == []


def test_ax_is_used(analysed: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.axes_heatmap(analysed, ax=axes) is axes
    assert named(axes, "published organ")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"organ": "spleen"}, InputValueError, "'spleen' not in the result"),
        ({"published": "spleen"}, InputValueError, "nothing is published for 'spleen'.*'bone'"),
        ({"published": []}, InputValueError, "nothing is published for no organ"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(analysed: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.axes_heatmap(analysed, **options)
