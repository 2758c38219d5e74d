from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from niche._slots import fingerprint


@pytest.fixture
def adata():
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {"kind": pd.Categorical(rng.choice(["a", "b"], 50))}, index=[f"c{i}" for i in range(50)]
    )
    return ad.AnnData(sparse.csr_matrix(rng.poisson(1.0, (50, 6)).astype(np.float32)), obs=obs)


def stored(adata):
    return fingerprint.compute(adata, obs=["kind"], layers=[None])


def test_nothing_changed(adata):
    assert fingerprint.changed(adata, stored(adata)) == []


def test_storage_format_and_unused_categories_are_no_change(adata, tmp_path):
    then = stored(adata)
    dense = adata.copy()
    dense.X = adata.X.toarray()
    assert fingerprint.changed(dense, then) == []
    adata.obs["kind"] = adata.obs["kind"].cat.add_categories(["c"]).cat.reorder_categories(["c", "b", "a"])
    assert fingerprint.changed(adata, then) == []
    adata.obs["kind"] = adata.obs["kind"].astype(str)
    assert fingerprint.changed(adata, then) == []
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert fingerprint.changed(ad.read_h5ad(tmp_path / "a.h5ad", backed="r"), then) == []


def test_a_changed_label_value_gene_or_cell_is_named(adata):
    then = stored(adata)
    label = adata.copy()
    label.obs["kind"] = ["a"] * 50
    assert fingerprint.changed(label, then) == ["obs kind"]
    value = adata.copy()
    value.X[7, 3] += 1
    assert fingerprint.changed(value, then) == ["X"]
    genes = adata.copy()
    genes.var_names = [f"g{i}" for i in range(6)]
    assert fingerprint.changed(genes, then) == ["genes"]
    assert "X" in fingerprint.changed(adata[:-1].copy(), then)
    assert "X" in fingerprint.changed(adata[::-1].copy(), then)
    gone = adata.copy()
    del gone.obs["kind"]
    assert fingerprint.changed(gone, then) == ["obs kind"]


def test_large_data_are_sampled_over_their_whole_length():
    adata = ad.AnnData(sparse.random(10_000, 5, density=0.3, format="csr", random_state=0))
    then = fingerprint.compute(adata, obs=[], layers=[None])
    assert fingerprint.changed(adata, then) == []
    scaled = adata.copy()
    scaled.X = scaled.X * 2
    assert fingerprint.changed(scaled, then) == ["X"]


def test_digests_are_taken_once_while_nothing_changes(adata, monkeypatch):
    then, taken = stored(adata), []
    digest = fingerprint._matrix_digest
    monkeypatch.setattr(fingerprint, "_matrix_digest", lambda *given: taken.append(given) or digest(*given))
    other = adata.copy()
    other.X[0, 0] += 1
    with fingerprint.unchanged(adata):
        assert fingerprint.changed(adata, then) == [] == fingerprint.changed(adata, then)
        assert len(taken) == 1
        assert fingerprint.changed(other, then) == ["X"], "other data are looked at"
        assert len(taken) == 2
    adata.X[0, 0] += 1
    assert fingerprint.changed(adata, then) == ["X"], "and the data themselves afterwards"
