"""The inner loops on cases small enough to work out by hand."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from niche._kernels import copy_number, copy_number_rows

ROWS = sparse.csr_matrix(np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.5], [1.0, 1.0, 0.0]]))
GENES = np.array([1, -1, 0], dtype=np.int32)


def test_sums_of_groups():
    sums = np.zeros((2, 2), dtype=np.int64)
    group, second = np.array([0, 0, -1], dtype=np.int32), np.array([1, -1, -1], dtype=np.int32)
    copy_number_rows.add_to_groups(ROWS.data, ROWS.indices, ROWS.indptr, group, second, GENES, sums)
    np.testing.assert_array_equal(sums / copy_number_rows.FIXED_POINT, [[1.5, 3], [1, 0]])


def test_detected():
    counts = np.zeros(2, dtype=np.int64)
    copy_number_rows.count_detected(ROWS.data, ROWS.indices, GENES, counts)
    assert counts.tolist() == [2, 2]


def test_a_window_of_four_weighs_one_two_two_one():
    windows = copy_number.windows_along([np.arange(6), np.array([6, 7])], 8, window=4, step=2)
    assert (windows.width, windows.total) == (2, 3)
    genes = np.array([1.0, 10.0, 100.0, 1000.0, 7.0, 5.0, 3.0, 5.0])
    deltas = np.zeros((2, windows.n_stretches))
    np.add.at(deltas[0], windows.stretch, genes)
    np.add.at(deltas[1], windows.stretch, genes * windows.offset)
    out = np.empty(3)
    copy_number_rows.smooth(deltas, windows, out)
    np.testing.assert_allclose(out, [(1 + 20 + 200 + 1000) / 6, (100 + 2000 + 14 + 5) / 6, 4])


def test_an_empty_cell_is_the_clipped_negative_of_the_lower_bound():
    windows = copy_number.windows_along([np.arange(2), np.array([2])], 3, window=4, step=2)
    deltas = np.empty((2, windows.n_stretches))
    bounds = np.array([[1.0, 2.0], [5.0, 6.0], [0.5, 0.5]])
    copy_number_rows.empty_cell(bounds, 3.0, windows, deltas)
    np.testing.assert_array_equal(deltas[0], [-4, -0.5])


def test_profile_is_centred_by_its_median():
    windows = copy_number.windows_along([np.arange(1), np.array([1]), np.array([2])], 3, window=4, step=2)
    bounds = np.zeros((1, 3, 2))
    bounds[0, 2] = (1.0, 2.0)
    base, out = np.array([[0.0, 0.0, -1.0]]), np.empty((2, 3))
    rows, reference = np.array([0, 2]), np.zeros(2, dtype=np.int32)
    copy_number_rows.profiles(
        ROWS.data, ROWS.indices, ROWS.indptr, rows, reference, windows, bounds, 1.5, base, out
    )
    # row 0: 0, 2 clipped to 1.5, 1 within its bounds; row 2: 1, 1, -1
    np.testing.assert_array_equal(out, [[0, 1.5, 0], [0, 0, -2]])


def test_what_reaches_the_threshold_is_kept():
    out = np.array([[0.5, -1.0, 0.0], [1e-60, -0.2, 2.0]])
    for threshold, data, indices, counts in (
        (0.5, [0.5, -1, 2], [0, 1, 2], [2, 1]),
        (0.0, [0.5, -1, -0.2, 2], [0, 1, 1, 2], [2, 2]),
    ):
        n = np.empty(2, dtype=np.int64)
        copy_number_rows.count_kept(out, threshold, n)
        assert n.tolist() == counts
        kept, windows = np.empty(n.sum(), dtype=np.float32), np.empty(n.sum(), dtype=np.int32)
        copy_number_rows.keep(out, threshold, kept, windows)
        np.testing.assert_array_equal(kept, np.array(data, dtype=np.float32))
        assert windows.tolist() == indices


def test_what_reaches_a_higher_threshold_moves_to_the_front():
    data = np.array([0.5, -1, -0.2, 2, 0.1], dtype=np.float32)
    indices, n = np.array([0, 1, 1, 2, 0], dtype=np.int32), np.array([2, 2, 0, 1])
    kept = copy_number_rows.narrow(data, indices, 0.5, n)
    assert (kept, data[:3].tolist(), indices[:3].tolist(), n.tolist()) == (
        3,
        [0.5, -1, 2],
        [0, 1, 2],
        [2, 1, 0, 0],
    )


def test_moments_of_chosen_rows():
    sums, squares = np.empty(2), np.empty(2)
    rows = np.array([[1.0, 2.0], [9.0, 9.0], [-3.0, 0.0]])
    copy_number_rows.moments(rows, np.array([0, 2]), sums, squares)
    assert (sums.tolist(), squares.tolist()) == ([3, -3], [5, 9])


def test_median_is_exact_whatever_the_values():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 40, 41, 42, 995, 1000):
        scratch = np.empty(n + 1)
        for values in (
            rng.normal(size=n),
            np.sort(rng.normal(size=n)),
            -np.sort(rng.normal(size=n)),
            np.zeros(n),
            rng.integers(0, 3, n).astype(float),
            np.where(np.arange(n) % max(n // 41, 1) == 0, 100.0, rng.normal(size=n)),  # the sample misleads
        ):
            before = values.copy()
            assert copy_number_rows.median(values, scratch) == np.median(values)
            np.testing.assert_array_equal(values, before)
