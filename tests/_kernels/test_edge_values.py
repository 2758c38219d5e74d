"""Values of edges against plain indexing."""

from __future__ import annotations

import numpy as np

from niche._kernels import edge_values


def test_unflagged_are_the_zeros_row_by_row():
    codes = np.random.default_rng(0).integers(0, 3, (7, 11)).astype(np.uint8)
    row, column = edge_values.unflagged(codes)
    expected = np.nonzero(codes == 0)
    np.testing.assert_array_equal(row, expected[0])
    np.testing.assert_array_equal(column, expected[1])
    assert edge_values.unflagged(np.ones((3, 2), dtype=np.uint8))[0].size == 0


def test_picked_reads_the_row_a_row_stands_for():
    rng = np.random.default_rng(1)
    table, row_of = rng.random((4, 6)), rng.integers(0, 4, 9)
    row, column = rng.integers(0, 9, 10_000), rng.integers(0, 6, 10_000)
    np.testing.assert_array_equal(edge_values.picked(table, row_of, row, column), table[row_of[row], column])


def test_both_sides_are_counted_per_sample():
    rng = np.random.default_rng(2)
    expressed = rng.random((6, 5)) < 0.5
    start, source, target = np.array([0, 2, 2, 5]), rng.integers(0, 6, 5), rng.integers(0, 6, 5)
    cell_pair, left, right = rng.integers(0, 3, 50), rng.integers(0, 5, 50), rng.integers(0, 5, 50)
    found = edge_values.count_both(expressed, start, source, target, cell_pair, left, right)
    for e, c in enumerate(cell_pair):
        part = slice(start[c], start[c + 1])
        assert found[e] == (expressed[source[part], left[e]] & expressed[target[part], right[e]]).sum()
