"""The heatmap of edges and organs by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels, title
from compared import AXIS
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette

SILENT = ("Cancer", "Fibroblast", "CCL2", "CCR2")
TO_MACROPHAGE = ("Macrophage", "Cancer", "SPP1", "CD44")


def plot(adata: ad.AnnData, *args: object, **options: object) -> Axes:
    return niche.pl.organ_edges(adata, *args, **options).axes[0]


def name_of(row: object) -> str:
    genes = f"{row.ligand_complex} \u2192 {row.receptor_complex}".replace("_", "+")
    return f"{genes}   {row.source} \u2192 {row.target}"


def test_tiles_and_symbols_are_the_table(compared: ad.AnnData) -> None:
    ax = plot(compared)
    table = niche.get.compare_communication(compared)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    rows, columns = tick_labels(ax, "y"), tick_labels(ax, "x")
    assert columns == ["bone", "brain", "kidney", "lung"] and len(rows) == 20
    place = {(round(p.get_y() + 0.46), round(p.get_x() + 0.48)): p for p in named(ax, "tile")}
    limit = max(1.0, table.loc[table["call"] != "not_testable", "log2fc"].abs().max())
    for row in table.itertuples():
        if name_of(row) not in rows or np.isnan(row.log2fc):
            continue
        tile = place.pop((rows.index(name_of(row)), columns.index(str(row.organ))))
        wanted = colormaps[palette.DIVERGING]((row.log2fc + limit) / (2 * limit))
        assert np.allclose(tile.get_facecolor(), wanted, atol=0.01)
        assert bool(tile.get_hatch()) == (row.call == "not_testable")
    assert not place
    for call in ("enriched", "depleted", "shared"):
        (drawn,) = named(ax, f"call {call}")
        at = {(rows[round(y)], columns[round(x)]) for x, y in np.asarray(drawn.get_offsets())}
        mine = table[table["call"] == call]
        assert at == {(name_of(row), str(row.organ)) for row in mine.itertuples()}


def test_not_testable_is_hatched(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS, TO_MACROPHAGE, SILENT])
    assert tick_labels(ax, "y")[0].startswith("CXCL12")
    grey = {(round(p.get_x() + 0.48), round(p.get_y() + 0.46)) for p in named(ax, "no estimate")}
    assert grey == {(2, 1), (0, 2), (1, 2), (2, 2), (3, 2)}
    assert all(patch.get_hatch() for patch in named(ax, "no estimate"))
    words = texts(ax)
    assert "not testable, no estimate" in words and "too few patients for a call" in words


def test_organs_have_their_colours_and_contrasts_their_words(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS], contrast=["lung_vs_rest", "bone_vs_lung"])
    assert tick_labels(ax, "x") == ["lung\nvs the other organs", "bone\nvs lung"]
    colors = [to_hex(line.get_color()).upper() for line in named(ax, "organ")]
    assert colors == [palette.ORGANS["lung"], palette.ORGANS["bone"]]


def test_edges_stand_with_the_organ_in_which_they_are_highest(compared: ad.AnnData) -> None:
    ax = plot(compared)
    table = niche.get.compare_communication(compared)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    wide = table.assign(name=[name_of(row) for row in table.itertuples()]).pivot(
        index="name", columns="organ", values="log2fc"
    )
    shown = wide.loc[tick_labels(ax, "y"), ["bone", "brain", "kidney", "lung"]].to_numpy()
    best = np.where(np.isnan(shown), -np.inf, shown)
    assert (np.diff(best.argmax(axis=1)) >= 0).all()


def test_nothing_callable_says_why(few: ad.AnnData) -> None:
    assert "fewer than 3 patients on a side" in texts(plot(few))
    assert all(tile.get_hatch() for tile in named(plot(few, [AXIS]), "tile"))


def test_no_text_overlaps(compared: ad.AnnData) -> None:
    figure = niche.pl.organ_edges(compared)
    ax = figure.axes[0]
    parts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts, title(ax), ax.get_legend()]
    assert overlaps(figure, parts) == []


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.organ_edges(compared, ax=axes) is axes


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(compared: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.organ_edges(compared, **options)
