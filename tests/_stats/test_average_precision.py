from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from niche._stats.average_precision import average_precision


def test_by_hand():
    score = np.array([0.9, 0.8, 0.7, 0.6])
    assert average_precision(score, np.array([True, False, True, False]), 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(score, np.array([False, False, False, True]), 1) == 0.25


def test_ties_are_one_step():
    positive = np.array([True, False, True, False])
    assert average_precision(np.ones(4), positive, 2) == 0.5
    assert average_precision(np.array([2.0, 1.0, 1.0, 1.0]), positive, 2) == pytest.approx((1 + 2 / 4) / 2)


def test_positives_without_a_score_are_never_found():
    score, positive = np.array([2.0, 1.0]), np.array([True, False])
    assert average_precision(score, positive, 4) == 0.25
    assert average_precision(np.zeros(0), np.zeros(0, dtype=bool), 3) == 0.0
    assert np.isnan(average_precision(score, ~positive & positive, 0))


def test_infinite_scores_are_ranked():
    score, positive = np.array([np.inf, 1.0, -np.inf, -np.inf]), np.array([False, True, True, False])
    assert average_precision(score, positive, 2) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_same_as_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        positive = rng.random(200) < 0.2
        score = np.round(rng.normal(size=200) + positive, 1)
        expected = average_precision_score(positive, score)
        assert average_precision(score, positive, int(positive.sum())) == pytest.approx(expected)
