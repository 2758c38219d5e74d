r"""Local bivariate Moran's R of every spot, and its law when the other spots are permuted.

With x, y of mean 0 and variance 1 and weights of mean row sum 1 the local statistic is
:math:`R_i = y_i \sum_j w_{ij} x_j + x_i \sum_j w_{ij} y_j` (as receiver and as sender; Li et al. 2023,
doi:10.1038/s41467-023-39608-w). The law is that of conditional permutation (Anselin 1995,
doi:10.1111/j.1538-4632.1995.tb00338.x): spot i keeps its values and the pairs :math:`(x_j, y_j)` of all
others are permuted over their places, so :math:`R_i = \sum_j w_{ij} u_j` with
:math:`u_j = y_i x_j + x_i y_j` is a linear permutation statistic of the :math:`n - 1` others.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy import sparse
from scipy.special import gammaln

from niche._kernels.bivariate_moran import scaled, standardised
from niche._kernels.linear_permutation import PowerSums, cumulants, upper_tail


def local_moran(
    weight: sparse.csr_matrix, ligand: np.ndarray, receptor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Local statistics and upper p-values (n_spots, n_pairs) of paired columns (n_spots, n_pairs).

    p is 1 where neither side is high at the spot and the other high around it: low next to low is no signal.
    It is NaN for spots without neighbours.
    """
    n = weight.shape[0]
    w = scaled(weight)
    x, y = (standardised(values) * np.sqrt(n) for values in (ligand, receptor))
    around_x, around_y = w @ x, w @ y
    statistic = y * around_x + x * around_y
    own = w.diagonal()
    places = _places(w, own, n - 1)
    degree = np.diff(w.indptr) - (own != 0)
    p = np.empty_like(statistic)
    for k in range(statistic.shape[1]):
        others = _others(x[:, k], y[:, k])
        null = cumulants(places, others)
        value = statistic[:, k] - 2 * own * x[:, k] * y[:, k]
        p[:, k] = upper_tail(value, null)[1]
    least = np.exp(gammaln(degree + 1) + gammaln(n - degree) - gammaln(n))
    p = np.maximum(p, np.where(np.isfinite(p), least[:, None], np.nan))
    high = ((y > 0) & (around_x > 0)) | ((x > 0) & (around_y > 0))
    p[~high] = 1.0
    p[degree == 0] = np.nan
    p[:, np.isnan(statistic).any(axis=0)] = np.nan
    return statistic, p


def _places(w: sparse.csr_matrix, own: np.ndarray, m: int) -> PowerSums:
    """Power sums of the weights of every spot's row over the ``m`` others; spots stand in columns."""
    powers = [np.asarray(w.power(k).sum(axis=1)).ravel() - own**k for k in range(1, 5)]
    return _central(powers, m)


def _others(x: np.ndarray, y: np.ndarray) -> PowerSums:
    """Power sums of :math:`u_j = y_i x_j + x_i y_j` over the spots other than i, for every i."""
    powers = []
    for k in range(1, 5):
        total = sum(
            comb(k, r) * y**r * x ** (k - r) * float((x**r * y ** (k - r)).sum()) for r in range(k + 1)
        )
        powers.append(total - (2 * x * y) ** k)
    return _central(powers, x.size - 1)


def _central(powers: list[np.ndarray], m: int) -> PowerSums:
    """Central power sums from raw ones of ``m`` values, one stratum of many columns."""
    s1, s2, s3, s4 = powers
    mean = s1 / m
    second = np.maximum(s2 - m * mean**2, 0.0)
    third = s3 - 3 * mean * s2 + 2 * m * mean**3
    fourth = np.maximum(s4 - 4 * mean * s3 + 6 * mean**2 * s2 - 3 * m * mean**4, 0.0)
    tied = np.zeros_like(mean)
    return PowerSums(np.array([m]), *(part[None] for part in (mean, second, third, fourth, tied)))
