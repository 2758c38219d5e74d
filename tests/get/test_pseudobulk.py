"""Sums per sample and cell type: by hand, beside scanpy, of every array type."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import sparse

import niche
from niche import get
from niche.errors import InputTypeError, InputValueError, MissingKeyError


def by_hand():
    """Five cells, two genes; what the sums are can be read off."""
    obs = pd.DataFrame(
        {
            "sample": ["s1", "s1", "s1", "s2", "s2"],
            "patient": ["p1", "p1", "p1", "p1", "p1"],
            "organ": ["bone", "bone", "bone", "lung", "lung"],
            "cell_type": ["T", "T", "B", "T", "T"],
            "batch": [1, 2, 1, 3, 3],
            "age": [50.0, 50.0, 50.0, np.nan, np.nan],
        },
        index=[f"c{i}" for i in range(5)],
    )
    counts = np.array([[1, 0], [2, 3], [4, 0], [0, 0], [7, 1]], dtype=np.float32)
    return ad.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=["g1", "g2"]))


def test_sums_by_hand():
    bulk = get.pseudobulk(by_hand())
    assert bulk.obs_names.tolist() == ["s1|B", "s1|T", "s2|T"]
    assert bulk.X.tolist() == [[4, 0], [3, 3], [7, 1]]
    assert bulk.layers["n_expressing"].tolist() == [[1, 0], [2, 1], [1, 1]]
    assert bulk.obs["n_cells"].tolist() == [1, 2, 2]
    assert bulk.obs["n_counts"].tolist() == [4, 6, 8]
    assert bulk.obs["enough_cells"].tolist() == [False, False, False]
    assert list(bulk.obs)[:4] == ["sample", "cell_type", "patient", "organ"]
    assert "batch" not in bulk.obs and bulk.uns["pseudobulk"]["not_constant"].tolist() == ["batch"]
    assert bulk.obs["age"].tolist()[:2] == [50.0, 50.0] and np.isnan(bulk.obs["age"].iloc[2])
    assert bulk.uns["pseudobulk"]["kind"] == "counts"


def test_small_groups_are_kept_and_named_or_dropped():
    kept = get.pseudobulk(by_hand(), min_cells=2)
    assert kept.obs["enough_cells"].tolist() == [False, True, True]
    assert kept.uns["pseudobulk"]["small"].tolist() == ["s1|B"] and not kept.uns["pseudobulk"]["dropped"]
    dropped = get.pseudobulk(by_hand(), min_cells=2, drop_small=True)
    assert dropped.obs_names.tolist() == ["s1|T", "s2|T"]
    assert dropped.X.tolist() == [[3, 3], [7, 1]] and dropped.obs["n_cells"].tolist() == [2, 2]
    assert dropped.uns["pseudobulk"]["small"].tolist() == ["s1|B"] and dropped.uns["pseudobulk"]["dropped"]
    assert dropped.obs["cell_type"].tolist() == ["T", "T"]
    with pytest.raises(InputValueError, match="no group has min_cells=9 cells: the largest of 3 has 2"):
        get.pseudobulk(by_hand(), min_cells=9, drop_small=True)


def test_any_columns():
    bulk = get.pseudobulk(by_hand(), "organ")
    assert bulk.obs_names.tolist() == ["bone", "lung"] and bulk.X.tolist() == [[7, 3], [7, 1]]
    assert get.pseudobulk(by_hand(), ["organ", "batch"]).obs_names.tolist() == ["bone|1", "bone|2", "lung|3"]


def test_settings_name_the_columns():
    adata = by_hand()
    adata.obs = adata.obs.rename(columns={"sample": "biopsy"})
    before = niche.settings.sample_key
    niche.settings.sample_key = "biopsy"
    try:
        assert get.pseudobulk(adata).obs_names.tolist() == ["s1|B", "s1|T", "s2|T"]
    finally:
        niche.settings.sample_key = before


def test_the_order_is_that_of_the_categories():
    adata = by_hand()
    adata.obs["sample"] = pd.Categorical(adata.obs["sample"], categories=["s3", "s2", "s1"])
    bulk = get.pseudobulk(adata)
    assert bulk.obs_names.tolist() == ["s2|T", "s1|B", "s1|T"]
    assert bulk.obs["sample"].cat.categories.tolist() == ["s2", "s1"]


def test_counts_go_before_x(demo):
    bulk = get.pseudobulk(demo)
    niche.pp.normalize(demo)
    again = get.pseudobulk(demo)
    assert np.array_equal(bulk.X, again.X) and again.uns["pseudobulk"]["layer"] == "layers['counts']"


def test_without_counts_unlogged_values_are_summed_and_that_is_said(demo, caplog):
    niche.pp.normalize(demo)
    del demo.layers["counts"]
    with caplog.at_level(logging.INFO, logger="niche"):
        bulk = get.pseudobulk(demo)
    assert bulk.uns["pseudobulk"]["kind"] == "expm1" and "sums are of expm1 values" in caplog.text
    # every cell holds 10,000 after scaling
    np.testing.assert_allclose(bulk.obs["n_counts"], 1e4 * bulk.obs["n_cells"], rtol=1e-5)
    cells = (demo.obs["sample"] == "P01_bone") & (demo.obs["cell_type"] == "T cell")
    expected = np.expm1(demo.X[cells.to_numpy()].astype(np.float64)).sum(axis=0)
    np.testing.assert_allclose(bulk["P01_bone|T cell"].X, expected, rtol=1e-12)


def test_same_as_scanpy(demo):
    bulk = get.pseudobulk(demo)
    theirs = sc.get.aggregate(demo, ["sample", "cell_type"], ["sum", "count_nonzero"])
    place = pd.MultiIndex.from_frame(theirs.obs[["sample", "cell_type"]].astype(str)).get_indexer(
        pd.MultiIndex.from_frame(bulk.obs[["sample", "cell_type"]].astype(str))
    )
    assert (place >= 0).all() and len(place) == bulk.n_obs
    dense = [layer.toarray() if sparse.issparse(layer) else layer for layer in theirs.layers.values()]
    sums, nonzero = (dense[list(theirs.layers).index(name)][place] for name in ("sum", "count_nonzero"))
    assert np.array_equal(bulk.X, sums)
    assert np.array_equal(bulk.layers["n_expressing"], nonzero)
    # nothing is lost either
    assert bulk.X.sum() == demo.X.sum() and bulk.obs["n_cells"].sum() == demo.n_obs


@pytest.mark.parametrize("kind", ["csc", "numpy", "int", "dask", "dask of csr", "backed"])
def test_same_bits_for_every_array_type(demo, kind, tmp_path):
    adata = demo[::3].copy()
    adata.uns, adata.obsm, adata.varm = {}, {}, {}
    niche.pp.normalize(adata)
    for layer in ("counts", None):
        source = adata.copy()
        if layer is None:
            del source.layers["counts"]
        expected = get.pseudobulk(source, n_jobs=1)
        other = _of_kind(source, kind, tmp_path / f"{layer}.h5ad")
        for n_jobs in (1, 3):
            found = get.pseudobulk(other, n_jobs=n_jobs)
            assert np.array_equal(found.X, expected.X)
            assert np.array_equal(found.layers["n_expressing"], expected.layers["n_expressing"])
            pd.testing.assert_frame_equal(found.obs, expected.obs)


def _of_kind(adata, kind, path):
    if kind == "backed":
        adata.write_h5ad(path)
        return ad.read_h5ad(path, backed="r")
    other = adata.copy()
    layers = ["counts"] if "counts" in other.layers else []
    for layer in [None, *layers]:
        values = other.X if layer is None else other.layers[layer]
        if kind == "csc":
            values = values.tocsc()
        elif kind == "numpy":
            values = values.toarray()
        elif kind == "int":
            values = values.astype(np.int32) if layer else values
        else:
            array = pytest.importorskip("dask.array", reason="dask is not installed")
            dense = values if kind == "dask of csr" else values.toarray()
            values = array.from_array(dense, chunks=(700, values.shape[1]), asarray=kind == "dask")
        if layer is None:
            other.X = values
        else:
            other.layers[layer] = values
    return other


def test_order_of_cells_changes_no_count(demo):
    shuffled = demo[np.random.default_rng(1).permutation(demo.n_obs)].copy()
    assert np.array_equal(get.pseudobulk(demo).X, get.pseudobulk(shuffled).X)


def test_nothing_is_written_to_the_data_and_views_work(demo):
    columns, slots = list(demo.obs), list(demo.uns)
    view = demo[demo.obs["organ"] == "bone"]
    assert set(get.pseudobulk(view).obs["organ"]) == {"bone"}
    assert (list(demo.obs), list(demo.uns)) == (columns, slots)


def test_survives_h5ad_and_zarr(demo, tmp_path):
    bulk = get.pseudobulk(demo)
    bulk.write_h5ad(tmp_path / "bulk.h5ad")
    bulk.write_zarr(tmp_path / "bulk.zarr")
    for again in (ad.read_h5ad(tmp_path / "bulk.h5ad"), ad.read_zarr(tmp_path / "bulk.zarr")):
        assert np.array_equal(again.X, bulk.X)
        assert again.uns["pseudobulk"]["kind"] == "counts"
        assert again.obs["organ"].astype(str).tolist() == bulk.obs["organ"].astype(str).tolist()


@pytest.mark.parametrize(
    ("by", "error", "message"),
    [
        (
            ["sample", "celltype"],
            MissingKeyError,
            "by: 'celltype' not found in adata.obs. Available: 'sample'",
        ),
        ([], InputTypeError, "by must be one or more names"),
        ([1], InputTypeError, "by must be one or more names"),
        (["sample", "sample"], InputValueError, "by names a column twice"),
        ("age", InputValueError, r"2 of 5 cells have no label in adata.obs\['age'\]"),
    ],
)
def test_bad_columns(by, error, message):
    with pytest.raises(error, match=message):
        get.pseudobulk(by_hand(), by)


def test_bad_values():
    adata = by_hand()
    adata.X[0, 0] = -1
    with pytest.raises(InputValueError, match="finite and non-negative"):
        get.pseudobulk(adata)
    with pytest.raises(MissingKeyError, match="layer 'raw' not found"):
        get.pseudobulk(by_hand(), layer="raw")
    with pytest.raises(InputValueError, match="min_cells must be an integer"):
        get.pseudobulk(by_hand(), min_cells=0)
    with pytest.raises(InputTypeError, match="drop_small must be True or False"):
        get.pseudobulk(by_hand(), drop_small="yes")
