from __future__ import annotations

import numpy as np

from niche._kernels.units import Units, combinations

UNITS = Units(np.array([0, 1, 3, 5]), np.array([0, 1, 2, 2, -1]))


def test_a_unit_takes_its_lowest_subunit_in_every_group():
    found = UNITS.lowest(np.array([[1.0, 5.0, 3.0], [2.0, 0.0, 4.0]]))
    np.testing.assert_array_equal(found, [[1, 3, np.nan], [2, 0, np.nan]])
    np.testing.assert_array_equal(UNITS.measured, [True, True, False])
    np.testing.assert_array_equal(UNITS.size, [1, 2, 2])


def test_geometric_mean_is_zero_if_any_subunit_is():
    found = UNITS.geometric(np.array([[1.0, 2.0, 8.0], [2.0, 0.0, 4.0]]))
    np.testing.assert_allclose(found[:, :2], [[1, 4], [2, 0]])


def test_combinations_list_every_subunit_choice():
    start, left, right = combinations(UNITS, np.array([1, 0]), np.array([1, 1]))
    np.testing.assert_array_equal(start, [0, 4, 6])
    assert list(zip(left, right, strict=True)) == [(1, 1), (1, 2), (2, 1), (2, 2), (0, 1), (0, 2)]


def test_no_pairs_no_combinations():
    start, left, right = combinations(UNITS, np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    np.testing.assert_array_equal(start, [0])
    assert left.size == right.size == 0


def test_the_limiting_subunit_is_that_of_the_lowest_mean_in_every_group():
    found = UNITS.limiting(np.array([[1.0, 5.0, 3.0], [2.0, 0.0, 4.0]]))
    np.testing.assert_array_equal(found, [[0, 2, -1], [0, 1, -1]])
