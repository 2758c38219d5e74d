"""Whether terms explain values: the F test of least squares against a common mean."""

from __future__ import annotations

import numpy as np
from scipy import stats

_SMALL = 1e-9


def analysis_of_variance(values: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, int, int]:
    """P-values (n_features,) of the terms beyond a mean, and the degrees of freedom of F.

    Parameters
    ----------
    values
        (n_rows, n_features), independent rows of equal variance.
    terms
        (n_rows, n_terms): indicators of groups, or shares of groups in a row; columns may hang together.

    Returns
    -------
    NaN where the terms are constant (first degrees 0) or nothing is left to estimate the variance from
    (second degrees 0), and for a feature that does not vary.
    """
    centred = values - values.mean(axis=0)
    basis = _basis(terms - terms.mean(axis=0))
    added = basis.shape[1]
    left = max(values.shape[0] - 1 - added, 0)
    if added == 0 or left == 0:
        return np.full(values.shape[1], np.nan), added, left
    total = (centred**2).sum(axis=0)
    rest = ((centred - basis @ (basis.T @ centred)) ** 2).sum(axis=0)
    smallest = np.finfo(float).tiny
    with np.errstate(invalid="ignore", divide="ignore"):
        f = ((total - rest) / added) / (rest / left)
    p = np.maximum(stats.f.sf(np.maximum(f, 0), added, left), smallest)
    varies = total > _SMALL**2 * np.maximum((values**2).sum(axis=0), smallest)
    return np.where(varies, p, np.nan), added, left


def _basis(terms: np.ndarray) -> np.ndarray:
    """Orthonormal basis of the span of columns."""
    u, size, _ = np.linalg.svd(terms, full_matrices=False)
    return u[:, size > _SMALL * max(float(size.max(initial=0.0)), 1.0)]
