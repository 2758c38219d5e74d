"""Local statistics: definition, all conditional permutations, and which spots can be hot."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import sparse

from niche._kernels import local_moran as kernel
from niche._kernels.bivariate_moran import scaled, standardised
from niche._kernels.linear_permutation import cumulants


def draw(n: int = 7) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    w = rng.random((n, n)) * (rng.random((n, n)) < 0.5)
    return sparse.csr_matrix(w), rng.gamma(1, 1, (n, 1)), rng.gamma(1, 1, (n, 1))


def test_definition_sums_to_twice_the_global_statistic() -> None:
    w, x, y = draw()
    w = sparse.csr_matrix((w + w.T) / 2)
    found, _ = kernel.local_moran(w, x, y)
    sx, sy = standardised(x)[:, 0], standardised(y)[:, 0]
    whole = 7 / w.sum() * sy @ w.toarray() @ sx
    assert np.isclose(found.sum() / 7, 2 * whole)


def test_cumulants_are_those_of_all_conditional_permutations() -> None:
    w, x, y = draw(6)
    dense = scaled(w).toarray()
    sx, sy = (standardised(one)[:, 0] * np.sqrt(6) for one in (x, y))
    found = cumulants(kernel._places(scaled(w), np.diag(dense), 5), kernel._others(sx, sy))
    for i in (0, 4):
        others = [j for j in range(6) if j != i]
        drawn = []
        for order in itertools.permutations(others):
            px, py = sx.copy(), sy.copy()
            px[others], py[others] = sx[list(order)], sy[list(order)]
            drawn.append(py[i] * (dense @ px)[i] + px[i] * (dense @ py)[i] - 2 * dense[i, i] * px[i] * py[i])
        away = np.array(drawn) - np.mean(drawn)
        assert np.isclose(found.mean[i], np.mean(drawn))
        assert np.isclose(found.variance[i], (away**2).mean())
        assert np.isclose(found.third[i], (away**3).mean())
        assert np.isclose(found.fourth[i], (away**4).mean() - 3 * (away**2).mean() ** 2)


def test_low_next_to_low_is_no_signal_and_lonely_spots_have_no_p() -> None:
    rng = np.random.default_rng(0)
    n = 50
    w = sparse.lil_matrix((n, n))
    for i in range(n - 2):
        w[i, i + 1] = w[i + 1, i] = 1
    x = np.where(np.arange(n) < 5, 5 + rng.random(n), rng.random(n) * 0.1)[:, None]
    statistic, p = kernel.local_moran(sparse.csr_matrix(w), x, x)
    assert statistic[20, 0] > 0 and p[20, 0] == 1
    assert p[2, 0] < 0.05
    assert np.isnan(p[n - 1, 0])
    assert (p[np.isfinite(p)] > 0).all()


def test_flat_columns_have_no_p() -> None:
    w, x, _ = draw()
    _, p = kernel.local_moran(w, x, np.ones_like(x))
    assert np.isnan(p).all()
