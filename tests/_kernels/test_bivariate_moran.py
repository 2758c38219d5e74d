"""Bivariate Moran's R: by hand, by its definition, and both orders of permutation."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import sparse

from niche._kernels.bivariate_moran import Sides, pair_tests, scaled, standardised, whole_section

PATH = sparse.csr_matrix(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=float))


def test_by_hand() -> None:
    ligand, receptor = np.array([[1.0], [0], [0], [0]]), np.array([[0.0], [1], [0], [0]])
    found = pair_tests(whole_section(PATH, ligand, receptor), np.array([0]), np.array([0]), "receptor")
    # x = (3, -1, -1, -1) / sqrt 12, y = (-1, 3, -1, -1) / sqrt 12; W x = (-1, 2, -2, -1) / sqrt 12; n / S0 = 4 / 6
    assert np.isclose(found.statistic[0], (1 + 6 + 2 + 1) / 12 * 4 / 6)


def test_definition_with_one_sided_weights() -> None:
    rng = np.random.default_rng(0)
    w = rng.random((9, 9)) * (rng.random((9, 9)) < 0.4)
    x, y = rng.gamma(1, 1, (2, 9, 2))
    found = pair_tests(
        whole_section(sparse.csr_matrix(w), x, y), np.array([0, 1, 1]), np.array([1, 0, 1]), "receptor"
    )
    sx, sy = standardised(x), standardised(y)
    for k, (i, j) in enumerate(((0, 1), (1, 0), (1, 1))):
        assert np.isclose(found.statistic[k], 9 / w.sum() * sy[:, j] @ w @ sx[:, i])


def test_either_order_has_the_moments_of_all_its_permutations() -> None:
    rng = np.random.default_rng(1)
    w = sparse.csr_matrix(rng.random((6, 6)) * (rng.random((6, 6)) < 0.5))
    x, y = rng.gamma(1, 1, (2, 6, 1))
    sides = whole_section(w, x, y)
    first = np.zeros(1, dtype=int)
    dense, sx, sy = scaled(w).toarray(), sides.ligand[:, 0], sides.receptor[:, 0]
    orders = [list(order) for order in itertools.permutations(range(6))]
    for permuted in ("receptor", "ligand"):
        found = pair_tests(sides, first, first, permuted)
        drawn = np.array(
            [sy[o] @ dense @ sx if permuted == "receptor" else sy @ dense @ sx[o] for o in orders]
        )
        assert np.isclose(found.null.mean[0], drawn.mean(), atol=1e-12)
        assert np.isclose(found.null.variance[0], drawn.var())
        assert np.isclose(found.z[0], (found.statistic[0] - drawn.mean()) / drawn.std())
    assert found.freedom == 5


def test_what_does_not_vary_has_no_statistic() -> None:
    flat = np.full((4, 1), 2.0)
    found = pair_tests(
        whole_section(PATH, flat, PATH[:, [0]].toarray()), np.array([0]), np.array([0]), "ligand"
    )
    assert np.isnan(found.statistic[0]) and np.isnan(found.p[0])


def test_strata_that_differ_in_level_give_nothing() -> None:
    """Both high in one stratum: permuted within strata that is no surprise."""
    rng = np.random.default_rng(2)
    n = 60
    stratum = np.repeat([0, 1], n // 2)
    x, y = rng.normal(0, 1, (2, n, 200))
    x[stratum == 0] += 10
    y[stratum == 0] += 10
    w = sparse.csr_matrix((rng.random((n, n)) < 0.2) * (stratum[:, None] == stratum[None]) * 1.0)
    pairs = np.arange(200)
    within = pair_tests(Sides(w, x, y, stratum, stratum), pairs, pairs, "receptor")
    over = pair_tests(Sides(w, x, y, stratum * 0, stratum * 0), pairs, pairs, "receptor")
    assert abs((within.p < 0.05).mean() - 0.05) < 0.045
    assert over.z.min() > 5
