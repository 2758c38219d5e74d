"""The genome heatmap, by its artists."""

from __future__ import annotations

import numpy as np
import pytest
from artists import named, overlaps, tick_labels
from genome import make_genome
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError
from niche.pl import palette


@pytest.fixture(scope="module")
def _inferred():
    adata = make_genome(samples=3)
    niche.tl.infer_cnv(adata, reference=["T cell", "Fibroblast", "Macrophage"])
    return adata


@pytest.fixture
def inferred(_inferred):
    return _inferred.copy()


def shown(ax):
    (image,) = named(ax, "profile")
    return np.asarray(image.get_array())


def groups(ax):
    (image,) = named(ax, "groups")
    return [to_hex(color).upper() for color in np.asarray(image.get_array())[:, 0]]


def test_chromosomes_are_marked_off_and_named(inferred):
    figure = niche.pl.cnv(inferred)
    assert isinstance(figure, Figure)
    ax = figure.axes[0]
    assert [label.strip() for label in tick_labels(ax, "x")] == ["1", "2", "3", "10", "11"]
    first = list(inferred.uns["cnv"]["chr_pos"].values())
    borders = [line.get_xdata()[0] for line in named(ax, "chromosome border")]
    assert borders == [place - 0.5 for place in first[1:]]
    assert ax.get_xlabel() == "chromosome"


def test_rows_are_cells_by_sample_and_compartment_tumor_first(inferred):
    ax = niche.pl.cnv(inferred).axes[0]
    image, colors = shown(ax), groups(ax)
    assert image.shape[1] == inferred.obsm["X_cnv"].shape[1] and len(colors) == len(image)
    values = {row.tobytes() for row in inferred.obsm["X_cnv"].toarray()}
    assert {np.asarray(row, dtype=np.float32).tobytes() for row in image} <= values
    runs = [colors[i] for i in range(len(colors)) if i == 0 or colors[i] != colors[i - 1]]
    assert runs == [palette.COMPARTMENTS[name] for name in ("tumor", "stromal", "immune")] * 3
    tumor = np.array(colors) == palette.COMPARTMENTS["tumor"]
    assert np.abs(image[tumor]).mean() > 5 * np.abs(image[~tumor]).mean()
    labels = [label.get_text() for label in named(ax, "sample")]
    assert labels == ["s0 (155)", "s1 (155)", "s2 (155)"]
    assert len(named(ax, "sample border")[0].get_segments()) == 2


def test_every_cell_of_small_data_is_shown(inferred):
    image = shown(niche.pl.cnv(inferred, groupby="cell_type").axes[0])
    assert len({row.tobytes() for row in image}) >= 0.95 * len(
        np.unique(inferred.obsm["X_cnv"].toarray(), axis=0)
    )


def test_colours_are_symmetric_and_told_apart_by_everyone(inferred):
    (image,) = named(niche.pl.cnv(inferred).axes[0], "profile")
    low, high = image.get_clim()
    assert low == -high < 0
    assert high == pytest.approx(np.quantile(np.abs(inferred.obsm["X_cnv"].data), 0.99))
    assert image.get_cmap().name == "RdBu_r"
    red, _, blue, _ = image.get_cmap()(1.0)
    assert red > blue, "gains are red"


def test_the_reference_is_said(inferred):
    ax = niche.pl.cnv(inferred).axes[0]
    (words,) = named(ax, "reference")
    assert words.get_text().startswith(
        "compared with T cell, Fibroblast, Macrophage (285 cells); of the sample itself"
    )


def test_another_column_and_legend(inferred):
    ax = niche.pl.cnv(inferred, groupby="cell_type").axes[0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == sorted(set(inferred.obs["cell_type"]))
    with_compartments = niche.pl.cnv(inferred).axes[0].get_legend()
    assert with_compartments.get_title().get_text() == "compartment"


def test_without_samples_and_groups(inferred):
    niche.tl.infer_cnv(inferred, reference=None, sample_key="sample", key_added="plain")
    for column in ("compartment", "cell_type"):
        del inferred.obs[column]
    figure = niche.pl.cnv(inferred, key="plain")
    assert not named(figure.axes[0], "groups") and figure.axes[0].get_legend() is None
    assert "the mean of all cells" in named(figure.axes[0], "reference")[0].get_text()


def test_given_axes(inferred, axes):
    assert niche.pl.cnv(inferred, ax=axes) is axes
    assert shown(axes).shape[1] == inferred.obsm["X_cnv"].shape[1]
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.cnv(inferred, ax="here")


def test_nothing_overlaps(inferred):
    many = inferred[np.arange(400) % inferred.n_obs].copy()
    many.obs_names_make_unique()
    many.obs["sample"] = [f"biopsy_{i % 40 if i > 60 else 0}" for i in range(400)]
    niche.tl.infer_cnv(many, reference="T cell")
    figure = niche.pl.cnv(many)
    ax = figure.axes[0]
    marks = [
        *named(ax, "sample"),
        *ax.get_xticklabels(),
        *ax.get_legend().get_texts(),
        *named(ax, "reference"),
    ]
    assert overlaps(figure, marks) == []


def test_a_profile_without_any_signal(inferred):
    niche.tl.infer_cnv(inferred, reference="T cell", dynamic_threshold=1000)
    assert inferred.obsm["X_cnv"].nnz == 0
    assert not shown(niche.pl.cnv(inferred).axes[0]).any()


def test_refusals(inferred):
    with pytest.raises(MissingKeyError, match="Run niche.tl.infer_cnv first"):
        niche.pl.cnv(inferred, key="other")
    with pytest.raises(MissingKeyError, match="'type' not found"):
        niche.pl.cnv(inferred, groupby="type")
    inferred.obs["half"] = inferred.obs["cell_type"].where(np.arange(inferred.n_obs) % 2 == 0)
    with pytest.raises(InputValueError, match="have no label in adata.obs"):
        niche.pl.cnv(inferred, groupby="half")
    inferred.obs["sample"] = "one"
    with pytest.raises(StaleResultError, match="obs sample changed"):
        niche.pl.cnv(inferred)
