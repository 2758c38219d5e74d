from __future__ import annotations

import pytest
from genome import make_genome
from scipy import sparse

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError
from niche.get.cnv import profile_of


@pytest.fixture(scope="module")
def _inferred():
    adata = make_genome()
    niche.tl.infer_cnv(adata, reference=["T cell", "Fibroblast"])
    return adata


@pytest.fixture
def inferred(_inferred):
    return _inferred.copy()


def test_tables(inferred):
    windows = niche.get.cnv(inferred)
    assert list(windows) == ["chromosome", "start", "end", "n_genes"]
    assert len(windows) == inferred.obsm["X_cnv"].shape[1]
    references = niche.get.cnv(inferred, what="references")
    assert list(references) == [
        "sample",
        "n_cells",
        "n_reference_cells",
        "reference",
        "own",
        "of_all_samples",
    ]
    assert references["n_cells"].sum() == inferred.n_obs
    placed = niche.get.cnv(inferred, what="placed")
    assert placed["n_genes"].sum() == inferred.n_vars
    windows["chromosome"] = "mine"
    assert "mine" not in set(niche.get.cnv(inferred)["chromosome"])


def test_refusals(inferred):
    with pytest.raises(InputValueError, match="what must be one of"):
        niche.get.cnv(inferred, what="cells")
    with pytest.raises(MissingKeyError, match="Run niche.tl.infer_cnv first"):
        niche.get.cnv(inferred, key="other")
    inferred.obs["cell_type"] = "T cell"
    with pytest.raises(StaleResultError, match="obs cell_type changed since niche.tl.infer_cnv"):
        niche.get.cnv(inferred)


def test_the_profile_and_its_windows(inferred):
    found = profile_of(inferred, "cnv")
    assert isinstance(found.values, sparse.csr_matrix) and found.values.shape[1] == len(found.windows)
    assert found.threshold == inferred.uns["cnv"]["threshold"] and found.convention == "niche"
    assert "T cell, Fibroblast" in found.statement
    inferred.obsm["X_cnv"] = inferred.obsm["X_cnv"][:, :3]
    with pytest.raises(StaleResultError, match="has 3 columns"):
        profile_of(inferred, "cnv")
    del inferred.obsm["X_cnv"]
    with pytest.raises(MissingKeyError, match="'X_cnv'"):
        profile_of(inferred, "cnv")
