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
def joint_factors(n_all, n_a, n_b, same):
    """What covariance and both mixed third moments of a stratum weigh in variance and third cumulant.

    Of the sum of both sides: multiply by (2 xy, 3 xxy, 3 xyy).
    """
    if n_all < 2 or (same and n_a >= n_all):
        return 0.0, 0.0, 0.0
    if same:
        skew = 0.0
        if n_all > 2:
            skew = (n_all - n_a) * (n_all - 2.0 * n_a) / (n_a * n_a * (n_all - 1.0) * (n_all - 2.0))
        return (n_all - n_a) / (n_a * (n_all - 1.0)), skew, skew
    if n_all < 3:
        return -1.0 / (n_all - 1.0), 0.0, 0.0
    scale = -1.0 / ((n_all - 1.0) * (n_all - 2.0))
    return -1.0 / (n_all - 1.0), scale * (n_all - 2.0 * n_a) / n_a, scale * (n_all - 2.0 * n_b) / n_b


@njit(inline="always")
def _joined(x, y, products, factors, w):
    """Weighted cumulants of (ligand + receptor) / 2 in one stratum from those of the sides.

    ``x``, ``y`` are mean and cumulants of the sides, ``products`` (xy, xxy, xyy) of the stratum.
    """
    apart = x[1] + y[1]
    variance = apart + 2.0 * factors[0] * products[0]
    third = x[2] + y[2] + 3.0 * (factors[1] * products[1] + factors[2] * products[2])
    fourth = 0.0
    if apart > 0.0:
        ratio = variance / apart
        fourth = (x[3] + y[3]) * ratio * ratio
    half = w / 2.0
    square = half * half
    return half * (x[0] + y[0]), square * max(variance, 0.0), square * half * third, square * square * fourth


@njit(cache=True)
def side_cumulants(n, size, mean, variance, third, fourth):  # pragma: no cover - compiled
    """Cumulants (n_genes, 4) of every gene in a cell type of ``size`` cells of a stratum of ``n``."""
    out = np.empty((mean.size, 4))
    for j in range(mean.size):
        out[j, 0] = mean[j]
        out[j, 1], out[j, 2], out[j, 3] = _side(float(n), float(size), variance[j], third[j], fourth[j])
    return out


@njit(inline="always")
def add_joined(out, samples, tables, x, y, source, target, products, stratum, p, factors, weight):
    """Set ``out`` (4,) to the cumulants of (ligand + receptor) / 2 of one edge over its samples."""
    out[:] = 0.0
    for k in range(samples[0], samples[1]):
        joined = _joined(
            tables[source[k], x], tables[target[k], y], products[stratum[k], p], factors[k], weight[k]
        )
        for i in range(4):
            out[i] += joined[i]


@njit(cache=True)
def add_side(out, samples, tables, x, own, weight):
    """Set ``out`` (4,) to the cumulants of gene ``x`` on one side of an edge over its samples."""
    out[:] = 0.0
    for k in range(samples[0], samples[1]):
        power = 1.0
        for i in range(4):
            power *= weight[k]
            out[i] += power * tables[own[k], x, i]


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
    first, last = samples
    tables, factors = np.empty((2 * (last - first), 2, 4)), np.empty((last - first, 3))
    products = np.empty((last - first, 1, 3))
    for i in range(last - first):
        s, n_a, n_b = stratum[first + i], n_source[first + i], n_target[first + i]
        for row, size in ((2 * i, n_a), (2 * i + 1, n_b)):
            for column, j in ((0, x), (1, y)):
                one = slice(j, j + 1)
                tables[row, column] = side_cumulants(
                    n[s], size, mean[s, one], variance[s, one], third[s, one], fourth[s, one]
                )[0]
        products[i, 0, 0], products[i, 0, 1], products[i, 0, 2] = xy[s, p], xxy[s, p], xyy[s, p]
        factors[i] = joint_factors(float(n[s]), float(n_a), float(n_b), same)
    own, w = np.arange(last - first), weight[first:last]
    whole = (0, last - first)
    add_joined(out[0], whole, tables, 0, 1, 2 * own, 2 * own + 1, products, own, 0, factors, w)
    add_side(out[1], whole, tables, 0, 2 * own, w)
    add_side(out[2], whole, tables, 1, 2 * own + 1, w)


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
