"""``convention="infercnvpy"`` against infercnvpy itself, run on one chunk of the same cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from genome import make_genome

import niche

infercnvpy = pytest.importorskip(
    "infercnvpy", reason="infercnvpy is the reference of these tests (extra: test)"
)

HOST = ["Microglia/Macrophage", "Oligodendrocytes (non-malignant)"]
ATOL = 1e-6


def plain_names(adata: ad.AnnData) -> ad.AnnData:
    """A copy whose gene names are Python strings: infercnvpy fails on the strings of pandas 3."""
    adata = adata.copy()
    adata.var.index = pd.Index(adata.var_names.to_numpy(dtype=object), dtype=object)
    return adata


def run_infercnvpy(adata: ad.AnnData, key: str | None, reference: list[str] | None, **options: object):
    return infercnvpy.tl.infercnv(
        plain_names(adata), reference_key=key, reference_cat=reference, chunksize=10**6, n_jobs=1, inplace=False, **options
    )[:2]  # fmt: skip


def agrees(adata: ad.AnnData, key: str | None, reference: list[str] | None, **options: object) -> None:
    first, expected = run_infercnvpy(adata, key, reference, **options)
    found = niche.tl.infer_cnv(
        adata, reference_key=key, reference=reference, convention="infercnvpy", copy=True, **options
    )
    ours = found.obsm["X_cnv"]
    assert found.uns["cnv"]["chr_pos"] == first
    assert ours.shape == expected.shape
    assert ours.nnz > 0 and ours.nnz == expected.nnz
    assert np.abs(ours - expected).max() < ATOL


@pytest.fixture(scope="module")
def tumor() -> ad.AnnData:
    """Oligodendroglioma (Tirosh et al. 2016), which ships with infercnvpy."""
    adata = infercnvpy.datasets.oligodendroglioma()
    adata.X = adata.X.astype(np.float64)
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    return adata


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"window_size": 101, "step": 7},
        {"window_size": 250, "step": 5},
        {"window_size": 30, "step": 1, "lfc_clip": 1.0},
        {"dynamic_threshold": None},
        {"dynamic_threshold": 3.0},
        {"exclude_chromosomes": ["chr7", "chr1"]},
        {"exclude_chromosomes": None},
    ],
    ids=str,
)
def test_real_tumor(tumor, options):
    agrees(tumor, "cell_type", HOST, **options)


@pytest.mark.parametrize("reference", [None, HOST[:1], HOST])
def test_no_one_and_two_references(tumor, reference):
    agrees(tumor, "cell_type" if reference else None, reference)


@pytest.mark.parametrize("kind", ["dense", "float32"])
def test_dense_and_single_precision(tumor, kind):
    adata = tumor.copy()
    adata.X = adata.X.toarray() if kind == "dense" else adata.X.astype(np.float32)
    agrees(adata, "cell_type", HOST)


def test_a_chromosome_of_exactly_one_window_and_ties(tumor):
    adata = make_genome()
    adata.X = adata.X.astype(np.float64)
    agrees(adata, "cell_type", ["T cell", "Fibroblast"])
    adata.var["start"] //= 20_000
    assert adata.var[["chromosome", "start"]].duplicated().any()
    agrees(adata, "cell_type", ["T cell", "Fibroblast"])


def test_genes_without_a_position(tumor):
    adata = tumor.copy()
    adata.var["chromosome"] = adata.var["chromosome"].astype(object)
    adata.var.iloc[::7, adata.var.columns.get_loc("chromosome")] = None
    agrees(adata, "cell_type", HOST)


def test_lung_metastases(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")
    adata.X = adata.X.astype(np.float64)
    agrees(adata, "cell_type", ["Macrophage", "B cell", "T cell CD4", "Fibroblast"])


def test_rows_in_another_order_change_infercnvpy_and_not_niche(tumor):
    """Why our own convention reads the noise from the reference cells, once."""
    order = np.argsort(tumor.obs["cell_type"].isin(HOST).to_numpy(), kind="stable")
    sorted_rows = tumor[order].copy()
    chunk = {
        "chunksize": 92,
        "n_jobs": 1,
        "inplace": False,
        "reference_key": "cell_type",
        "reference_cat": HOST,
    }
    before, after = (infercnvpy.tl.infercnv(plain_names(adata), **chunk)[1] for adata in (tumor, sorted_rows))
    assert ((before[order] != 0) != (after != 0)).mean() > 0.005
    ours = [
        niche.tl.infer_cnv(adata, reference=HOST, copy=True).obsm["X_cnv"] for adata in (tumor, sorted_rows)
    ]
    assert (ours[0][order] != ours[1]).nnz == 0


def test_our_own_convention_differs(tumor):
    expected = run_infercnvpy(tumor, "cell_type", HOST)[1]
    ours = niche.tl.infer_cnv(tumor, reference=HOST, copy=True).obsm["X_cnv"]
    assert ours.shape == expected.shape and ours.nnz != expected.nnz


def test_plots_of_infercnvpy_read_our_result(tumor):
    adata = niche.tl.infer_cnv(tumor, reference=HOST, copy=True)
    axes = infercnvpy.pl.chromosome_heatmap(adata, groupby="cell_type", show=False)
    assert "heatmap_ax" in axes
