"""Levels of programs in host cells beside those of the tumor."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from niche.tl._program_ambient import control, levels, rises


def test_levels_are_means_of_summed_expression():
    values = sparse.csr_matrix(np.log1p(np.array([[1.0, 2, 0], [3, 0, 0], [0, 4, 5], [7, 7, 7]])))
    genes = np.array([[0, 1], [1, 2]])
    found = levels(values, genes, np.array([0, 0, 1, -1]), np.array([0, 0, 1, 0]), 2, 2)
    np.testing.assert_allclose(found[:, 0, 0], [3.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(found[:, 1, 1], [4.0, 9.0], rtol=1e-6)
    assert np.isnan(found[:, 0, 1]).all()


def test_rises_are_over_the_mean_of_the_other_groups():
    level = np.array([[[4.0, 6.0, 1.0, 3.0, np.nan]]])
    found = rises(level, np.array([0, 0, 1, 2, 2]), 4)[0, 0]
    np.testing.assert_allclose(found[:3], [5 - 2, 1 - 4, 3 - 3])
    assert np.isnan(found[3])


def test_what_leaks_rises_in_all_droplets_alike():
    """Parts: tumor, the source itself, two bystanders. The median is that of bystanders."""
    rise = np.zeros((3, 4, 2))
    rise[0, :, 0] = [10, 300, 9, 11]  # leaked
    rise[1, :, 0] = [10, 0.8, 0.7, 0.9]  # the tumor's own, a tenth of it leaks out
    rise[2, :, 0] = [-1, 5, 5, 5]  # falls in the tumor
    found = control(rise)
    assert found[0, 0] > 1
    assert found[1, 0] < 0.1
    assert np.isnan(found[2, 0])
    assert np.isnan(control(rise[:, :1])).all()  # no host cells
