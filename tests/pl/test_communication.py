"""The dot plot by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps, texts, tick_labels, title
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from metastases import PAIRS, make_study

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl.communication import CAP, _size, top_edges

FIBROBLAST, MACROPHAGE = "Fibroblast \u2192 Cancer", "Macrophage \u2192 Cancer"


def plot(adata: ad.AnnData, **options: object) -> Axes:
    figure = niche.pl.communication(adata, **options)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def dots(ax: Axes) -> pd.DataFrame:
    (drawn,) = named(ax, "edges")
    place = np.asarray(drawn.get_offsets()).astype(int)
    columns, rows = tick_labels(ax, "x"), tick_labels(ax, "y")
    return pd.DataFrame(
        {
            "x": place[:, 0],
            "pair": [rows[y] for y in place[:, 1]],
            "cells": [columns[x] for x in place[:, 0]],
            "color": np.asarray(drawn.get_array()),
            "size": drawn.get_sizes(),
            "ring": np.broadcast_to(drawn.get_linewidths(), len(place)) > 0,
        }
    )


def organ_spans(ax: Axes) -> list[tuple[int, int]]:
    return [tuple(int(np.round(x)) for x in line.get_xdata()) for line in named(ax, "organ")]


def test_every_dot_is_its_edge(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    found = dots(ax)
    spans = organ_spans(ax)
    tested = niche.get.communication(analysed, status="tested")
    tested = tested.assign(
        pair=[
            f"{a} \u2192 {b}"
            for a, b in zip(tested["ligand_complex"], tested["receptor_complex"], strict=True)
        ]
    )
    assert len(found) == len(tested)
    for edge in tested.itertuples():
        first, last = spans[["bone", "brain"].index(edge.organ)]
        dot = found[
            (found["pair"] == edge.pair) & (found["cells"] == f"{edge.source} \u2192 {edge.target}")
            & found["x"].between(first, last)
        ]  # fmt: skip
        assert len(dot) == 1
        assert dot["color"].iloc[0] == pytest.approx(edge.lr_means)
        assert dot["size"].iloc[0] == pytest.approx(_size(np.array([-np.log10(edge.pval)]))[0])
        assert dot["ring"].iloc[0] == (edge.qval <= 0.05)


def test_organs_stand_apart_under_their_colours(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    colors = [to_hex(line.get_color()).upper() for line in named(ax, "organ")]
    assert colors == list(palette.organ_colors(["bone", "brain", "kidney"]).values())
    heads = named(ax, "organ name")
    assert [" ".join(text.get_text().replace(",", "").split()) for text in heads] == [
        "bone 1 to 2 patients", "brain 2 patients", "kidney not testable",
    ]  # fmt: skip
    assert [text.get_text().replace(", ", "\n").split("\n")[0] for text in heads] == [
        "bone",
        "brain",
        "kidney",
    ]
    assert heads[0].get_rotation() == 0 and heads[0].get_text() == "bone\n1 to 2\npatients", (
        "wrapped, not turned"
    )


def test_an_organ_without_testable_pairs_is_one_column_of_crosses(analysed: ad.AnnData) -> None:
    ax = plot(analysed)
    assert tick_labels(ax, "x")[-1] == "all of these pairs"
    last = len(tick_labels(ax, "x")) - 1
    crosses = np.asarray(named(ax, "not_testable")[0].get_offsets())
    assert (crosses[:, 0] == last).sum() == len(tick_labels(ax, "y"))
    assert not (dots(ax)["x"] == last).any()


def test_an_absent_cell_type_has_no_column_and_too_few_cells_have_crosses() -> None:
    adata = make_study()
    extra = adata[(adata.obs["sample"] == "b1") & (adata.obs["cell_type"] == "Macrophage")].copy()
    few = extra[:4].copy()
    few.obs["sample"], few.obs["patient"], few.obs["organ"] = "r1", "P1", "brain"
    few.obs_names = [f"few{i}" for i in range(4)]
    both = ad.concat([adata, few])
    for data, n_macrophage, crossed in ((adata, 1, False), (both, 2, True)):
        niche.tl.communication(data, "cell_type", resource=PAIRS)
        ax = plot(data, organ=["bone", "brain"])
        assert tick_labels(ax, "x").count(MACROPHAGE) == n_macrophage
        assert tick_labels(ax, "x").count(FIBROBLAST) == 2
        assert (len(named(ax, "not_testable")[0].get_offsets()) > 0) is crossed
        assert ("not testable" in texts(ax)) is crossed
        assert ("absent in the organ" in texts(ax)) is not crossed


def test_not_expressed_is_empty_and_the_legend_says_so(analysed: ad.AnnData) -> None:
    ax = plot(analysed, organ=["bone", "brain"])
    silent = niche.get.communication(analysed, organ="brain", source="Fibroblast", target="Cancer")
    silent = silent[silent["ligand_complex"] == "CXCL12"]
    assert set(silent["status"].astype(str)) == {"not_expressed", "not_testable"}
    first, last = organ_spans(ax)[1]
    here = dots(ax)
    here = here[here["x"].between(first, last) & (here["pair"] == "CXCL12 \u2192 CXCR4")]
    assert here.empty
    words = texts(ax)
    for word in (
        "empty: not expressed",
        "q \u2264 0.05 in its organ",
        f"\u2265 {CAP:g}",
        "no evidence about patients",
    ):
        assert word in words


def test_sizes_are_capped_and_colours_share_one_scale(analysed: ad.AnnData) -> None:
    assert _size(np.array([CAP]))[0] == _size(np.array([200.0]))[0] > _size(np.array([1.0]))[0]
    (drawn,) = named(plot(analysed), "edges")
    tested = niche.get.communication(analysed, status="tested")
    assert drawn.norm.vmin == pytest.approx(tested["lr_means"].min())
    assert drawn.norm.vmax == pytest.approx(tested["lr_means"].max())
    assert drawn.get_cmap().name == "viridis"


def test_top_edges_are_the_first_by_both_ranks_in_each_organ(analysed: ad.AnnData) -> None:
    tested = niche.get.communication(analysed, status="tested")
    top = top_edges(tested, 2, "lr_means")
    assert top.groupby("organ").size().to_dict() == {"bone": 2, "brain": 2}
    for organ, part in tested.groupby("organ", observed=True):
        place = (part["specificity_rank"].rank(method="min") + part["magnitude_rank"].rank(method="min")) / 2
        mine = top[top["organ"] == organ]
        assert mine["place"].tolist() == sorted(place)[:2]
    shuffled = tested.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(top_edges(shuffled, 2, "lr_means"), top)


def test_n_top_limits_each_organ(analysed: ad.AnnData) -> None:
    ax = plot(analysed, n_top=1)
    assert 1 <= len(tick_labels(ax, "y")) <= 2
    assert ax.get_title(loc="left") == "Top 1 edges of each organ"


def test_selection(analysed: ad.AnnData) -> None:
    ax = plot(analysed, organ="bone", source="Fibroblast", target=["Cancer"])
    assert tick_labels(ax, "x") == [FIBROBLAST]
    assert ax.get_title(loc="left") == "Top 20 edges in bone"


def test_another_score_is_named(analysed: ad.AnnData) -> None:
    (drawn,) = named(plot(analysed, score="expr_prod"), "edges")
    assert drawn.colorbar.ax.get_ylabel() == "expr prod"


def test_without_p_values_dots_are_equal_and_the_legend_says_so(study: ad.AnnData) -> None:
    niche.tl.communication(
        study, "cell_type", resource=PAIRS, null=None, scores=["lr_means"], key_added="plain"
    )
    ax = plot(study, key="plain")
    found = dots(ax)
    assert found["size"].nunique() == 1 and not found["ring"].any()
    assert "no p-values in this run" in texts(ax)


def test_nothing_tested_says_so(analysed: ad.AnnData) -> None:
    ax = plot(analysed, organ="kidney")
    assert "no tested edge for organ kidney" in texts(ax)
    adata = make_study()
    adata = adata[adata.obs["organ"] == "kidney"].copy()
    with pytest.warns(niche.errors.NicheWarning, match="one organ only"):
        niche.tl.communication(adata, "cell_type", resource=PAIRS)
    assert "no tested edge in any organ" in texts(plot(adata))


def test_no_text_overlaps(analysed: ad.AnnData) -> None:
    figure = niche.pl.communication(analysed)
    ax = figure.axes[0]
    parts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts, title(ax), ax.get_legend()]
    assert overlaps(figure, parts) == []


def test_ax_is_used(analysed: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.communication(analysed, ax=axes) is axes
    assert named(axes, "edges")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"organ": "spleen"}, InputValueError, "'spleen' not in the result"),
        ({"source": "Neuron"}, InputValueError, "'Neuron' not in the result"),
        ({"score": "beauty"}, InputValueError, "score must be one of.*'lr_means'.*Got 'beauty'"),
        ({"score": "n_patients"}, InputValueError, "score must be one of"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(analysed: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.communication(analysed, **options)
