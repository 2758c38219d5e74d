"""The statistics against LIANA's bivariate Moran's R on the same values and weights."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from spatial_study import sections

import niche
from niche._kernels.local_moran import local_moran

li = pytest.importorskip("liana", reason="LIANA is the reference of these tests")


@pytest.fixture(scope="module")
def one():
    """One section with LIANA's own graph, values in double precision, a complex among the pairs."""
    adata = sections()
    adata = adata[adata.obs["sample"] == "liver_P1_S1"].copy()
    adata.X = sparse.csr_matrix(adata.X, dtype=np.float64)
    li.ut.spatial_neighbors(adata, bandwidth=2, cutoff=0.1, kernel="gaussian", set_diag=False)
    pairs = adata.uns["truth"]["pairs"][["ligand", "receptor"]].copy()
    pairs.loc[len(pairs)] = [pairs["ligand"][0], f"{pairs['receptor'][0]}_{pairs['receptor'][1]}"]
    return adata, pairs


@pytest.fixture(scope="module")
def reference(one):
    adata, pairs = one
    return li.mt.bivariate(
        adata.copy(), resource=pairs, local_name="morans", global_name="morans", n_perms=0, nz_prop=0.05, verbose=False, use_raw=False
    )  # fmt: skip


def test_global_statistic(one, reference):
    adata, pairs = one
    niche.tl.spatial_communication(adata, resource=pairs, connectivity_key="spatial_connectivities")
    table = niche.get.spatial_communication(adata, status="tested")
    table.index = table["ligand_complex"].astype(str) + "^" + table["receptor_complex"].astype(str)
    assert set(table.index) == set(reference.var_names)
    theirs = reference.var["morans"].reindex(table.index)
    np.testing.assert_allclose(table["statistic"], theirs, atol=1e-6)


def test_local_statistic(one, reference):
    adata, _ = one
    weight = sparse.csr_matrix(adata.obsp["spatial_connectivities"], dtype=np.float64)

    def columns(names):
        return np.stack(
            [np.min([adata[:, g].X.toarray().ravel() for g in n.split("_")], axis=0) for n in names], axis=1
        )

    ours, _ = local_moran(weight, columns(reference.var["ligand"]), columns(reference.var["receptor"]))
    theirs = reference.X.toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


def test_their_variance_is_that_of_both_sides_permuted(one):
    """SpatialDM's standard deviation, from draws of both sides over the spots of a symmetric graph."""
    adata, _ = one
    weight = sparse.csr_matrix(adata.obsp["spatial_connectivities"], dtype=np.float64)
    n = weight.shape[0]
    w = weight * (n / weight.sum())
    theirs = np.sqrt(
        (n**2 * w.multiply(w).sum() - 2 * n * (w @ w).sum() + w.sum() ** 2) / (n**2 * (n - 1) ** 2)
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    x = (x - x.mean()) / np.linalg.norm(x - x.mean())
    drawn = [rng.permutation(x) @ (w @ rng.permutation(x)) for _ in range(4000)]
    assert abs(np.std(drawn) / theirs - 1) < 0.05
