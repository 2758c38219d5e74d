"""Where series stop rising."""

from __future__ import annotations

import numpy as np

from niche._stats.plateau import plateau_starts

DAYS = np.arange(0.0, 36, 4)


def test_a_plateau_is_found_where_it_starts():
    rng = np.random.default_rng(0)
    y = np.minimum(0.3 * DAYS, 0.3 * 20) + 0.1 * rng.normal(size=(300, DAYS.size))
    start = plateau_starts(DAYS, y)
    assert (start == 6).mean() > 0.95


def test_straight_lines_bend_at_most_as_often_as_the_level_says():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(20_000, DAYS.size))
    rates = [(plateau_starts(DAYS, slope * DAYS + 0.25 * noise) < DAYS.size).mean() for slope in (0.3, 0.05)]
    assert rates[0] < 0.001 < rates[1] < 0.01


def test_no_plateau_of_what_never_rose_or_falls_again():
    rng = np.random.default_rng(2)
    noise = 0.05 * rng.normal(size=(500, DAYS.size))
    falls = np.minimum(0.3 * DAYS, 0.3 * 20 - 0.3 * (DAYS - 20))
    for line in (np.zeros(DAYS.size), -0.3 * DAYS, falls):
        assert (plateau_starts(DAYS, line + noise) < DAYS.size).mean() < 0.02


def test_short_series_have_none():
    assert plateau_starts(DAYS[:5], np.array([[0.0, 1, 2, 2, 2]])).tolist() == [5]
    exact = np.array([[0.0, 4, 8, 8, 8, 8]])
    assert plateau_starts(DAYS[:6], exact).tolist() == [3]
