"""Digests of rows tell contents apart and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels.row_digests import row_digests


def digests(csr):
    return row_digests(csr.data.astype(np.float64).view(np.uint64), csr.indices, csr.indptr)


@pytest.fixture
def csr():
    return sparse.random(300, 40, density=0.2, format="csr", random_state=np.random.default_rng(0))


def test_order_zeros_and_index_type_make_no_difference(csr):
    expected = digests(csr)
    backwards = csr.copy()
    for row in range(csr.shape[0]):
        part = slice(csr.indptr[row], csr.indptr[row + 1])
        backwards.indices[part], backwards.data[part] = csr.indices[part][::-1], csr.data[part][::-1]
    np.testing.assert_array_equal(digests(backwards), expected)
    full = sparse.csr_matrix((csr.toarray().ravel(), np.tile(np.arange(40), 300), np.arange(301) * 40))
    np.testing.assert_array_equal(digests(full), expected)
    full.data[full.data == 0] = -0.0
    np.testing.assert_array_equal(digests(full), expected)
    csr.indices = csr.indices.astype(np.int64)
    np.testing.assert_array_equal(digests(csr), expected)


def test_any_change_is_seen(csr):
    expected = digests(csr)
    changed = csr.copy()
    changed.data = np.nextafter(changed.data, 2)
    assert (digests(changed) != expected).any(axis=1).sum() == (np.diff(csr.indptr) > 0).sum()
    moved = sparse.csr_matrix((csr.data, (csr.indices + 1) % 40, csr.indptr), shape=csr.shape)
    assert (digests(moved) != expected).any(axis=1).sum() == (np.diff(csr.indptr) > 0).sum()
    swapped = sparse.csr_matrix(([2.0, 1.0], [0, 1], [0, 2]), shape=(1, 2))
    straight = sparse.csr_matrix(([1.0, 2.0], [0, 1], [0, 2]), shape=(1, 2))
    assert (digests(swapped) != digests(straight)).all()


def test_an_empty_row_is_zero():
    np.testing.assert_array_equal(digests(sparse.csr_matrix((2, 5))), 0)
