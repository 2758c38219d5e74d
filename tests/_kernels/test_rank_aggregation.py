from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from niche._kernels.rank_aggregation import robust_rank


def test_equals_the_definition_by_hand():
    scores = np.array([[3.0, 0.1], [2.0, 0.3], [1.0, 0.2], [0.0, 0.4]])
    better = np.array([True, False])
    found = robust_rank(scores, better)
    ranks = np.sort(np.array([[1, 1], [2, 3], [3, 2], [4, 4]]) / 4, axis=1)
    rho = np.minimum(beta.cdf(ranks[:, 0], 1, 2), beta.cdf(ranks[:, 1], 2, 1))
    np.testing.assert_allclose(found, np.minimum(2 * rho, 1))
    assert found[0] < found[1:].min()


def test_nan_is_the_worst_and_never_spreads():
    found = robust_rank(np.array([[1.0, np.nan], [0.5, 2.0], [0.1, 1.0]]), np.array([True, True]))
    assert np.isfinite(found).all()
    assert found[1] == found.min()


@pytest.mark.parametrize("n", [0, 1])
def test_of_none_and_of_one(n):
    assert robust_rank(np.ones((n, 2)), np.array([True, True])).shape == (n,)
