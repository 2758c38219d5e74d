"""Cells on an embedding, by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy import sparse

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette


def legend(ax: Axes) -> dict[str, str]:
    found = ax.get_legend()
    return {
        text.get_text(): to_hex(handle.get_color()).upper()
        for text, handle in zip(found.get_texts(), found.legend_handles, strict=True)
    }


def test_default_panels_are_cell_type_compartment_and_organ(study: ad.AnnData) -> None:
    figure = niche.pl.umap(study)
    assert isinstance(figure, Figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["cell type", "compartment", "organ"]
    assert all(ax.get_xlabel() == "X_niche_umap 1" for ax in figure.axes)


def test_every_cell_is_drawn_once_in_its_colour(study: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.umap(study, color="organ", ax=axes) is axes
    (points,) = named(axes, "organ")
    place = {tuple(np.round(point, 9)): i for i, point in enumerate(study.obsm["X_niche_umap"])}
    drawn = [place[tuple(np.round(point, 9))] for point in np.asarray(points.get_offsets())]
    assert sorted(drawn) == list(range(study.n_obs)) and drawn != sorted(drawn)
    colors = palette.organ_colors(study.obs["organ"].cat.categories)
    for cell, color in zip(drawn, points.get_facecolors(), strict=True):
        assert to_hex(color).upper() == colors[study.obs["organ"].iloc[cell]]
    assert legend(axes) == colors
    assert points.get_rasterized()


def test_the_order_of_drawing_is_fixed(study: ad.AnnData) -> None:
    first, second = (named(niche.pl.umap(study, color="organ"), "organ")[0].get_offsets() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_compartments_have_their_own_colours(study: ad.AnnData) -> None:
    found = legend(niche.pl.umap(study, color="compartment").axes[0])
    assert found == {name: palette.COMPARTMENTS[name] for name in ("immune", "stromal", "tumor")}


@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_a_gene_is_a_number_with_its_unit(study: ad.AnnData, kind: str) -> None:
    kinds = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "dense": lambda x: x.toarray()}
    study.X = kinds[kind](study.X)
    ax = niche.pl.umap(study, color="CXCR4").axes[0]
    (points,) = named(ax, "CXCR4")
    values = np.asarray(points.get_array())
    np.testing.assert_allclose(np.sort(values), np.sort(study.to_df()["CXCR4"]))
    assert (np.diff(values) >= 0).all(), "the highest values lie on top"
    assert points.get_cmap().name == "viridis"
    assert points.colorbar.ax.get_ylabel() == "log1p-normalised"


def test_a_layer_of_counts_is_named_so(study: ad.AnnData) -> None:
    study.layers["counts"] = study.X.copy()
    study.layers["counts"].data = np.ones_like(study.X.data)
    (points,) = named(niche.pl.umap(study, color="CD44", layer="counts"), "CD44")
    assert points.colorbar.ax.get_ylabel() == "counts"
    assert set(np.asarray(points.get_array())) == {0.0, 1.0}


def test_missing_values_are_grey_and_named(study: ad.AnnData) -> None:
    study.obs["score"] = np.where(np.arange(study.n_obs) < 5, np.nan, 1.0 * np.arange(study.n_obs))
    study.obs["label"] = pd.Categorical(np.where(np.arange(study.n_obs) < 5, None, "known"))
    figure = niche.pl.umap(study, color=["score", "label"])
    assert len(named(figure, "missing")[0].get_offsets()) == 5
    assert legend(figure.axes[1])["no label"] == palette.MISSING
    study.obs["score"] = np.nan
    assert "no values" in [text.get_text() for text in niche.pl.umap(study, color="score").axes[0].texts]


def test_many_categories_are_numbered_on_the_cells(study: ad.AnnData) -> None:
    groups = np.arange(study.n_obs) % 10
    study.obs["cluster"] = pd.Categorical([f"c{i}" for i in groups])
    study.obsm["X_niche_umap"] = np.column_stack([groups * 3.0, (groups % 3) * 5.0])
    ax = niche.pl.umap(study, color="cluster").axes[0]
    assert [text.get_text() for text in named(ax, "number")] == [str(i) for i in range(1, 11)]
    assert list(legend(ax))[:2] == ["1  c0", "2  c1"]
    for i, text in enumerate(named(ax, "number")):
        assert text.get_position() == (i * 3.0, (i % 3) * 5.0)
    study.obs["mixed"] = pd.Categorical(
        np.random.default_rng(0).permutation(study.obs["cluster"].astype(str))
    )
    assert not named(niche.pl.umap(study, color="mixed"), "number"), "no place stands for scattered cells"


def test_booleans_are_categories(study: ad.AnnData) -> None:
    study.obs["flag"] = study.obs["organ"] == "bone"
    assert list(legend(niche.pl.umap(study, color="flag").axes[0])) == ["False", "True"]


def test_another_embedding_is_taken_and_named(study: ad.AnnData) -> None:
    study.obsm["X_umap"] = study.obsm.pop("X_niche_umap")
    assert niche.pl.umap(study, color="organ").axes[0].get_xlabel() == "X_umap 1"
    study.obsm["X_pca"] = np.zeros((study.n_obs, 5))
    assert niche.pl.umap(study, color="organ", basis="X_pca").axes[0].get_ylabel() == "X_pca 2"


def test_cells_without_a_place_are_counted(study: ad.AnnData) -> None:
    study.obsm["X_niche_umap"][:7] = np.nan
    ax = niche.pl.umap(study, color="organ").axes[0]
    assert "7 cells are not in this embedding" in [text.get_text() for text in ax.texts]
    assert len(named(ax, "organ")[0].get_offsets()) == study.n_obs - 7


def test_panels_and_legends_do_not_overlap(study: ad.AnnData) -> None:
    study.obs["long"] = pd.Categorical(
        [f"a rather long name of a cell type {i % 20}" for i in range(study.n_obs)]
    )
    figure = niche.pl.umap(study, color=["long", "organ", "CXCR4", "long"])
    parts = [ax.get_legend() for ax in figure.axes if ax.get_legend()] + [ax.patch for ax in figure.axes]
    assert overlaps(figure, parts) == []


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"color": "CXCL99"}, MissingKeyError, "'CXCL99' is neither a column of adata.obs nor a gene"),
        ({"color": []}, InputValueError, "at least one"),
        ({"basis": "X_tsne"}, MissingKeyError, "'X_tsne' not found in adata.obsm. Available: 'X_niche_umap'"),
        ({"basis": 3}, InputValueError, "basis must be a key"),
        ({"color": "CD44", "layer": "raw"}, MissingKeyError, "layer 'raw' not found"),
    ],
)
def test_bad_input(study: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.umap(study, **options)


def test_missing_embedding_and_columns(study: ad.AnnData, axes: Axes) -> None:
    with pytest.raises(InputValueError, match="ax= takes one colouring. Got 3"):
        niche.pl.umap(study, ax=axes)
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.umap(study, color="organ", ax="here")  # type: ignore[arg-type]
    study.obsm["X_niche_umap"] = study.obsm["X_niche_umap"][:, :1]
    with pytest.raises(InputValueError, match="must have two columns"):
        niche.pl.umap(study)
    study.obsm["X_niche_umap"] = np.full((study.n_obs, 2), np.nan)
    with pytest.raises(InputValueError, match="no cell with finite coordinates"):
        niche.pl.umap(study)
    del study.obsm["X_niche_umap"]
    with pytest.raises(MissingKeyError, match=r"Run niche\.tl\.cluster first"):
        niche.pl.umap(study)
    study.obsm["X_umap"] = np.zeros((study.n_obs, 2))
    study.obs = study.obs[["sample"]]
    with pytest.raises(MissingKeyError, match="Choose with color="):
        niche.pl.umap(study)
