"""Scaling factors of libraries by the trimmed mean of M-values."""

from __future__ import annotations

import numpy as np

_TRIM_RATIO, _TRIM_LEVEL = 0.3, 0.05


def tmm_factors(counts: np.ndarray, library: np.ndarray) -> np.ndarray:
    """Factors (n_samples,) with a product of 1, for counts (n_samples, n_genes) of libraries (n_samples,).

    Robinson & Oshlack 2010 (doi:10.1186/gb-2010-11-3-r25): the reference is the sample whose upper quartile
    is nearest to their mean; 30 % of the log ratios and 5 % of the log levels are trimmed at each end, the
    rest averaged with inverse variances. Samples that share too few genes with it keep the factor 1.
    """
    n = counts.shape[0]
    used = counts[:, (counts > 0).any(axis=0)]
    if n < 2 or used.shape[1] < 2:
        return np.ones(n)
    quartile = np.quantile(used, 0.75, axis=1) / library
    if np.median(quartile) < 1e-20:
        reference = int(np.sqrt(used).sum(axis=1).argmax())
    else:
        reference = int(np.abs(quartile - quartile.mean()).argmin())
    factors = np.array([_factor(used[i], used[reference], library[i], library[reference]) for i in range(n)])
    return factors / np.exp(np.log(factors).mean())


def _factor(sample: np.ndarray, reference: np.ndarray, n: float, n_reference: float) -> float:
    both = (sample > 0) & (reference > 0)
    x, y = sample[both], reference[both]
    if x.size == 0:
        return 1.0
    ratio = np.log2((x / n) / (y / n_reference))
    level = (np.log2(x / n) + np.log2(y / n_reference)) / 2
    variance = (n - x) / n / x + (n_reference - y) / n_reference / y
    if np.abs(ratio).max() < 1e-6:
        return 1.0
    kept = _between(ratio, _TRIM_RATIO) & _between(level, _TRIM_LEVEL)
    if not kept.any():
        return 1.0
    return float(2 ** (np.sum(ratio[kept] / variance[kept]) / np.sum(1 / variance[kept])))


def _between(values: np.ndarray, trim: float) -> np.ndarray:
    """Values whose rank is not among the trimmed ones; tied values share their mean rank."""
    low, rising = np.floor(values.size * trim) + 1, np.sort(values)
    rank = (np.searchsorted(rising, values, "left") + np.searchsorted(rising, values, "right") + 1) / 2
    return (rank >= low) & (rank <= values.size + 1 - low)
