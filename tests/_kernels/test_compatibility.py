"""Offers of organs by hand, and the null of random sets: its mean, its law, its bits."""

from __future__ import annotations

import numpy as np
import pytest

from niche._kernels import compatibility as kernel

LIGAND, RECEPTOR = np.array([0, 0, 1]), np.array([2, 3, 3])
"""Units 0 and 1 are ligands, 2 and 3 receptors."""


@pytest.fixture(scope="module")
def universe():
    """Offers of 240 entries in 5 organs of unequal spread, which hang together in blocks of six."""
    rng = np.random.default_rng(0)
    role = np.repeat([0, 1], 120)
    abundance = rng.gamma(1.0, 1.0, 240)
    block = np.repeat(rng.normal(size=(40, 5)), 6, axis=0)
    level = (
        block + rng.normal(size=(240, 5)) * [0.2, 0.5, 1.0, 2.0, 0.7] + abundance[:, None] * [0, 1, 0, 0, 1]
    )
    return kernel.relative(level.T).T, kernel.strata_of(role, abundance), role


def test_entries_and_best_partners_by_hand():
    links = kernel.links_of(LIGAND, RECEPTOR, np.ones(4, dtype=bool))
    assert links.unit.tolist() == [0, 1, 2, 3] and links.role.tolist() == [0, 0, 1, 1]
    assert [links.partner[a:b].tolist() for a, b in zip(links.start[:-1], links.start[1:], strict=True)] == [
        [2, 3], [3], [0], [0, 1],
    ]  # fmt: skip
    nan = np.nan
    level = np.array(
        [[[1.0, 2, 3, 4], [5, 0, 6, 0]], [[0, 1, 1, 2], [nan] * 4], [[nan] * 4, [nan] * 4]]
    )  # organ x type x unit
    offers = kernel.best_offers(level, links)
    assert offers.value[:2].tolist() == [[6, 4, 5, 5], [2, 2, 0, 1]] and np.isnan(offers.value[2]).all()
    assert offers.partner.tolist() == [[2, 3, 0, 0], [3, 3, 0, 1], [-1] * 4]
    assert offers.cell_type.tolist() == [[1, 0, 1, 1], [0, 0, 0, 0], [-1] * 4]
    less = kernel.relative(offers.value)
    assert less[:2].tolist() == [[2, 1, 2.5, 2], [-2, -1, -2.5, -2]] and np.isnan(less[2]).all()


def test_units_that_are_not_measured_take_no_part():
    links = kernel.links_of(LIGAND, RECEPTOR, np.array([True, True, False, True]))
    assert links.unit.tolist() == [0, 1, 3] and links.partner.tolist() == [3, 3, 0, 1]


def test_strata_are_role_and_abundance():
    role = np.repeat([0, 1], [200, 50])
    strata = kernel.strata_of(role, np.arange(250.0)[::-1])
    assert np.unique(strata[:200], return_counts=True)[1].tolist() == [20] * 10
    assert np.unique(strata[200:], return_counts=True)[1].tolist() == [25, 25]
    assert not set(strata[:200]) & set(strata[200:])
    assert strata[0] > strata[199], "the most abundant ligand comes first here"


def test_weights_by_hand():
    expressed = np.array([[1, 1, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1]], dtype=bool)
    weights, numbers = kernel.weights_of(expressed, np.array([0, 0, 1, 1]), 2)
    assert numbers.tolist() == [[2, 1, 0, 2], [1, 1, 1, 0], [3, 2, 1, 3]]
    np.testing.assert_allclose(weights[0], [[0.5, 0.5, 0, 0], [0] * 4, [0] * 4, [0.5, 0.5, 0, 0]])
    assert not weights[1].any(), "no patient expresses two receptors"
    np.testing.assert_allclose(weights[2, 3], [1 / 6, 5 / 12, 0, 5 / 12])


def test_random_sets_stay_in_their_strata_and_patients_in_common():
    """With the stratum as the value, a random set cannot differ; with one row twice, the rows cannot."""
    strata = np.repeat([0, 1, 2], [5, 20, 30])
    rng = np.random.default_rng(1)
    weights = np.tile((rng.random(55) < 0.4) / 10.0, (2, 1))
    found = kernel.random_sets(strata[:, None].astype(float), weights, strata, 300, 7, 1)
    np.testing.assert_allclose(found, (weights[0] @ strata))
    found = kernel.random_sets(rng.normal(size=(55, 3)), weights, strata, 300, 7, 1)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])
    assert np.unique(found[:, 0, 0]).size > 290


def test_expected_is_the_mean_of_the_null(universe):
    offers, strata, _ = universe
    rng = np.random.default_rng(3)
    weights, _ = kernel.weights_of(rng.random((2, 240)) < 0.3, universe[2], 5)
    null = kernel.random_sets(offers, weights[2], strata, 20_000, 11, 2)
    error = null.std(axis=0) / np.sqrt(len(null))
    assert (np.abs(null.mean(axis=0) - kernel.expected(offers, weights[2], strata)) < 4 * error).all()


def test_the_same_bits_for_any_number_of_threads(universe):
    offers, strata, role = universe
    weights, _ = kernel.weights_of(np.random.default_rng(3).random((3, 240)) < 0.3, role, 5)
    rows = weights.reshape(-1, 240)
    one = kernel.random_sets(offers, rows, strata, 1000, 5, 1)
    np.testing.assert_array_equal(one, kernel.random_sets(offers, rows, strata, 1000, 5, 3))
    np.testing.assert_array_equal(one[:512], kernel.random_sets(offers, rows, strata, 512, 5, 2))
    assert not np.array_equal(one, kernel.random_sets(offers, rows, strata, 1000, 6, 1))


def test_p_by_hand():
    null = np.array([1.0, 2.0, 3.0])[:, None, None]
    assert kernel.upper_p(np.array([[4.0]]), null).item() == 1 / 4, "never 0"
    assert kernel.upper_p(np.array([[2.0]]), null).item() == 3 / 4, "what is as large counts"
    assert kernel.upper_p(np.array([[0.0]]), null).item() == 1


def _random_means(offers, strata, chosen, n, rng):
    """Mean offers (n, n_organs) of sets with as many of each stratum as ``chosen``, drawn another way."""
    total = np.zeros((n, offers.shape[1]))
    for one in np.unique(strata):
        mine = np.flatnonzero(strata == one)
        order = rng.random((n, mine.size)).argsort(axis=1)[:, : chosen[mine].sum()]
        total += offers[mine[order]].sum(axis=1)
    return total / chosen.sum()


def test_p_is_uniform_under_random_sets(universe):
    """20,000 random sets: the mean rates within 10 % at 0.05, and within 25 % at 0.001."""
    offers, strata, role = universe
    rng = np.random.default_rng(5)
    chosen = rng.random(240) < 0.35
    rows = kernel.weights_of(chosen[None], role, 5)[0][2, :1]
    sets = _random_means(offers, strata, chosen, 20_000, rng)
    null = np.sort(kernel.random_sets(offers, rows, strata, 99_999, 202, 2)[:, 0], axis=0)
    reached = np.stack([len(null) - np.searchsorted(null[:, o], sets[:, o]) for o in range(5)])
    p = (reached + 1) / (len(null) + 1)
    np.testing.assert_allclose(kernel.upper_p(sets[:1], null[:, None]).ravel(), p[:, 0], rtol=1e-3)
    assert (p <= 0.05).mean() == pytest.approx(0.05, rel=0.10)
    assert (p <= 0.001).mean() == pytest.approx(0.001, rel=0.25)


def test_p_is_uniform_over_tumors_of_their_own(universe):
    """200 tumors that each express other genes, and other numbers of them, by the very steps of the tool."""
    offers, strata, role = universe
    rng = np.random.default_rng(8)
    p = []
    for tumor in range(200):
        weights, _ = kernel.weights_of(rng.random((2, 240)) < rng.uniform(0.1, 0.6), role, 5)
        rows = weights[:, -1]
        null = kernel.random_sets(offers, rows, strata, 199, tumor, 1)
        p.append(kernel.upper_p(rows @ offers, null))
    p = np.array(p)
    assert (p <= 0.05).mean() == pytest.approx(0.05, rel=0.25)
    assert p.mean() == pytest.approx(0.5, abs=0.02)


def test_a_set_that_matches_one_organ_is_found(universe):
    offers, strata, role = universe
    best = np.argsort(offers[:, 3])[-60:]
    weights, _ = kernel.weights_of(np.isin(np.arange(240), best)[None], role, 5)
    rows = weights[2, -1:]
    p = kernel.upper_p(rows @ offers, kernel.random_sets(offers, rows, strata, 999, 0, 2))
    assert p[0, 3] == 1 / 1000 and p[0, [0, 1, 2, 4]].min() > 0.05
