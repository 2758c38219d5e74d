"""Totals of cells: scanpy's arithmetic, and no row depends on another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import cell_totals


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    values = rng.poisson(rng.gamma(0.3, 3, 80), (60, 80)).astype(np.float32)
    values[7] = 0
    return sparse.csr_matrix(values)


def test_log_per_is_that_of_the_formula_and_of_scanpy(counts):
    import anndata as ad
    import scanpy as sc

    found = cell_totals.log_per(counts, 1e4)
    dense = counts.toarray().astype(np.float64)
    expected = np.log1p(1e4 * dense / np.maximum(dense.sum(axis=1, keepdims=True), 1))
    assert found.dtype == np.float32 and not found[7].nnz
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)
    other = ad.AnnData(counts[np.arange(60) != 7])
    sc.pp.normalize_total(other, target_sum=1e4)
    sc.pp.log1p(other)
    np.testing.assert_array_equal(found[np.arange(60) != 7].toarray(), other.X.toarray())


def test_parts_give_the_bits_of_the_whole(counts):
    whole = cell_totals.log_per(counts, 1e4)
    parts = [cell_totals.log_per(counts[a:b], 1e4) for a, b in ((0, 7), (7, 8), (8, 60))]
    np.testing.assert_array_equal(whole.toarray(), sparse.vstack(parts).toarray())
    sums = [cell_totals.row_sums(counts[a:b]) for a, b in ((0, 11), (11, 60))]
    np.testing.assert_array_equal(cell_totals.row_sums(counts), np.concatenate(sums))


def test_top_share():
    values = sparse.csr_matrix(np.array([[5.0, 1, 3, 1], [0, 0, 0, 0], [0, 2, 0, 0]]))
    assert np.array_equal(cell_totals.top_share(values, 2), [80, np.nan, 100], equal_nan=True)
