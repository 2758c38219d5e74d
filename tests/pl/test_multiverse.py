"""The specification curve by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels
from compared import AXIS
from matplotlib.text import Text

import niche
from niche.errors import InputTypeError, InputValueError

VARY = {
    "resource": ["cellphonedb"], "level": ["lineage"], "expr_prop": [0.9], "min_cells": [5], "patients": [],
    "leave_out_patients": True,
}  # fmt: skip
NAMES = ["contrast", "source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture(scope="session")
def _varied(_compared: ad.AnnData) -> ad.AnnData:
    return niche.recipes.multiverse(_compared, {"vary": VARY})


@pytest.fixture
def varied(_varied: ad.AnnData) -> ad.AnnData:
    return _varied.copy()


def axis_calls(adata: ad.AnnData) -> object:
    calls = niche.get.multiverse(adata, what="calls", contrast="bone_vs_rest").astype(
        dict.fromkeys(NAMES, str)
    )
    return calls[(calls[NAMES] == ["bone_vs_rest", *AXIS]).all(axis=1)].reset_index(drop=True)


def test_dots_and_intervals_are_the_table(varied: ad.AnnData) -> None:
    ax = niche.pl.multiverse(varied, [AXIS], contrast="bone_vs_rest").axes[0]
    calls = axis_calls(varied)
    tested = calls["agreement"].isin(["same_call", "no_call", "opposite_sign"]).to_numpy()
    (zero,) = named(ax, "zero")
    at_zero = zero.get_ydata()[0]
    (bars,) = named(ax, "interval")
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    scale = (at_zero - ends[0, 1]) / calls["ci_high"][tested].iloc[0]
    np.testing.assert_allclose(at_zero - ends[:, 0], calls["ci_low"][tested] * scale)
    np.testing.assert_allclose(at_zero - ends[:, 1], calls["ci_high"][tested] * scale)
    for kind in ("same_call", "no_call", "opposite_sign"):
        (dots,) = named(ax, kind)
        mine = np.flatnonzero(calls["agreement"] == kind)
        assert list(dots.get_offsets()[:, 0]) == list(mine)
        np.testing.assert_allclose(at_zero - dots.get_offsets()[:, 1], calls["log2fc"].iloc[mine] * scale)
    for kind in ("not_testable", "not_comparable"):
        marks = [text.get_position()[0] for text in named(ax, kind)]
        assert marks == list(np.flatnonzero(calls["agreement"] == kind))
    (words,) = named(ax, "words")
    row = niche.get.multiverse(varied, contrast="bone_vs_rest").astype(dict.fromkeys(NAMES, str))
    row = row[(row[NAMES] == ["bone_vs_rest", *AXIS]).all(axis=1)].iloc[0]
    n_same = int((calls["agreement"] == "same_call").sum())
    assert words.get_text() == f"sensitive: share expressed\ncalled alike in {n_same} of {row['n_tested']}"


def test_the_grid_says_what_every_universe_used(varied: ad.AnnData) -> None:
    ax = niche.pl.multiverse(varied, [AXIS], contrast="bone_vs_rest").axes[0]
    universes = niche.get.multiverse(varied, what="universes")
    labels = tick_labels(ax, "y")
    assert labels[1:4] == ["resource: user table", "resource: cellphonedb", "level: cell type"]
    assert "left out: P9" in labels
    assert not [text for text in labels if text.startswith("patients")]
    ticks = dict(zip(np.round(ax.get_yticks(), 6), labels, strict=True))
    (other,) = named(ax, "other option")
    used = {(int(x), ticks[round(float(y), 6)]) for x, y in other.get_offsets()}
    assert len(used) == len(universes) - 1
    place = {name: i for i, name in enumerate(universes["universe"])}
    assert (place["left_out=P3"], "left out: P3") in used
    assert (place["expr_prop=0.9"], "expressed in: 90%") in used
    (own,) = named(ax, "option of the run")
    n_factors = 5
    assert len(own.get_offsets()) == n_factors * len(universes) - len(used)


def test_rows_of_the_table_are_drawn_as_they_are(varied: ad.AnnData) -> None:
    table = niche.get.multiverse(varied)
    ax = niche.pl.multiverse(varied, table.head(3)).axes[0]
    assert len(named(ax, "strip")) == 3
    assert len(named(niche.pl.multiverse(varied, n_top=2).axes[0], "strip")) == 2


def test_labels_do_not_overlap(varied: ad.AnnData) -> None:
    figure = niche.pl.multiverse(varied, n_top=6)
    (ax,) = figure.axes
    labels = [*ax.get_yticklabels(), *(text for text in named(ax, "words") if isinstance(text, Text))]
    assert len(labels) > 20
    assert not overlaps(figure, [*labels, *named(ax, "caution")])


def test_into_given_axes(varied: ad.AnnData, axes) -> None:
    assert niche.pl.multiverse(varied, n_top=1, ax=axes) is axes
    assert "Columns are no" in texts(axes)
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.multiverse(varied, ax=3)


def test_nothing_called_is_said(few: ad.AnnData) -> None:
    nothing = niche.recipes.multiverse(few, {"vary": VARY | {"leave_out_patients": False}})
    assert "no edge is called in any universe" in texts(niche.pl.multiverse(nothing).axes[0])


def test_what_has_no_verdict_is_refused(varied: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="no verdict on .*CCR2.* no universe calls it"):
        niche.pl.multiverse(varied, [("Cancer", "Fibroblast", "CCL2", "CCR2")])
    with pytest.raises(InputValueError, match="n_top"):
        niche.pl.multiverse(varied, n_top=0)
