"""Which covariates say something of their own."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.independent_columns import beyond, independent_columns


def test_constants_and_sums_of_others_are_left_out():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20))
    given = np.column_stack([np.ones(20), a, 1e6 * a + 3, b, a - b, np.full(20, 0.1)])
    kept = independent_columns(given)
    assert kept.shape == (20, 2) and kept.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert independent_columns(np.column_stack([a, b])) == pytest.approx(
        np.column_stack([a - a.mean(), b - b.mean()])
    )
    levels = np.eye(3)[np.arange(20) % 3]
    assert independent_columns(levels).shape == (20, 2)
    for nothing in (np.zeros((20, 0)), np.ones((20, 2)), np.zeros((0, 3))):
        assert independent_columns(nothing).shape == (len(nothing), 0)


def test_what_columns_explain_leaves_nothing():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 12))
    columns = independent_columns(a[:, None])
    assert not beyond(3 * a + 5, columns).any() and not beyond(np.ones(12), columns).any()
    rest = beyond(b, columns)
    assert rest @ a == pytest.approx(0, abs=1e-9) and rest.sum() == pytest.approx(0, abs=1e-9)
