"""What mixing explains is taken off; what lies beside it stays."""

from __future__ import annotations

import numpy as np

from niche._kernels.mixed_spots import without_mixing


def test_a_pure_mixture_leaves_nothing() -> None:
    fraction = np.linspace(0, 1, 50)
    amounts = np.stack([8 * fraction + 1 * (1 - fraction), np.full(50, 3.0), 5 * (1 - fraction)], axis=1)
    left = without_mixing(np.log1p(amounts), fraction)
    np.testing.assert_allclose(left - left.mean(axis=0), 0, atol=1e-10)


def test_a_rise_at_the_border_stays_and_unknown_spots_are_left_alone() -> None:
    fraction = np.r_[np.zeros(40), np.full(10, 0.4), np.ones(40), np.nan]
    values = np.zeros((91, 1))
    values[40:50] = 2.0
    left = without_mixing(values, fraction)
    assert left[40:50].mean() - left[:40].mean() > 1.9
    assert left[90] == 0


def test_no_shares_or_one_share_change_nothing() -> None:
    values = np.random.default_rng(0).random((5, 2))
    for fraction in (np.full(5, np.nan), np.full(5, 0.3)):
        assert np.array_equal(without_mixing(values, fraction), values)
