"""Ambient fractions and shares, by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError


@pytest.fixture(scope="module")
def _assessed(_demo: ad.AnnData) -> ad.AnnData:
    adata = _demo.copy()
    niche.pp.ambient(adata)
    return adata


@pytest.fixture
def assessed(_assessed: ad.AnnData) -> ad.AnnData:
    return _assessed.copy()


def test_both_panels(assessed: ad.AnnData) -> None:
    figure = niche.pl.ambient(assessed)
    assert isinstance(figure, Figure)
    assert [ax.get_xlabel() for ax in figure.axes] == ["ambient counts (%)", "counts per million"]
    assert figure.axes[1].get_title(loc="left").startswith("Genes of Malignant, ")


def test_every_sample_has_its_point_and_interval(assessed: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.ambient(assessed, what="fractions", ax=axes) is axes
    table = niche.get.ambient(assessed).sort_values(["organ", "sample"], kind="stable")
    assert tick_labels(axes, "y") == table["sample"].tolist()
    points = {}
    for container in axes.containers:
        line, _, (bars,) = container.lines
        for x, y, segment in zip(line.get_xdata(), line.get_ydata(), bars.get_segments(), strict=True):
            points[int(y)] = (x, segment[0][0], segment[1][0])
    expected = 100 * table[["fraction", "ci_low", "ci_high"]].to_numpy()
    np.testing.assert_allclose([points[i] for i in range(len(table))], expected)
    (strokes,) = named(axes, "cell types")
    assert (
        len(strokes.get_offsets())
        == (niche.get.ambient(assessed, level="cell_types")["source"] == "cell type").sum()
    )


@pytest.mark.parametrize(
    ("what", "flag", "share"), [("genes", "flag", "share"), ("effects", "effect_flag", "effect_share")]
)
def test_every_gene_is_drawn_by_its_flag(
    assessed: ad.AnnData, axes: Axes, what: str, flag: str, share: str
) -> None:
    niche.pl.ambient(assessed, what=what, organ="lung", cell_type="Malignant", ax=axes)
    table = niche.get.ambient(assessed, level="genes", organ="lung", cell_type="Malignant")
    for name in ("own", "ambient", "undetermined"):
        part = table[table[flag] == name]
        (points,) = named(axes, name)
        offsets = np.asarray(points.get_offsets())
        x = part["observed"] if what == "genes" else part["log2fc"]
        np.testing.assert_allclose(offsets, np.column_stack([x, 100 * part[share]]))
    assert "SFTPA1" in texts(axes)


def test_flags_differ_in_shape_and_colour(assessed: ad.AnnData) -> None:
    ax = niche.pl.ambient(assessed, what="genes").axes[0]
    drawn = [named(ax, name)[0] for name in ("own", "ambient")]
    shapes = {tuple(map(tuple, points.get_paths()[0].vertices.round(3))) for points in drawn}
    assert len(shapes) == 2
    assert len({tuple(points.get_facecolors()[0][:3]) for points in drawn}) == 2


def test_nothing_overlaps(assessed: ad.AnnData) -> None:
    figure = niche.pl.ambient(assessed)
    parts = (
        [ax.get_legend() for ax in figure.axes] + [ax.patch for ax in figure.axes] + named(figure, "named")
    )
    assert overlaps(figure, parts) == []


def test_a_sample_without_fraction_says_why(assessed: ad.AnnData) -> None:
    kept = (assessed.obs["sample"] != "P01_bone") | (assessed.obs["cell_type"] == "Malignant")
    adata = assessed[kept.to_numpy()].copy()
    niche.pp.ambient(adata)
    assert "not testable: one cell type only" in texts(niche.pl.ambient(adata, what="fractions").axes[0])


def test_nothing_to_draw_is_said(assessed: ad.AnnData) -> None:
    adata = assessed[(assessed.obs["cell_type"] == "Malignant").to_numpy()].copy()
    niche.pp.ambient(adata)
    figure = niche.pl.ambient(adata)
    assert "No ambient fraction: one cell type only" in texts(figure.axes[0])
    assert "No ambient shares: no ambient fraction could be told" in texts(figure.axes[1])
    only = assessed[(assessed.obs["organ"] == "bone").to_numpy()].copy()
    niche.pp.ambient(only)
    ax = niche.pl.ambient(only, what="effects").axes[0]
    assert "nothing to compare with" in texts(ax)


def test_bad_input(assessed: ad.AnnData, demo: ad.AnnData, axes: Axes) -> None:
    with pytest.raises(InputValueError, match="what must be one of"):
        niche.pl.ambient(assessed, what="all")
    with pytest.raises(InputValueError, match="ax= takes one panel"):
        niche.pl.ambient(assessed, ax=axes)
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.ambient(assessed, what="genes", ax="here")  # type: ignore[arg-type]
    with pytest.raises(InputValueError, match="organ: 'kidney' not in the result"):
        niche.pl.ambient(assessed, organ="kidney")
    with pytest.raises(MissingKeyError, match=r"Run niche\.pp\.ambient first"):
        niche.pl.ambient(demo)
