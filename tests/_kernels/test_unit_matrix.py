"""Units as columns: genes as they are, complexes by their lowest subunit in every row."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from niche._kernels.unit_matrix import unit_matrix
from niche._kernels.units import Units


def test_lowest_subunit_and_missing_ones() -> None:
    values = np.array([[1.0, 0, 3], [2, 5, 0], [4, 1, 1]])
    units = Units(np.array([0, 1, 3, 5]), np.array([2, 0, 1, 0, -1]))
    found = unit_matrix(sparse.csc_matrix(values), units)
    assert np.array_equal(found.toarray(), [[3, 0, 0], [0, 2, 0], [1, 1, 0]])
    assert found.format == "csc" and found.nnz == 4
