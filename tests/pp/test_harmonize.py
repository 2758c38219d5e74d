from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from held import held, unchanged
from scipy import sparse

import niche
from niche.errors import InputTypeError, InputValueError


def small(names, values=None, **columns):
    values = np.arange(1, 2 * len(names) + 1).reshape(2, -1) if values is None else values
    return ad.AnnData(
        np.asarray(values, dtype=np.float32),
        obs=pd.DataFrame(index=["a", "b"]),
        var=pd.DataFrame(columns, index=pd.Index(names, dtype=object)),
    )


def test_names_become_current_symbols_and_duplicates_are_summed():
    adata = small(["CTGF", "CXCR4", "ENSG00000118523.18", "MYGENE"])
    niche.pp.harmonize_genes(adata)
    assert list(adata.var_names) == ["CCN2", "CXCR4", "MYGENE"]
    assert adata.X.tolist() == [[4, 2, 4], [12, 6, 8]]
    assert adata.var["symbol"].tolist() == ["CCN2", "CXCR4", ""]
    assert adata.var["ensembl_id"].tolist() == ["ENSG00000118523", "ENSG00000121966", ""]
    record = adata.uns["harmonize_genes"]
    assert record["share_matched"] == 0.75
    assert (record["n_genes_before"], record["n_genes"]) == (4, 3)
    assert record["params"]["organism"] == "human"
    assert record["merged"]["names"].tolist() == ["CTGF; ENSG00000118523.18"]
    assert dict(zip(record["table"]["how"], record["table"]["n_genes"], strict=True)) == {
        "ensembl_id": 1,
        "current_symbol": 1,
        "previous_symbol": 1,
        "unknown": 1,
    }


def test_layers_are_summed_in_their_own_space():
    adata = small(["CTGF", "CCN2", "CXCR4"])
    adata.layers["counts"] = sparse.csr_matrix(adata.X.astype(np.int32))
    adata.X = np.log1p(adata.X * 1.3)
    niche.pp.harmonize_genes(adata)
    assert adata.layers["counts"].toarray().tolist() == [[3, 3], [9, 6]]
    assert adata.layers["counts"].dtype == np.int32
    assert np.allclose(np.expm1(adata.X), [[3.9, 3.9], [11.7, 7.8]], rtol=1e-5)


def test_everything_else_is_kept():
    adata = small(["CTGF", "CCN2", "CXCR4"], note=[1, 2, 3])
    adata.obsm["X_umap"] = np.ones((2, 2))
    adata.obsp["graph"] = sparse.eye(2, format="csr")
    adata.varm["load"] = np.arange(6).reshape(3, 2)
    adata.uns["mine"] = {"a": 1}
    niche.pp.harmonize_genes(adata)
    assert adata.var["note"].tolist() == [1, 3]
    assert adata.varm["load"].tolist() == [[0, 1], [4, 5]]
    assert adata.obsm["X_umap"].shape == (2, 2)
    assert "graph" in adata.obsp
    assert adata.uns["mine"] == {"a": 1}


def test_running_twice_changes_nothing():
    adata = small(["CTGF", "CXCR4", "ENSG00000118523.18", "MYGENE"])
    niche.pp.harmonize_genes(adata)
    once = adata.copy()
    niche.pp.harmonize_genes(adata)
    assert adata.var.equals(once.var)
    assert np.array_equal(adata.X, once.X)


def test_duplicated_names_are_what_it_is_for():
    adata = small(["CXCR4", "CXCR4", "ACTB"])
    niche.pp.harmonize_genes(adata)
    assert list(adata.var_names) == ["CXCR4", "ACTB"]
    assert adata.X.tolist() == [[3, 3], [9, 6]]


def test_a_column_of_ids_is_used_and_index_names_do_not_clash(tmp_path):
    adata = small(["old1", "old2"], gene_ids=["ENSG00000121966.8", "ENSG00000075624.17"])
    adata.var.index.name = "symbol"
    niche.pp.harmonize_genes(adata)
    assert list(adata.var_names) == ["CXCR4", "ACTB"]
    assert adata.uns["harmonize_genes"]["ids_from"] == "gene_ids"
    adata.write_h5ad(tmp_path / "a.h5ad")
    again = ad.read_h5ad(tmp_path / "a.h5ad")
    assert again.var["symbol"].tolist() == ["CXCR4", "ACTB"]


def test_mouse():
    adata = small(["Cxcr4", "Actb", "ENSMUSG00000029580.14"])
    niche.pp.harmonize_genes(adata)
    assert adata.uns["harmonize_genes"]["params"]["organism"] == "mouse"
    assert list(adata.var_names) == ["Cxcr4", "Actb"]


def test_copy_leaves_the_input():
    adata = small(["CTGF", "CCN2", "CXCR4"])
    before = held(adata)
    changed = niche.pp.harmonize_genes(adata, copy=True)
    assert unchanged(adata, before)
    assert changed.n_vars == 2


def test_view_leaves_its_parent(recwarn):
    parent = small(["CTGF", "CCN2", "CXCR4"])
    before = held(parent)
    for view in (parent[:1], parent[:1, [0, 2]]):
        niche.pp.harmonize_genes(view)
        assert list(view.var_names) == ["CCN2", "CXCR4"]
    assert unchanged(parent, before)
    assert not [w for w in recwarn if "view" in str(w.message)]


def test_no_matrix():
    adata = ad.AnnData(obs=pd.DataFrame(index=["a"]), var=pd.DataFrame(index=["CTGF", "CCN2"]))
    niche.pp.harmonize_genes(adata)
    assert list(adata.var_names) == ["CCN2"]


def test_few_known_genes_are_refused_and_the_better_organism_named():
    adata = small(["Cxcr4", "Actb", "Gapdh"])
    before = held(adata)
    with pytest.raises(
        InputValueError, match=r"only 0\.0 % .*organism='human'.*organism='mouse' fits better"
    ):
        niche.pp.harmonize_genes(adata, organism="human")
    assert unchanged(adata, before)


def test_no_known_gene_is_refused():
    adata = small(["hg38_CXCR4", "hg38_ACTB", "hg38_B2M"])
    before = held(adata)
    with pytest.raises(InputValueError, match=r"No organism fits.*symbols or Ensembl gene ids.*prefixes"):
        niche.pp.harmonize_genes(adata)
    assert unchanged(adata, before)


def test_a_matrix_that_cannot_be_summed_is_refused_before_anything_is_written():
    adata = small(["CTGF", "CCN2", "CXCR4"])
    adata.layers["scaled"] = adata.X - 3
    before = held(adata)
    with pytest.raises(InputValueError, match=r"layers\['scaled'\] .*negative.*remove it before"):
        niche.pp.harmonize_genes(adata)
    assert unchanged(adata, before)


@pytest.mark.parametrize("missing", ["", "nan"])
def test_missing_names_are_refused(missing):
    adata = small(["CXCR4", missing, "ACTB"])
    with pytest.raises(InputValueError, match="1 of 3 gene names in adata.var_names are missing"):
        niche.pp.harmonize_genes(adata)


def test_other_bad_input(tmp_path):
    with pytest.raises(InputTypeError, match=r"adata must be an AnnData. Got pandas.*DataFrame"):
        niche.pp.harmonize_genes(pd.DataFrame())
    with pytest.raises(InputValueError, match="adata is empty: 0 cells x 3 genes"):
        niche.pp.harmonize_genes(small(["CXCR4", "ACTB", "B2M"])[:0].copy())
    with pytest.raises(InputValueError, match=r"organism must be one of 'human', 'mouse'. Got 'rat'"):
        niche.pp.harmonize_genes(small(["CXCR4"]), organism="rat")
    with pytest.raises(InputTypeError, match="copy must be True or False"):
        niche.pp.harmonize_genes(small(["CXCR4"]), copy=1)
    small(["CXCR4", "ACTB"]).write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(InputValueError, match=r"backed by a file.*to_memory\(\)"):
        niche.pp.harmonize_genes(backed)
    backed.file.close()


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_what_is_stored_can_be_written(tmp_path, extension):
    adata = small(["CTGF", "CXCR4", "ENSG00000118523.18", "MYGENE"])
    niche.pp.harmonize_genes(adata)
    getattr(adata, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    assert again.var["ensembl_id"].tolist() == adata.var["ensembl_id"].tolist()
    record = again.uns["harmonize_genes"]
    assert record["share_matched"] == 0.75
    assert list(record["merged"]["names"]) == ["CTGF; ENSG00000118523.18"]


def test_real_data_by_ensembl_column(shared_data):
    adata = ad.read_h5ad(shared_data / "maynard2020_nsclc_mets_3k.h5ad")[:50].copy()
    niche.pp.harmonize_genes(adata)
    record = adata.uns["harmonize_genes"]
    assert record["ids_from"] == "ensg"
    assert record["share_matched"] > 0.7
    assert adata.var_names.is_unique
    assert adata.n_vars == record["n_genes"] < record["n_genes_before"]
