"""Data with results of niche stay data of scanpy and squidpy, and their tools leave the results as they are."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche._slots import read
from niche.errors import MissingKeyError, StaleResultError

sc = pytest.importorskip("scanpy")
sq = pytest.importorskip("squidpy")
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def used(_corridor: ad.AnnData) -> ad.AnnData:
    """The corridor after tools of scanpy and squidpy that store something."""
    adata = _corridor.copy()
    sc.pp.neighbors(adata, use_rep="X_niche_pca", n_neighbors=10, key_added="theirs")
    sc.tl.rank_genes_groups(adata, "compartment", method="t-test", n_genes=20)
    sc.tl.dendrogram(adata, "cell_type", use_rep="X_niche_pca")
    sc.tl.score_genes(adata, list(adata.var_names[:10]), ctrl_size=10)
    sc.tl.embedding_density(adata, basis="niche_umap", groupby="organ")
    one = adata[adata.obs["sample"] == adata.obs["sample"].iloc[0]].copy()
    sq.gr.spatial_neighbors(one, coord_type="generic", n_neighs=4)
    sq.gr.nhood_enrichment(one, cluster_key="cell_type", n_perms=5, seed=0, show_progress_bar=False)
    adata.uns["nhood"] = {"zscore": one.uns["cell_type_nhood_enrichment"]["zscore"]}
    return adata


def test_their_tools_leave_results_current(_corridor: ad.AnnData, used: ad.AnnData) -> None:
    assert set(read.ours(used)) == set(read.ours(_corridor))
    before, after = (niche.get.communication(adata, organ="bone") for adata in (_corridor, used))
    assert before.equals(after)
    for table in (
        "compare_communication",
        "programs",
        "compare_programs",
        "composition",
        "signatures",
        "cluster",
    ):
        assert len(getattr(niche.get, table)(used)), table


def test_their_plots_show_what_niche_found(used: ad.AnnData) -> None:
    colors = ["compartment", "cluster", "malignant_probability", "CXCL12"]
    axes = sc.pl.embedding(used, basis="X_niche_umap", color=colors, show=False)
    assert [one.get_title() for one in axes] == colors
    genes = ["CXCL12", "CXCR4"]
    dots = sc.pl.dotplot(used, genes, groupby="compartment", show=False)["mainplot_ax"]
    assert [label.get_text() for label in dots.get_xticklabels()] == genes
    assert sc.pl.rank_genes_groups_dotplot(used, n_genes=2, show=False)
    assert sc.pl.violin(used, ["malignant_probability"], groupby="compartment", show=False) is not None


def test_what_they_stored_and_ours_survive_a_file(used: ad.AnnData, tmp_path) -> None:
    adata = used.copy()
    del adata.uns["truth"]
    adata.write_h5ad(tmp_path / "both.h5ad")
    again = ad.read_h5ad(tmp_path / "both.h5ad")
    assert niche.get.communication(again, organ="bone").equals(niche.get.communication(used, organ="bone"))
    assert sc.get.rank_genes_groups_df(again, group="tumor").equals(
        sc.get.rank_genes_groups_df(used, group="tumor")
    )


def test_a_second_log_or_a_scaling_is_noticed(corridor: ad.AnnData) -> None:
    sc.pp.log1p(corridor)
    with pytest.raises(StaleResultError, match="X changed"):
        niche.get.communication(corridor)


def test_concatenated_studies_bring_no_result_of_their_parts(corridor: ad.AnnData) -> None:
    half = np.arange(corridor.n_obs) < corridor.n_obs // 2
    whole = ad.concat([corridor[half], corridor[~half]])
    with pytest.raises(MissingKeyError, match="Run niche.tl.communication first"):
        niche.get.communication(whole)
    del corridor.uns["truth"]
    kept = ad.concat([corridor[half], corridor], uns_merge="first", index_unique="-")
    with pytest.raises(StaleResultError, match="changed"):
        niche.get.communication(kept)
