from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from genome import SIZES, make_genome
from held import held, unchanged
from scipy import sparse

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError

REFERENCE = ["T cell", "Fibroblast", "Macrophage"]


@pytest.fixture(scope="module")
def _genome():
    return make_genome()


@pytest.fixture
def genome(_genome):
    return _genome.copy()


def same(left, right):
    """Whether two profiles are the same to the last bit."""
    return left.shape == right.shape and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in ("data", "indices", "indptr")
    )


def infer(adata, **options):
    options = {"reference": REFERENCE} | options
    return niche.tl.infer_cnv(adata, copy=True, **options)


def test_gains_and_losses_are_seen(genome):
    niche.tl.infer_cnv(genome, reference=REFERENCE)
    profile = pd.DataFrame(genome.obsm["X_cnv"].toarray())
    windows = niche.get.cnv(genome)
    means = profile.groupby(genome.obs["malignant"].to_numpy()).mean().T.groupby(windows["chromosome"]).mean()
    tumor = means[True] - means.loc[["chr3", "chr10", "chr11"], True].mean()
    assert tumor["chr1"] > 0.1 and tumor["chr2"] < -0.1
    assert tumor[["chr3", "chr10", "chr11"]].abs().max() < 0.05
    assert means[False].abs().max() < 0.03
    signal = (profile**2).mean(axis=1)
    malignant = genome.obs["malignant"].to_numpy()
    assert signal[malignant].min() > np.quantile(signal[~malignant], 0.99)


def test_what_is_stored(genome):
    assert niche.tl.infer_cnv(genome, reference=REFERENCE) is None
    values, stored = genome.obsm["X_cnv"], genome.uns["cnv"]
    assert isinstance(values, sparse.csr_matrix) and values.dtype == np.float32
    windows = stored["windows"]
    assert values.shape == (genome.n_obs, len(windows))
    assert windows["chromosome"].drop_duplicates().tolist() == ["chr1", "chr2", "chr3", "chr10", "chr11"]
    assert stored["chr_pos"] == {"chr1": 0, "chr2": 15, "chr3": 23, "chr10": 27, "chr11": 28}
    assert (windows["end"] > windows["start"]).all()
    assert windows["n_genes"].tolist()[-2:] == [100, 60]
    placed = stored["placed"].set_index("how")["n_genes"].to_dict()
    assert placed == {"var": 701, "excluded_chromosome": 52, "other_chromosome": 6}
    assert (stored["share_placed"], stored["n_genes_used"], stored["positions_of"]) == (1.0, 701, "adata.var")
    assert stored["threshold"] == 1.5 * stored["noise"] > 0
    assert np.abs(values.data).min() >= np.float32(stored["threshold"])
    references = stored["references"]
    assert references["reference"].tolist() == ["own", "own"]
    assert references["n_reference_cells"].tolist() == [95, 95]
    assert references["own"].iloc[0] == "; ".join(REFERENCE)
    assert stored["reference_statement"] == (
        "T cell, Fibroblast, Macrophage (190 cells); of the sample itself in 2 of 2 samples"
    )
    assert stored["params"]["reference_key"] == "cell_type"
    assert stored["params"]["sample_key"] == "sample"


@pytest.mark.parametrize("order", ["sorted by type", "reversed", "shuffled"])
def test_the_order_of_the_rows_changes_nothing(genome, order):
    expected = infer(genome)
    rows = {
        "sorted by type": np.argsort(genome.obs["cell_type"].to_numpy(), kind="stable"),
        "reversed": np.arange(genome.n_obs)[::-1],
        "shuffled": np.random.default_rng(5).permutation(genome.n_obs),
    }[order]
    found = infer(genome[rows].copy())
    assert found.uns["cnv"]["threshold"] == expected.uns["cnv"]["threshold"]
    assert same(found.obsm["X_cnv"], expected.obsm["X_cnv"][rows])


def test_the_order_of_the_genes_changes_nothing(genome):
    genome.var.loc[genome.var["chromosome"] == "chr1", "start"] //= 50_000  # many ties
    expected = infer(genome)
    columns = np.random.default_rng(6).permutation(genome.n_vars)
    np.testing.assert_allclose(
        infer(genome[:, columns].copy()).obsm["X_cnv"].toarray(), expected.obsm["X_cnv"].toarray(), atol=1e-7
    )


@pytest.mark.parametrize(
    "kind", ["numpy", "csc", "float64", "dask", "dask of csr", "view", "backed", "layer"]
)
def test_every_kind_of_matrix_gives_the_same_bits(genome, kind, tmp_path):
    expected = infer(genome, n_jobs=1).obsm["X_cnv"]
    options = {}
    if kind == "numpy":
        genome.X = genome.X.toarray()
    elif kind == "csc":
        genome.X = genome.X.tocsc()
    elif kind == "float64":
        genome.X = genome.X.astype(np.float64)
    elif kind.startswith("dask"):
        dask = pytest.importorskip("dask.array", reason="dask is not installed")
        values = genome.X if "csr" in kind else genome.X.toarray()
        genome.X = dask.from_array(values, chunks=(77, genome.n_vars), asarray=False)
    elif kind == "view":
        genome = genome[: genome.n_obs]
    elif kind == "layer":
        genome.layers["log"] = genome.X
        genome.X = sparse.csr_matrix(np.round(genome.X.toarray()))
        options["layer"] = "log"
    else:
        genome.write_h5ad(tmp_path / "a.h5ad")
        genome = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.tl.infer_cnv(genome, reference=REFERENCE, n_jobs=2, **options)
    assert same(genome.obsm["X_cnv"], expected)
    if kind == "backed":
        genome.file.close()


def test_blocks_on_disk_give_the_same_bits(genome, monkeypatch, tmp_path):
    expected = infer(genome).obsm["X_cnv"]
    monkeypatch.setattr("niche._slots.matrix.BLOCK_ROWS", 100)
    genome.write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    niche.tl.infer_cnv(backed, reference=REFERENCE)
    assert same(backed.obsm["X_cnv"], expected)
    backed.file.close()


def test_chromosome_names_do_not_matter(genome):
    expected = infer(genome)
    genome.var["chromosome"] = (
        genome.var["chromosome"].str.removeprefix("chr").replace("M", "MT").astype("category")
    )
    found = infer(genome, exclude_chromosomes=["X", "y", "MT"])
    assert same(found.obsm["X_cnv"], expected.obsm["X_cnv"])
    assert found.uns["cnv"]["chr_pos"] == expected.uns["cnv"]["chr_pos"]


def test_chromosomes_to_leave_out(genome):
    found = infer(genome, exclude_chromosomes=None).uns["cnv"]
    assert list(found["chr_pos"]) == ["chr1", "chr2", "chr3", "chr10", "chr11", "chrM", "chrX"]
    found = infer(genome, exclude_chromosomes=["chr10", "chrX", "chrM"]).uns["cnv"]
    assert list(found["chr_pos"]) == ["chr1", "chr2", "chr3", "chr11"]
    scaffolds = infer(genome, convention="infercnvpy", exclude_chromosomes=None).uns["cnv"]
    assert "KI270721.1" not in scaffolds["chr_pos"]


def test_small_chromosomes_and_silent_genes_are_left_out():
    adata = make_genome({"chr1": 150, "chr2": 120, "chr21": 9})
    adata.X[:, np.flatnonzero(adata.var["chromosome"] == "chr2")[:20]] = 0
    adata.X.eliminate_zeros()
    placed = infer(adata).uns["cnv"]["placed"].set_index("how")["n_genes"].to_dict()
    assert placed["seen_in_few_cells"] >= 20 and placed["chromosome_of_few_genes"] <= 9
    assert placed["var"] + placed["seen_in_few_cells"] + placed["chromosome_of_few_genes"] == 279
    all_genes = infer(adata, min_detected=0).uns["cnv"]["placed"].set_index("how")["n_genes"].to_dict()
    assert all_genes == {"var": 270, "chromosome_of_few_genes": 9}
    peer = infer(adata, convention="infercnvpy").uns["cnv"]
    assert peer["placed"]["n_genes"].tolist() == [279] and "chr21" in peer["chr_pos"]


def test_positions_are_built_in(genome):
    table = niche.resources.gene_positions()
    table = (
        table[table["biotype"] == "protein_coding"]
        .drop_duplicates("symbol")
        .iloc[::25]
        .head(genome.n_vars - 50)
    )
    names = table["symbol"].tolist() + [f"clone{i}" for i in range(genome.n_vars - len(table))]
    genome.var = pd.DataFrame(index=names)
    found = infer(genome).uns["cnv"]
    assert found["positions_of"] == "human"
    assert found["share_placed"] == pytest.approx(len(table) / genome.n_vars)
    by_id = genome.copy()
    by_id.var["gene_id"] = table["ensembl_id"].tolist() + [""] * (genome.n_vars - len(table))
    by_id.var_names = [f"x{i}" for i in range(genome.n_vars)]
    again = infer(by_id).uns["cnv"]
    assert again["windows"].equals(found["windows"])
    assert "ensembl_id" in set(again["placed"]["how"])


def test_mean_of_all_cells_is_said(genome, caplog):
    with caplog.at_level(logging.INFO, logger="niche"):
        found = infer(genome, reference=None).uns["cnv"]
    assert found["references"]["reference"].tolist() == ["all_cells", "all_cells"]
    assert found["reference_statement"].startswith("the mean of all cells, tumor cells included")
    assert "the mean of all cells" in caplog.text
    assert found["params"]["reference_key"] == ""
    alone = infer(genome, reference=None, reference_key="cell_type")
    assert alone.uns["cnv"]["reference_statement"] == found["reference_statement"]


def test_samples_without_enough_reference_cells_take_that_of_all(genome):
    kept = ~(
        (genome.obs["sample"] == "s1") & genome.obs["cell_type"].isin(["T cell", "Fibroblast", "Macrophage"])
    )
    few = (genome.obs["sample"] == "s1") & (genome.obs["cell_type"] == "T cell")
    for n_t_cells, kind, own in ((0, "global", ""), (19, "global", ""), (20, "mixed", "T cell")):
        rows = kept | (few & (few.cumsum() <= n_t_cells))
        found = infer(genome[rows].copy()).uns["cnv"]["references"].set_index("sample").loc["s1"]
        assert (found["reference"], found["own"], found["n_reference_cells"]) == (kind, own, n_t_cells)
    assert found["of_all_samples"] == "Fibroblast; Macrophage"


def test_without_samples_all_cells_are_one(genome):
    del genome.obs["sample"]
    found = infer(genome).uns["cnv"]
    assert found["references"]["sample"].tolist() == ["all cells"]
    assert infer(genome, sample_key="cell_type").uns["cnv"]["params"]["sample_key"] == "cell_type"


def test_a_boolean_column_and_missing_labels(genome):
    by_flag = infer(genome, reference_key="malignant", reference=False)
    assert by_flag.uns["cnv"]["references"]["own"].tolist() == ["False", "False"]
    genome.obs["partial"] = genome.obs["cell_type"].where(genome.obs["cell_type"] == "T cell")
    partial = infer(genome, reference_key="partial", reference="T cell")
    assert same(partial.obsm["X_cnv"], infer(genome, reference="T cell").obsm["X_cnv"])


def test_categories_of_few_cells_do_not_count(genome):
    genome.obs["cell_type"] = genome.obs["cell_type"].astype(str)
    rare = np.flatnonzero(genome.obs["cell_type"] == "Cancer")[:9]
    genome.obs.iloc[rare, genome.obs.columns.get_loc("cell_type")] = "Rare"
    found = infer(genome, reference=[*REFERENCE, "Rare"])
    assert same(found.obsm["X_cnv"], infer(genome).obsm["X_cnv"])


def test_no_threshold_keeps_everything(genome):
    found = infer(genome, dynamic_threshold=None)
    assert np.isnan(found.uns["cnv"]["noise"]) and found.uns["cnv"]["threshold"] == 0
    assert found.obsm["X_cnv"].nnz > 0.9 * np.prod(found.obsm["X_cnv"].shape)


def test_another_key_leaves_the_first(genome):
    niche.tl.infer_cnv(genome, reference=REFERENCE)
    niche.tl.infer_cnv(genome, reference=REFERENCE, window_size=40, key_added="fine")
    assert (
        genome.obsm["X_fine"].shape[1]
        == len(niche.get.cnv(genome, key="fine"))
        != genome.obsm["X_cnv"].shape[1]
    )


def bad(genome, change):
    if change == "counts":
        genome.X = sparse.csr_matrix(np.round(genome.X.toarray() * 5))
    elif change == "negative":
        genome.X.data[7] = -1
    elif change == "nan":
        genome.X.data[7] = np.nan
    elif change == "no positions":
        genome.var = genome.var[[]]
    elif change == "one chromosome":
        genome = genome[:, genome.var["chromosome"] == "chr1"].copy()
    elif change == "ten cells":
        genome = genome[:10].copy()
    elif change == "few reference cells":
        number = genome.obs.groupby("cell_type", observed=True).cumcount()
        genome = genome[(genome.obs["cell_type"] == "Cancer") | (number < 9)].copy()
    elif change == "unlabelled sample":
        genome.obs["sample"] = genome.obs["sample"].where(np.arange(genome.n_obs) > 3)
    return genome


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ("counts", {}, InputValueError, "must hold log1p-normalised values"),
        ("negative", {}, InputValueError, "1 negative"),
        ("nan", {}, InputValueError, "1 NaN"),
        ("no positions", {}, InputValueError, "none of the genes could be placed.*adata.var\\['chromosome'\\]"),
        ("one chromosome", {}, InputValueError, "lie on 1 of them only \\('chr1'"),
        ("ten cells", {}, InputValueError, "at least 20 reference cells are needed"),
        ("ten cells", {"reference": None}, InputValueError, "10 cells are too few"),
        ("few reference cells", {}, InputValueError, "at least 20 reference cells.*'T cell' "),
        ("unlabelled sample", {}, InputValueError, "4 of 310 cells have no label"),
        ("", {"reference": ["T cell", "Hepatocyte"]}, InputValueError, "'Hepatocyte' not found.*Found there: 'Cancer'"),
        ("", {"reference": []}, InputValueError, "names no category"),
        ("", {"reference": REFERENCE, "reference_key": "type"}, MissingKeyError, "'type' not found in adata.obs"),
        ("", {"reference_key": 3}, InputTypeError, "reference_key"),
        ("", {"sample_key": "biopsy"}, MissingKeyError, "'biopsy' not found"),
        ("", {"layer": "log"}, MissingKeyError, "'log' not found in adata.layers"),
        ("", {"exclude_chromosomes": list(SIZES)}, InputValueError, "lie on 0 of them only"),
        ("", {"exclude_chromosomes": "chrX"}, InputTypeError, "exclude_chromosomes"),
        ("", {"convention": "R"}, InputValueError, "convention must be one of"),
        ("", {"positions": "gtf"}, InputValueError, "positions must be one of"),
        ("", {"organism": "rat"}, InputValueError, "organism must be one of"),
        ("", {"window_size": 1}, InputValueError, "window_size must be an integer"),
        ("", {"step": 0}, InputValueError, "step must be an integer"),
        ("", {"lfc_clip": 0}, InputValueError, "lfc_clip must be a number"),
        ("", {"dynamic_threshold": -1}, InputValueError, "dynamic_threshold must be"),
        ("", {"min_detected": 2}, InputValueError, "min_detected must be"),
        ("", {"min_reference_cells": 0}, InputValueError, "min_reference_cells must be"),
        ("", {"key_added": "a/b"}, InputValueError, "key_added must be"),
        ("", {"n_jobs": 0}, InputValueError, "n_jobs must be"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_and_nothing_is_written(genome, change, options, error, message):
    genome = bad(genome, change)
    before = held(genome)
    with pytest.raises(error, match=message):
        niche.tl.infer_cnv(genome, **({"reference": REFERENCE} | options))
    assert unchanged(genome, before)


def test_not_an_anndata():
    with pytest.raises(InputTypeError, match="adata must be an AnnData"):
        niche.tl.infer_cnv(pd.DataFrame())


def test_all_cells_of_one_type_show_nothing(genome):
    alone = genome[genome.obs["cell_type"] == "T cell"].copy()
    found = infer(alone, reference="T cell")
    windows = found.uns["cnv"]["windows"]["chromosome"]
    means = np.abs(np.asarray(found.obsm["X_cnv"].mean(axis=0)).ravel())
    assert means.max() < found.uns["cnv"]["threshold"] / 3 and len(windows) == means.size


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_round_trip(genome, tmp_path, extension):
    niche.tl.infer_cnv(genome, reference=REFERENCE)
    getattr(genome, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    assert same(sparse.csr_matrix(again.obsm["X_cnv"]), genome.obsm["X_cnv"])
    assert niche.get.cnv(again).equals(niche.get.cnv(genome))
    assert dict(again.uns["cnv"]["chr_pos"]) == genome.uns["cnv"]["chr_pos"]


def test_real_tumor_cells_stand_out(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    normal = ["Macrophage", "T cell CD4", "Fibroblast", "B cell", "Endothelial cell"]
    niche.tl.infer_cnv(adata, reference=normal)
    stored = adata.uns["cnv"]
    assert stored["share_placed"] > 0.95 and list(stored["chr_pos"]) == [f"chr{i}" for i in range(1, 23)]
    assert {"mixed", "global"} <= set(stored["references"]["reference"])
    signal = np.asarray(adata.obsm["X_cnv"].power(2).mean(axis=1)).ravel()
    malignant = (adata.obs["malignant_putative"].astype(str) == "True").to_numpy()
    above = (signal[malignant][:, None] > signal[~malignant]).mean()
    assert above > 0.98
