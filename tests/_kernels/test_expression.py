"""Averages within sample, patient and organ; the scores built on them are tested in tests/tl."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from niche._kernels.aggregate import Aggregate
from niche._kernels.cell_pairs import cell_pairs
from niche._kernels.expression import Edges, Expression
from niche._kernels.units import Units


@pytest.fixture
def expression():
    n = np.array([10, 20, 10, 20])
    sums = np.array([[10.0, 20.0], [40.0, 0.0], [30.0, 10.0], [20.0, 20.0]])
    none = np.zeros((2, 0))
    aggregate = Aggregate(
        n=n, sums=sums, nonzero=(sums / 4).astype(int), total=sums.sum(1), linear=2 * sums, linear_total=sums.sum(1),
        n_stratum=np.array([30, 30]), square=np.array([[90.0, 60.0], [140.0, 50.0]]), cube=np.zeros((2, 2)),
        fourth=np.zeros((2, 2)), xy=none, xxy=none, xyy=none, largest=5.0,
    )  # fmt: skip
    pairs = cell_pairs(
        np.array([0]), np.array([0]), np.array([1]), organ_of_sample=np.array([0, 0]),
        patient_of_sample=np.array([0, 1]), group_of=np.array([[0, 1], [2, 3]]), n=n, min_cells=1,
    )  # fmt: skip
    return Expression(
        aggregate, Units(np.array([0, 1, 3]), np.array([0, 0, 1])), pairs, np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]), np.array([0, 0]), np.array([0, 1]), 1, 2, 2, 0.1, 1,
    )  # fmt: skip


def test_units_take_the_lowest_subunit_within_the_sample(expression):
    np.testing.assert_allclose(expression.mean, [[1, 1], [2, 0], [3, 1], [1, 1]])


def test_sides_and_profiles_average_patients(expression):
    edges = Edges(
        *(np.array([v]) for v in (0, 0, 0, 1, 1, 0)), *(np.zeros(1) for _ in range(4)), np.array([0])
    )
    left, right = expression.sides(expression.mean, edges)
    np.testing.assert_allclose((left[0], right[0]), (1.0, 1.5))
    np.testing.assert_allclose(expression.profile(expression.mean)[0], [[2, 1], [1.5, 0.5]])


def test_z_scores_use_one_scale_for_all_cells(expression):
    centre = 100 / 60
    sd = np.sqrt((230 - 60 * centre**2) / 59)
    assert expression.zscore[0, 0] == pytest.approx((1 - centre) / sd)


def test_fold_changes_are_within_the_sample(expression):
    assert expression.logfc[0, 0] == pytest.approx(np.log2(2 + 1) - np.log2(4 + 1))


def test_shares_sum_to_one_over_the_types_of_a_sample(expression):
    np.testing.assert_allclose(expression.share[:2].sum(0), [1, 1])


def test_grand_mean_counts_every_gene(expression):
    assert expression.grand_mean == pytest.approx([150 / (60 * 2)] * expression.n_organs)


def test_organs_apart_have_scales_of_their_own(expression):
    apart = replace(
        expression, organ_of_sample=np.array([0, 1]), n_organs=2, n_vars=np.array([2, 1]), apart=True
    )
    np.testing.assert_allclose(apart.grand_mean, [70 / (30 * 2), 80 / 30])
    centre = 50 / 30
    sd = np.sqrt((90 - 30 * centre**2) / 29)
    assert apart.zscore[0, 0] == pytest.approx((1 - centre) / sd)


def test_a_complex_may_take_all_values_from_its_limiting_subunit(expression):
    """In the first group the first gene limits (mean 1 to 2), whatever the shares of both genes are."""
    limiting = replace(expression, by_limiting=True)
    assert limiting.share[0, 1] == pytest.approx(1 / (1 + 2))
    assert expression.share[0, 1] == pytest.approx(1 / (1 + 0))
    np.testing.assert_allclose(limiting.mean, expression.mean)
