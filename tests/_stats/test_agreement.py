"""Stability of verdicts: by hand, one factor at a time and on a grid."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.agreement import STABILITIES, explained, stability

# base, two other options of the first factor, two of the second
ONE_AT_A_TIME = np.array([[0, 0], [1, 0], [2, 0], [0, 1], [0, 2]])
GRID = np.array([[a, b] for a in range(2) for b in range(3)])


def named(lost, *, turned=None, tested=None, options=ONE_AT_A_TIME, untried=False):
    """Stability in words and the factor of one verdict."""
    lost = np.array([lost], dtype=bool)
    turned = np.zeros_like(lost) if turned is None else np.array([turned], dtype=bool)
    tested = np.ones_like(lost) if tested is None else np.array([tested], dtype=bool)
    code, worst = stability(lost, turned, tested, options, np.array([untried]))
    return STABILITIES[code[0]], int(worst[0])


def test_a_call_that_cannot_be_tested_without_each_patient_is_untried():
    n = len(ONE_AT_A_TIME)
    assert named([False] * n, untried=True)[0] == "untried"
    assert named([False] * n, turned=[False] * (n - 1) + [True], untried=True)[0] == "fragile"


def test_a_call_that_is_never_lost_is_robust():
    assert named([0, 0, 0, 0, 0]) == ("robust", -1)


def test_the_options_of_one_factor_decide():
    assert named([0, 1, 0, 0, 0]) == ("sensitive", 0)
    assert named([0, 0, 0, 1, 1]) == ("sensitive", 1)


def test_two_factors_make_it_fragile_and_the_one_that_explains_more_is_named():
    assert named([0, 1, 1, 1, 0]) == ("fragile", 0)
    assert named([0, 1, 0, 1, 1]) == ("fragile", 1)


def test_a_turned_sign_or_a_call_the_base_lacks_is_fragile():
    assert named([0, 1, 0, 0, 0], turned=[0, 1, 0, 0, 0]) == ("fragile", 0)
    assert named([1, 1, 1, 1, 0])[0] == "fragile"


def test_what_is_not_tested_counts_neither_way():
    assert named([0, 1, 0, 0, 0], tested=[1, 0, 1, 1, 1]) == ("robust", -1)
    assert named([0, 0, 0, 0, 0], tested=[1, 0, 0, 0, 0]) == ("not_testable", -1)
    assert named([0, 0, 0, 0, 0], tested=[0, 1, 1, 1, 1]) == ("not_testable", -1)


def test_on_a_grid_a_factor_decides_only_if_it_does_so_in_every_row():
    assert named([0, 0, 0, 1, 1, 1], options=GRID) == ("sensitive", 0)
    assert named([0, 0, 1, 0, 0, 1], options=GRID) == ("sensitive", 1)
    assert named([0, 0, 0, 0, 0, 1], options=GRID) == ("fragile", 1)


def test_explained_is_the_share_of_the_sum_of_squares_between_options():
    lost = np.array([[False, True, True, True, False]])
    y = lost[0].astype(float)
    total = ((y - y.mean()) ** 2).sum()
    expected = []
    for codes in ONE_AT_A_TIME.T:
        groups = [y[codes == code] for code in np.unique(codes)]
        expected.append(1 - sum(((group - group.mean()) ** 2).sum() for group in groups) / total)
    got = explained(lost, np.ones_like(lost), ONE_AT_A_TIME)
    assert got[0] == pytest.approx(expected)
    assert np.isnan(explained(np.zeros_like(lost), np.ones_like(lost), ONE_AT_A_TIME)).all()


def test_no_verdicts():
    empty = np.zeros((0, 5), dtype=bool)
    code, worst = stability(empty, empty, empty, ONE_AT_A_TIME, np.zeros(0, dtype=bool))
    assert code.shape == worst.shape == (0,)
