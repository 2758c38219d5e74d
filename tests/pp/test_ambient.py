"""Ambient fractions of samples and cell types, whatever form the counts have."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from held import held, unchanged
from leaked_stroma import LEAKED, TRUE, different, simulate, tumor_bulk
from scipy import sparse

import niche
from niche._slots import read
from niche.errors import InputTypeError, InputValueError, MissingKeyError


@pytest.fixture(scope="session")
def _three_samples():
    study = simulate(0, patients=2)
    chosen = study.adata.obs["sample"].isin(["s00", "s02", "s03"])
    adata = study.adata[chosen].copy()
    adata.obs = adata.obs.copy()
    for name in adata.obs:
        adata.obs[name] = adata.obs[name].cat.remove_unused_categories()
    return adata, study.fraction[[0, 2, 3]]


@pytest.fixture
def three_samples(_three_samples):
    """Two samples of one organ and one of another, with their true fractions."""
    return _three_samples[0].copy(), _three_samples[1]


def values(adata):
    """What was estimated."""
    stored = adata.uns["ambient"]
    return [stored[part][name] for part in ("samples", "groups") for name in ("fraction", "log_se")]


def same(left, right):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(values(left), values(right), strict=True))


def test_fractions_without_known_markers(three_samples):
    adata, fraction = three_samples
    before = adata.X.copy()
    niche.pp.ambient(adata)
    table = niche.get.ambient(adata)
    assert np.allclose(table["fraction"], fraction, atol=0.01)
    assert (table["ci_low"] < table["fraction"]).all()
    assert (table["fraction"] < table["ci_high"]).all()
    assert set(table["profile"]) == {"pooled cells"}
    tumor = niche.get.ambient(adata, level="cell_types", cell_type="Tumor")
    assert np.allclose(tumor["fraction"], fraction, atol=0.01)
    assert set(tumor["source"]) == {"cell type"}
    assert (before != adata.X).nnz == 0, "counts are never changed"


def test_leaked_genes_are_flagged_and_true_ones_are_not():
    study = simulate(1)
    niche.pp.ambient(study.adata)
    called, difference = different(tumor_bulk(study.adata)[0], study.first)
    table = niche.get.ambient(study.adata, level="genes", cell_type="Tumor").set_index(["organ", "gene"])
    higher = np.where(difference > 0, "liver", "lung")
    flag = (
        table.loc[list(zip(higher, study.adata.var_names, strict=True)), "effect_flag"].astype(str).to_numpy()
    )
    assert called[LEAKED].sum() > 350, "a naive test calls nearly all of them"
    assert (flag[LEAKED] == "ambient").mean() >= 0.95
    assert (flag[TRUE] == "ambient").mean() <= 0.05
    assert (flag[TRUE][called[TRUE]] == "own").all()


def test_simulated_metastases():
    adata = niche.datasets.simulate_metastases(3, doublets=0.0, patients_per_organ=3, primaries=1, normals=0)
    niche.pp.ambient(adata)
    truth = adata.uns["truth"]["samples"].set_index("sample")["ambient"]
    table = niche.get.ambient(adata).set_index("sample")
    assert (table["fraction"] / truth.reindex(table.index.astype(str)).to_numpy()).between(0.8, 1.35).all()
    genes = adata.uns["truth"]["genes"].astype({"organ": str, "cell_type": str, "gene": str, "cause": str})
    genes = genes[genes["cell_type"] == "Malignant"].set_index(["organ", "gene"])
    found = niche.get.ambient(adata, level="genes", cell_type="Malignant").astype({"organ": str, "gene": str})
    joined = found.set_index(["organ", "gene"]).join(genes, rsuffix="_true", how="inner")
    seen = joined["log2fc"] * np.sign(joined["log2fc_observed"]) >= 0.5
    leaked = joined[seen & (joined["cause"] == "ambient")]
    real = joined[seen & (joined["cause"] != "ambient") & (joined["log2fc_true"].abs() >= 0.5)]
    assert len(leaked) > 100
    assert len(real) > 100
    assert (leaked["effect_flag"] == "ambient").mean() >= 0.95
    assert (real["effect_flag"] == "ambient").mean() <= 0.05


def test_order_of_cells_does_not_matter(three_samples):
    adata, _ = three_samples
    order = np.random.default_rng(0).permutation(adata.n_obs)
    shuffled = adata[order].copy()
    niche.pp.ambient(adata)
    niche.pp.ambient(shuffled)
    assert same(adata, shuffled)


@pytest.mark.parametrize("kind", ["numpy", "csc", "int", "dask", "view", "backed"])
def test_every_kind_of_matrix(three_samples, kind, tmp_path):
    adata, _ = three_samples
    expected = niche.pp.ambient(adata, copy=True)
    if kind == "numpy":
        adata.X = adata.X.toarray()
    elif kind == "csc":
        adata.X = adata.X.tocsc()
    elif kind == "int":
        adata.X = adata.X.astype(np.int32)
    elif kind == "dask":
        dask = pytest.importorskip("dask.array")
        adata.X = dask.from_array(adata.X.toarray(), chunks=(700, 1000))
    elif kind == "view":
        adata = adata[: adata.n_obs]
    else:
        adata.write_h5ad(tmp_path / "a.h5ad")
        adata = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.pp.ambient(adata)
    assert same(adata, expected)
    if kind == "backed":
        adata.file.close()


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(three_samples, tmp_path, extension):
    adata, _ = three_samples
    niche.pp.ambient(adata)
    getattr(adata, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    assert same(again, adata)
    assert again.uns["ambient"]["counts"]["data"].dtype == np.float32
    read.result(again, "ambient", run_first="niche.pp.ambient")


def droplets(adata, fraction_of, seed=0):
    """Empty droplets of a sample: Poisson counts of a profile."""
    rng = np.random.default_rng(seed)
    return sparse.csr_matrix(rng.poisson(300 * fraction_of, (200, adata.n_vars)).astype(np.float32))


def test_empty_droplets_in_another_anndata(three_samples):
    adata, fraction = three_samples
    tumor = (adata.obs["sample"] == "s00").to_numpy()
    pooled = np.asarray(adata.X[tumor].sum(axis=0)).ravel()
    counts = droplets(adata, pooled / pooled.sum())
    empty = ad.AnnData(counts, var=adata.var.copy())
    empty.obs["sample"] = "s00"
    empty = empty[:, ::-1].copy()
    niche.pp.ambient(adata, empty=empty)
    table = niche.get.ambient(adata).set_index("sample")
    assert table["profile"].to_dict() == {
        "s00": "empty droplets",
        "s02": "pooled cells",
        "s03": "pooled cells",
    }
    assert np.allclose(table["fraction"], fraction, atol=0.015)
    assert "profile" in adata.uns["ambient"]


def test_empty_droplets_in_a_column_are_the_same(three_samples):
    adata, _ = three_samples
    pooled = np.asarray(adata.X[(adata.obs["sample"] == "s00").to_numpy()].sum(axis=0)).ravel()
    empty = ad.AnnData(droplets(adata, pooled / pooled.sum()), var=adata.var.copy())
    empty.obs["sample"] = "s00"
    empty.obs_names = [f"empty{i}" for i in range(empty.n_obs)]
    joined = ad.concat([empty, adata], merge="same", join="outer")
    joined.obs["empty"] = np.arange(joined.n_obs) < empty.n_obs
    assert joined.obs["cell_type"].isna().sum() == empty.n_obs
    niche.pp.ambient(joined, empty="empty")
    niche.pp.ambient(adata, empty=empty)
    assert same(joined, adata)
    assert niche.get.ambient(joined)["n_cells"].sum() == adata.n_obs


def test_small_cell_types_take_the_sample_s_fraction(three_samples):
    adata, _ = three_samples
    immune = np.flatnonzero((adata.obs["sample"] == "s00") & (adata.obs["cell_type"] == "Immune"))
    keep = np.setdiff1d(np.arange(adata.n_obs), immune[4:])
    adata = adata[keep].copy()
    niche.pp.ambient(adata)
    row = niche.get.ambient(adata, level="cell_types", sample="s00", cell_type="Immune").iloc[0]
    whole = niche.get.ambient(adata, sample="s00").iloc[0]
    assert (row["source"], row["n_cells"]) == ("sample", 4)
    assert row["fraction"] == whole["fraction"]
    assert row["ci_high"] - row["ci_low"] > 3 * (whole["ci_high"] - whole["ci_low"])


def test_what_cannot_be_told_says_why(three_samples):
    adata, _ = three_samples
    keep = (adata.obs["sample"] != "s00") | (adata.obs["cell_type"] == "Tumor")
    second = np.flatnonzero((adata.obs["sample"] == "s02") & (adata.obs["cell_type"] != "Tumor"))
    keep[adata.obs_names[second[5:]]] = False
    adata = adata[keep.to_numpy()].copy()
    niche.pp.ambient(adata)
    table = niche.get.ambient(adata).set_index("sample")
    assert table["status"].to_dict() == {"s00": "not_testable", "s02": "not_testable", "s03": "assessed"}
    assert table.loc["s00", "reason"] == "one cell type only: no gene can be exclusive to another"
    assert table.loc["s02", "reason"] == "fewer than two cell types with 10 cells"
    assert np.isnan(table.loc["s00", "fraction"])
    genes = niche.get.ambient(adata, level="genes", cell_type="Tumor")
    assert set(genes["organ"]) == {"lung"}


def test_labels_that_mean_nothing_are_not_testable(three_samples):
    adata, _ = three_samples
    adata = adata[adata.obs["cell_type"] == "Tumor"].copy()
    adata.obs["cell_type"] = np.where(np.arange(adata.n_obs) % 2, "A", "B")
    niche.pp.ambient(adata)
    table = niche.get.ambient(adata)
    assert set(table["status"]) == {"not_testable"}
    assert table["fraction"].isna().all()
    assert table["reason"].str.startswith("fewer than 5 genes are exclusive").all()


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_cells(three_samples, n):
    adata = three_samples[0][:n].copy()
    niche.pp.ambient(adata)
    assert niche.get.ambient(adata)["status"].tolist() == ["not_testable"]
    assert len(niche.get.ambient(adata, level="genes")) == 0


def test_cells_without_counts(three_samples):
    adata, _ = three_samples
    values = adata.X.tolil()
    values[(adata.obs["sample"] == "s00").to_numpy().nonzero()[0]] = 0
    adata.X = values.tocsr()
    niche.pp.ambient(adata)
    assert niche.get.ambient(adata)["status"].tolist() == ["not_testable", "assessed", "assessed"]


def test_data_without_counts_are_refused_with_the_consequence(three_samples):
    adata, _ = three_samples
    adata.X = adata.X.log1p()
    before = held(adata)
    with pytest.raises(InputValueError, match=r"needs raw counts, and X holds none.*not_assessed"):
        niche.pp.ambient(adata)
    assert unchanged(adata, before)


def test_stored_counts_are_preferred(three_samples):
    adata, _ = three_samples
    expected = niche.pp.ambient(adata, copy=True)
    niche.pp.normalize(adata)
    niche.pp.ambient(adata)
    assert same(adata, expected)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_cells": 1}, InputValueError, "min_cells must be an integer in"),
        ({"min_genes": 0}, InputValueError, "min_genes must be an integer in"),
        ({"max_share": 0}, InputValueError, r"max_share must be a number in \(0, 1\]. Got 0"),
        ({"groupby": "kind"}, MissingKeyError, "column 'kind' not found in adata.obs"),
        ({"sample_key": "biopsy"}, MissingKeyError, "column 'biopsy' not found in adata.obs"),
        ({"organ_key": "site"}, MissingKeyError, "column 'site' not found in adata.obs"),
        ({"layer": "raw"}, MissingKeyError, "layer 'raw' not found in adata.layers"),
        ({"empty": "is_empty"}, MissingKeyError, "column 'is_empty' not found in adata.obs"),
        ({"empty": "organ"}, InputTypeError, r"adata.obs\['organ'\] must hold True or False"),
        ({"empty": 3}, InputTypeError, "empty must be an AnnData, the name of a boolean obs column, or None"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be a non-empty string without '/'"),
        ({"n_jobs": 0}, InputValueError, "n_jobs must be"),
        ({"copy": "yes"}, InputTypeError, "copy must be True or False"),
    ],
)
def test_bad_options_write_nothing(three_samples, options, error, message):
    adata, _ = three_samples
    before = held(adata)
    with pytest.raises(error, match=message):
        niche.pp.ambient(adata, **options)
    assert unchanged(adata, before)


def test_bad_empty_droplets(three_samples):
    adata, _ = three_samples
    adata.obs["all"] = True
    with pytest.raises(InputValueError, match="marks every row as an empty droplet"):
        niche.pp.ambient(adata, empty="all")
    other = ad.AnnData(sparse.csr_matrix(np.ones((3, 2), np.float32)))
    with pytest.raises(InputValueError, match="0 of 3000 were found in empty.var_names"):
        niche.pp.ambient(adata, empty=other)
    nothing = ad.AnnData(sparse.csr_matrix((3, adata.n_vars), dtype=np.float32), var=adata.var.copy())
    nothing.obs["sample"] = "s00"
    with pytest.raises(InputValueError, match="hold no counts"):
        niche.pp.ambient(adata, empty=nothing)
    nothing.obs = nothing.obs.drop(columns="sample")
    with pytest.raises(MissingKeyError, match="column 'sample' not found"):
        niche.pp.ambient(adata, empty=nothing)


def test_bad_values_write_nothing(three_samples):
    adata, _ = three_samples
    adata.X.data[0] = np.nan
    before = held(adata)
    with pytest.raises(InputValueError, match="finite and non-negative"):
        niche.pp.ambient(adata)
    assert sorted(adata.uns) == before["uns"]


def test_a_view_and_a_copy(three_samples):
    adata, _ = three_samples
    returned = niche.pp.ambient(adata, copy=True, key_added="soup")
    assert "soup" in returned.uns
    assert "soup" not in adata.uns
    view = adata[: adata.n_obs]
    niche.pp.ambient(view)
    assert "ambient" in view.uns


def test_real_cells_from_plates_have_next_to_none(shared_data):
    adata = ad.read_h5ad(shared_data / "chung2017_breast_primary_LNmet.h5ad")
    niche.pp.ambient(adata, "cell_type_marker", organ_key="site")
    table = niche.get.ambient(adata)
    told = table["status"] == "assessed"
    assert told.any()
    assert (table.loc[told, "fraction"] < 0.01).all()
    assert (table.loc[~told, "reason"] != "").all()


def test_real_values_without_counts_are_refused(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    with pytest.raises(InputValueError, match="needs raw counts"):
        niche.pp.ambient(adata, organ_key="site")
