from __future__ import annotations

import numpy as np

from niche._stats.fdr import benjamini_hochberg


def test_equals_the_definition_by_hand():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])


def test_what_was_not_tested_is_not_in_the_family():
    p = np.array([0.01, np.nan, 0.5])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, np.nan, 0.5])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_is_monotone_and_at_most_one():
    rng = np.random.default_rng(0)
    p = rng.uniform(1e-6, 1, 500)
    q = benjamini_hochberg(p)
    assert (q >= p).all() and q.max() <= 1
    assert (np.diff(q[np.argsort(p)]) >= 0).all()
