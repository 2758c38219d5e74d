"""The inner loops on one tile, against dense arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import tile_sums

DENSE = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.5], [1.0, 1.0, 0.0], [9.0, 9.0, 9.0]])
GROUP = np.array([0, 1, 0, -1], dtype=np.int32)
STRATUM = np.array([0, 0, 0, -1], dtype=np.int32)
GENES = np.array([1, -1, 0], dtype=np.int32)


@pytest.fixture
def csr():
    return sparse.csr_matrix(DENSE)


def kept_of(csr, group, stratum, n_groups, n_strata, genes=GENES):
    """Sums of all rows, and what the kernel keeps of them."""
    n_genes = int(genes.max()) + 1
    found = {
        "gene": np.zeros(csr.nnz + 1, dtype=np.int32),
        "value": np.zeros(csr.nnz + 1),
        "row_start": np.zeros(csr.shape[0] + 1, dtype=np.int64),
        "entries": np.zeros(n_genes, dtype=np.int64),
        "sums": np.zeros((n_groups, n_genes)),
        "nonzero": np.zeros((n_groups, n_genes), dtype=np.int64),
        **{name: np.zeros((n_strata, n_genes)) for name in ("square", "cube", "fourth")},
        "total": np.zeros(n_groups),
    }
    largest = tile_sums.add_values(
        csr.data, csr.indices, csr.indptr, 0, csr.shape[0], group, stratum, genes, *found.values()
    )
    return found | {"largest": largest}


def test_values(csr):
    found = kept_of(csr, GROUP, STRATUM, 2, 1)
    np.testing.assert_array_equal(found["sums"], [[1, 1], [0.5, 3]])
    np.testing.assert_array_equal(found["nonzero"], [[1, 1], [1, 1]])
    np.testing.assert_array_equal(found["total"], [5, 3.5])
    np.testing.assert_array_equal(found["square"], [[1.25, 10]])
    np.testing.assert_array_equal(found["cube"], [[1.125, 28]])
    np.testing.assert_array_equal(found["fourth"], [[1.0625, 82]])
    assert found["largest"] == 3
    np.testing.assert_array_equal(found["row_start"], [0, 1, 3, 4, 4])
    np.testing.assert_array_equal(found["entries"], [2, 2])


def test_explicit_zeros_are_no_expression():
    csr = sparse.csr_matrix((np.array([0.0, 1.0]), np.array([0, 2]), np.array([0, 2])), shape=(1, 3))
    one = np.zeros(1, dtype=np.int32)
    found = kept_of(csr, one, one, 1, 1)
    np.testing.assert_array_equal(found["nonzero"], [[1, 0]])
    np.testing.assert_array_equal(found["entries"], [1, 0])


def test_rows_in_the_middle_of_a_block(csr):
    sums, total = np.zeros((2, 2)), np.zeros(2)
    tile_sums.add_linear(csr.data, csr.indices, csr.indptr, 1, 3, GROUP[1:3], GENES, False, sums, total)
    np.testing.assert_array_equal(sums, [[0, 1], [0.5, 3]])
    np.testing.assert_array_equal(total, [2, 3.5])


def test_expm1(csr):
    sums, total = np.zeros((2, 2)), np.zeros(2)
    tile_sums.add_linear(csr.data, csr.indices, csr.indptr, 0, 4, GROUP, GENES, True, sums, total)
    np.testing.assert_allclose(sums, [[np.expm1(1), np.expm1(1)], [np.expm1(0.5), np.expm1(3)]])


def products(dense, stratum, first, second):
    """Products of gene pairs by the kernels, (n_strata, n_pairs) each; every column is a gene."""
    n_strata, genes = int(stratum.max()) + 1, np.arange(dense.shape[1], dtype=np.int32)
    kept = kept_of(sparse.csr_matrix(dense), stratum, stratum, n_strata, n_strata, genes)
    order = np.argsort(stratum, kind="stable")
    order = order[np.searchsorted(stratum[order], 0) :]
    bounds = np.searchsorted(stratum[order], np.arange(n_strata + 1))
    cell, column = np.zeros(kept["gene"].size, dtype=np.uint16), np.zeros(kept["gene"].size)
    start = tile_sums.columns_of_rows(
        kept["gene"], kept["value"], kept["row_start"], order, kept["entries"], cell, column
    )
    sums = [np.zeros((n_strata, first.size)) for _ in range(3)]
    tile_sums.add_products(start, cell, column, bounds, first, second, *sums)
    return sums


def test_products_of_the_asked_pairs_only():
    rng = np.random.default_rng(0)
    dense = rng.integers(1, 5, (60, 5)) * (rng.random((60, 5)) < [0.9, 0.1, 0.5, 0.0, 0.4])
    stratum = rng.integers(-1, 3, 60).astype(np.int32)
    first, second = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 2, 0, 4, 4])
    xy, xxy, xyy = products(dense.astype(float), stratum, first, second)
    for s in range(3):
        x, y = dense[stratum == s][:, first], dense[stratum == s][:, second]
        np.testing.assert_array_equal(xy[s], (x * y).sum(axis=0))
        np.testing.assert_array_equal(xxy[s], (x * x * y).sum(axis=0))
        np.testing.assert_array_equal(xyy[s], (x * y * y).sum(axis=0))


def test_which_gene_of_a_pair_is_spread_changes_no_bit():
    rng = np.random.default_rng(1)
    dense = rng.lognormal(size=(200, 2)) * (rng.random((200, 2)) < [0.7, 0.3])
    stratum = rng.integers(0, 2, 200).astype(np.int32)
    one, other = np.array([0]), np.array([1])
    forward, backward = products(dense, stratum, one, other), products(dense, stratum, other, one)
    for a, b in zip(forward, (backward[0], backward[2], backward[1]), strict=True):
        np.testing.assert_array_equal(a, b)
