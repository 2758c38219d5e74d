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


def test_values(csr):
    sums, total = np.zeros((2, 2)), np.zeros(2)
    nonzero = np.zeros((2, 2), dtype=np.int64)
    square, cube, fourth = (np.zeros((1, 2)) for _ in range(3))
    largest = tile_sums.add_values(
        csr.data,
        csr.indices,
        csr.indptr,
        0,
        4,
        GROUP,
        STRATUM,
        GENES,
        sums,
        nonzero,
        square,
        cube,
        fourth,
        total,
    )
    np.testing.assert_array_equal(sums, [[1, 1], [0.5, 3]])
    np.testing.assert_array_equal(nonzero, [[1, 1], [1, 1]])
    np.testing.assert_array_equal(total, [5, 3.5])
    np.testing.assert_array_equal(square, [[1.25, 10]])
    np.testing.assert_array_equal(cube, [[1.125, 28]])
    np.testing.assert_array_equal(fourth, [[1.0625, 82]])
    assert largest == 3


def test_explicit_zeros_are_no_expression():
    csr = sparse.csr_matrix((np.array([0.0, 1.0]), np.array([0, 2]), np.array([0, 2])), shape=(1, 3))
    sums, total, nonzero = np.zeros((1, 2)), np.zeros(1), np.zeros((1, 2), dtype=np.int64)
    parts = [np.zeros((1, 2)) for _ in range(3)]
    one = np.zeros(1, dtype=np.int32)
    tile_sums.add_values(
        csr.data, csr.indices, csr.indptr, 0, 1, one, one, GENES, sums, nonzero, *parts, total
    )
    np.testing.assert_array_equal(nonzero, [[1, 0]])


def test_rows_in_the_middle_of_a_block(csr):
    sums, total = np.zeros((2, 2)), np.zeros(2)
    tile_sums.add_linear(csr.data, csr.indices, csr.indptr, 1, 3, GROUP[1:3], GENES, False, sums, total)
    np.testing.assert_array_equal(sums, [[0, 1], [0.5, 3]])
    np.testing.assert_array_equal(total, [2, 3.5])


def test_expm1(csr):
    sums, total = np.zeros((2, 2)), np.zeros(2)
    tile_sums.add_linear(csr.data, csr.indices, csr.indptr, 0, 4, GROUP, GENES, True, sums, total)
    np.testing.assert_allclose(sums, [[np.expm1(1), np.expm1(1)], [np.expm1(0.5), np.expm1(3)]])


def test_products_of_the_asked_pairs_only(csr):
    first, second = np.array([0, 0, 1]), np.array([0, 1, 1])
    start = np.searchsorted(first, np.arange(3)).astype(np.int64)
    xy, xxy, xyy = (np.zeros((1, 3)) for _ in range(3))
    tile_sums.add_products(
        csr.data, csr.indices, csr.indptr, 0, 4, STRATUM, GENES, start, second, xy, xxy, xyy
    )
    x, y = DENSE[:3, 2], DENSE[:3, 0]
    np.testing.assert_array_equal(xy, [[(x * x).sum(), (x * y).sum(), (y * y).sum()]])
    np.testing.assert_array_equal(xxy, [[(x**3).sum(), (x * x * y).sum(), (y**3).sum()]])
    np.testing.assert_array_equal(xyy, [[(x**3).sum(), (x * y * y).sum(), (y**3).sum()]])
