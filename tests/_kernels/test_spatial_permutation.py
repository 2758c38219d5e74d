"""Counts of exceedances: against a plain loop, within strata, for any number of threads."""

from __future__ import annotations

import numpy as np

from niche._kernels.spatial_permutation import exceedances
from niche._kernels.threads import limited_to


def test_counts_follow_the_exact_tail() -> None:
    fixed, moved = np.array([[1.0], [0], [0], [0]]), np.array([[1.0], [0], [0], [0]])
    none = np.zeros(1, dtype=int)
    b = exceedances(fixed, moved, none, none, np.zeros(4, int), np.ones(1), 4000, (0,))
    assert abs(b[0] / 4000 - 0.25) < 0.03


def test_values_stay_in_their_stratum() -> None:
    fixed = np.array([[1.0], [1], [0], [0]])
    moved = np.array([[5.0], [1], [2], [9]])
    none = np.zeros(1, dtype=int)
    b = exceedances(fixed, moved, none, none, np.array([0, 0, 1, 1]), np.array([6.0]), 50, (1,))
    assert b[0] == 50  # the sum over the first stratum never changes


def test_threads_and_blocks_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    fixed, moved = rng.normal(size=(2, 40, 5))
    left, right = np.array([0, 1, 4, 4]), np.array([3, 2, 0, 4])
    stratum = np.repeat([0, 1], 20)
    found = []
    for threads in (1, 2):
        with limited_to(threads):
            found.append(exceedances(fixed, moved, left, right, stratum, np.zeros(4), 100, (3, 1)))
    assert np.array_equal(*found)
    alone = exceedances(fixed, moved, left[2:3], right[2:3], stratum, np.zeros(1), 100, (3, 1))
    assert alone[0] == found[0][2]
    assert not np.array_equal(
        found[0], exceedances(fixed, moved, left, right, stratum, np.zeros(4), 100, (4, 1))
    )
