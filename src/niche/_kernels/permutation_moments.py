"""Exact moments of ligand-receptor means when cell-type labels are permuted within samples.

For a stratum of N cells with population moments (denominator N), cell types a and b of n_a and n_b
cells, ligand x and receptor y::

    Var(m_a(x))            = sigma_x^2 (N - n_a) / (n_a (N - 1))
    Cov(m_a(x), m_a(y))    = +sigma_xy (N - n_a) / (n_a (N - 1))
    Cov(m_a(x), m_b(y))    = -sigma_xy / (N - 1)
    k3(m_a(x))             = (N - n_a)(N - 2 n_a) / (n_a^2 (N - 1)(N - 2)) mu3(x)
    E[m_a(x)^2 m_b(y)]     = -S_xxy (N - 2 n_a) / (n_a N (N - 1)(N - 2))
    E[m_a(x) m_b(y)^2]     = -S_xyy (N - 2 n_b) / (n_b N (N - 1)(N - 2))
    E[m_a(x)^4]            = (N - n_a) ((N (N + 1) - 6 n_a (N - n_a)) mu4(x)
                             + 3 N (n_a - 1)(N - n_a - 1) sigma_x^4) / (n_a^3 (N - 1)(N - 2)(N - 3))

with S_xxy the sum of (x - mean)^2 (y - mean). Strata are independent, so their cumulants add. The
fourth cumulant of a sum of two sides is taken from the sides alone, scaled by the squared ratio of its
variance to theirs; it only shapes the far tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import gammaln


@dataclass(frozen=True)
class CentralMoments:
    """Population moments of every stratum.

    Attributes
    ----------
    n
        (n_strata,) cells.
    mean, variance, third, fourth
        (n_strata, n_genes).
    xy, xxy, xyy
        (n_strata, n_products): covariance, and mean of (x - mean)^2 (y - mean) and its mirror.
    """

    n: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    third: np.ndarray
    fourth: np.ndarray
    xy: np.ndarray
    xxy: np.ndarray
    xyy: np.ndarray


def central_moments(
    n: np.ndarray,
    total: np.ndarray,
    square: np.ndarray,
    cube: np.ndarray,
    fourth: np.ndarray,
    xy: np.ndarray,
    xxy: np.ndarray,
    xyy: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
) -> CentralMoments:
    """Turn power sums per stratum into central moments with denominator N.

    ``total``, ``square``, ``cube``, ``fourth`` are (n_strata, n_genes), the products (n_strata,
    n_products) with genes ``first`` and ``second``. Variances and constants are cleaned of negative rounding.
    """
    size = np.maximum(n, 1)[:, None].astype(float)
    mean = total / size
    raw2 = square / size
    variance = np.maximum(raw2 - mean**2, 0.0)
    variance[variance <= 1e-12 * raw2] = 0.0
    third = np.where(variance > 0, cube / size - 3 * mean * raw2 + 2 * mean**3, 0.0)
    central4 = fourth / size - 4 * mean * cube / size + 6 * mean**2 * raw2 - 3 * mean**4
    x, y = mean[:, first], mean[:, second]
    moves = (variance[:, first] > 0) & (variance[:, second] > 0)
    mean_xy, raw_x, raw_y = xy / size, raw2[:, first], raw2[:, second]
    return CentralMoments(
        n=np.asarray(n, dtype=np.int64),
        mean=mean,
        variance=variance,
        third=third,
        fourth=np.where(variance > 0, np.maximum(central4, 0.0), 0.0),
        xy=np.where(moves, mean_xy - x * y, 0.0),
        xxy=np.where(moves, xxy / size - y * raw_x - 2 * x * mean_xy + 2 * x * x * y, 0.0),
        xyy=np.where(moves, xyy / size - x * raw_y - 2 * y * mean_xy + 2 * y * y * x, 0.0),
    )


@njit(cache=True)
def _side(n_all, n_a, variance, third, fourth):
    """Second to fourth cumulant of a mean of n_a of n_all cells drawn without replacement."""
    if n_all < 2 or n_a >= n_all:
        return 0.0, 0.0, 0.0
    spread = (n_all - n_a) / (n_a * (n_all - 1.0))
    skew = 0.0
    if n_all > 2:
        skew = (n_all - n_a) * (n_all - 2.0 * n_a) / (n_a * n_a * (n_all - 1.0) * (n_all - 2.0))
    flat = 0.0
    if n_all > 3:
        scale = (n_all - n_a) / (n_a * n_a * n_a * (n_all - 1.0) * (n_all - 2.0) * (n_all - 3.0))
        own = (n_all * (n_all + 1.0) - 6.0 * n_a * (n_all - n_a)) * fourth
        flat = scale * (own + 3.0 * n_all * (n_a - 1.0) * (n_all - n_a - 1.0) * variance * variance)
        flat -= 3.0 * variance * variance * spread * spread
    return variance * spread, third * skew, flat


@njit(cache=True)
def edge_cumulants(
    samples, x, y, p, stratum, n_source, n_target, weight, same, n, mean, variance, third, fourth,
    xy, xxy, xyy, out,
):  # fmt: skip  # pragma: no cover
    """First four cumulants of the statistic of one edge, and of its two sides.

    Parameters
    ----------
    samples
        First and last + 1 of the (cell pair, sample) entries of the edge in the next four.
    x, y, p
        Ligand gene, receptor gene and the column of their product.
    stratum, n_source, n_target, weight
        Sample, cells of the two types and weight of every (cell pair, sample).
    same
        Whether source and target are one cell type.
    n, mean, variance, third, fourth, xy, xxy, xyy
        The strata's moments (:class:`CentralMoments`).
    out
        (3, 4), filled: rows (ligand + receptor) / 2, ligand, receptor; columns the cumulants.
    """
    out[:] = 0.0
    for k in range(samples[0], samples[1]):
        s, w = stratum[k], weight[k]
        size = float(n[s])
        n_a, n_b = float(n_source[k]), float(n_target[k])
        var_x, k3_x, k4_x = _side(size, n_a, variance[s, x], third[s, x], fourth[s, x])
        var_y, k3_y, k4_y = _side(size, n_b, variance[s, y], third[s, y], fourth[s, y])
        if same:
            both2 = variance[s, x] + 2.0 * xy[s, p] + variance[s, y]
            both3 = third[s, x] + 3.0 * xxy[s, p] + 3.0 * xyy[s, p] + third[s, y]
            var_z, k3_z, _ = _side(size, n_a, both2 / 4.0, both3 / 8.0, 0.0)
        else:
            var_z, k3_z = (var_x + var_y) / 4.0, (k3_x + k3_y) / 8.0
            if size > 1:
                var_z -= xy[s, p] / (2.0 * (size - 1.0))
            if size > 2:
                scale = 3.0 / (8.0 * (size - 1.0) * (size - 2.0))
                k3_z -= scale * xxy[s, p] * (size - 2.0 * n_a) / n_a
                k3_z -= scale * xyy[s, p] * (size - 2.0 * n_b) / n_b
        apart = (var_x + var_y) / 4.0
        k4_z = 0.0
        if apart > 0.0:
            k4_z = (k4_x + k4_y) / 16.0 * (var_z / apart) * (var_z / apart)
        w2, w3, w4 = w * w, w * w * w, w * w * w * w
        out[0, 0] += w * (mean[s, x] + mean[s, y]) / 2.0
        out[0, 1] += w2 * max(var_z, 0.0)
        out[0, 2] += w3 * k3_z
        out[0, 3] += w4 * k4_z
        out[1, 0] += w * mean[s, x]
        out[1, 1] += w2 * var_x
        out[1, 2] += w3 * k3_x
        out[1, 3] += w4 * k4_x
        out[2, 0] += w * mean[s, y]
        out[2, 1] += w2 * var_y
        out[2, 2] += w3 * k3_y
        out[2, 3] += w4 * k4_y


@njit(cache=True)
def side_cumulants(
    samples, x, stratum, n_own, weight, n, mean, variance, third, fourth
):  # pragma: no cover - compiled
    """First four cumulants of one side of an edge alone: gene ``x`` in the cell type of ``n_own`` cells."""
    k1, k2, k3, k4 = 0.0, 0.0, 0.0, 0.0
    for k in range(samples[0], samples[1]):
        s, w = stratum[k], weight[k]
        var_x, k3_x, k4_x = _side(float(n[s]), float(n_own[k]), variance[s, x], third[s, x], fourth[s, x])
        k1 += w * mean[s, x]
        k2 += w * w * var_x
        k3 += w * w * w * k3_x
        k4 += w * w * w * w * k4_x
    return k1, k2, k3, k4


def log_relabelings(
    start: np.ndarray, n: np.ndarray, n_source: np.ndarray, n_target: np.ndarray, same: np.ndarray
) -> np.ndarray:
    """Log of the number of distinct relabelings of each cell pair, over its samples.

    ``n`` is the stratum size of every (cell pair, sample). A p-value cannot be smaller than one
    over this number.
    """
    other = np.where(np.repeat(same, np.diff(start)), 0, n_target)
    per_sample = (
        gammaln(n + 1) - gammaln(n_source + 1) - gammaln(other + 1) - gammaln(n - n_source - other + 1)
    )
    return np.add.reduceat(np.append(per_sample, 0.0), start[:-1]) * (np.diff(start) > 0)
