"""The copy for cellxgene breaks none of the schema's rules, and shows what was found."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from cellxgene import refused
from scipy import sparse

from niche import get
from niche.errors import InputTypeError, InputValueError, StaleResultError
from niche.get.to_cellxgene import RESERVED


def small() -> ad.AnnData:
    """Four cells that break every rule."""
    obs = pd.DataFrame(
        {
            "tissue": ["metastasis"] * 4,
            "cell_type": pd.Categorical(["a", "b", "a", "b"]),
            "__own": [1, 2, 3, 4],
            "mixed": [1, "x", None, 2.0],
            "judged": pd.Categorical([True, False, True, False]),
            "score": [0.5, np.nan, 1.0, 2.0],
        },
        index=list("wxyz"),
    )
    adata = ad.AnnData(sparse.csc_matrix(np.eye(4, dtype=np.float32)), obs=obs)
    adata.var["feature_name"] = list("ABCD")
    adata.layers["counts"] = sparse.csc_matrix(np.eye(4, dtype=np.int64))
    adata.obsm["X_umap"] = np.array([[0.0, 1], [np.nan, np.nan], [2, 3], [4, 5]])
    adata.obsm["X_pca"] = np.ones((4, 3))
    adata.obsm["X_cnv"] = sparse.csr_matrix(np.ones((4, 3)))
    adata.obsm["X_one"] = np.ones((4, 1))
    adata.obsm["X_a b"] = np.ones((4, 2))
    adata.obsm["X_inf"] = np.full((4, 2), np.inf)
    adata.obsm["spatial"] = np.ones((4, 2))
    adata.obsm["signatures"] = pd.DataFrame({"EMT/up": [1.0, 2, 3, 4]}, index=adata.obs_names)
    return adata


def test_what_breaks_the_rules_does_so_no_more():
    before = small()
    parts = {part for part, *_ in refused(before)}
    assert parts == {"obs", "var", "obsm", "matrix"}, "the rules see what is wrong"
    shown = get.to_cellxgene(before)
    assert refused(shown) == set()
    assert list(shown.obsm) == ["X_umap", "X_pca"] and shown.uns["default_embedding"] == "X_umap"
    assert list(shown.obs) == [
        "author_tissue", "author_cell_type", "author_own", "mixed", "judged", "score", "signatures_EMT|up",
    ]  # fmt: skip
    assert shown.obs["mixed"].tolist() == ["1", "x", "None", "2.0"]
    assert shown.obs["judged"].tolist() == ["True", "False", "True", "False"]
    assert shown.obs["signatures_EMT|up"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert shown.raw.X.dtype == np.float32 and (shown.raw.X.toarray() == np.eye(4)).all()
    assert list(before.obs)[:2] == ["tissue", "cell_type"] and before.raw is None, "the data are not changed"


def test_the_whole_corridor_can_be_shown(corridor, tmp_path):
    shown = get.to_cellxgene(corridor)
    assert refused(shown) == set()
    np.testing.assert_array_equal(shown.obs["usage_P1"], corridor.obsm["X_programs"][:, 0])
    assert (shown.obs["author_cell_type"].astype(str) == corridor.obs["cell_type"].astype(str)).all()
    for name in ("compartment", "malignant_probability", "cluster", "doublet_score"):
        assert name in shown.obs
    assert shown.uns["default_embedding"] == "X_niche_umap"
    shown.write_h5ad(tmp_path / "shown.h5ad")
    again = ad.read_h5ad(tmp_path / "shown.h5ad")
    assert refused(again) == set() and again.shape == corridor.shape
    assert (corridor.layers["counts"] != again.raw.X).nnz == 0


def test_what_the_working_file_holds_that_is_refused(corridor):
    """Nothing but what the how-to names: reserved columns, and entries of obsm that are no embeddings."""
    found = refused(corridor)
    assert {name for part, name, _ in found if part == "obs"} <= set(RESERVED)
    assert {why for part, _, why in found if part == "obsm"} <= {
        "no array",
        "allowed for single sections only",
    }
    assert {part for part, *_ in found} == {"obs", "obsm"}


def test_refusals(corridor):
    with pytest.raises(InputTypeError, match="AnnData"):
        get.to_cellxgene(corridor.obs)
    changed = corridor.copy()
    changed.obs["patient"] = pd.Categorical(["P1"] * changed.n_obs)
    with pytest.raises(StaleResultError, match="obs patient changed"):
        get.to_cellxgene(changed)
    bare = ad.AnnData(np.ones((2, 2), dtype=np.float32))
    with pytest.raises(InputValueError, match=r"no embedding to show.*empty.*Run niche\.tl\.cluster"):
        get.to_cellxgene(bare)
