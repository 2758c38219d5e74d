"""Stage-wise control over contrasts of many features: screen by a joint test, then confirm.

Heller et al. 2009 (doi:10.1186/1471-2105-10-1), Van den Berge et al. 2017 (doi:10.1186/s13059-017-1277-0).
"""

from __future__ import annotations

import numpy as np

from niche._stats.fdr import benjamini_hochberg


def stage_wise(screen: np.ndarray, p: np.ndarray, most_true: np.ndarray, *, alpha: float) -> np.ndarray:
    """Adjusted p-values of contrasts (n_features, n_contrasts), to be compared with ``alpha``.

    ``screen`` (n_features,) is the p-value of the joint test; ``most_true`` (n_features,) how many of a
    feature's contrasts can be null at most once the joint null is false (Shaffer 1986,
    doi:10.1080/01621459.1986.10478341). Within a feature Holm's steps run with these numbers, then the share
    of features that pass the screen at ``alpha`` is made up for. Never below the q-value of the screen.
    """
    q = benjamini_hochberg(screen)
    passed = max(int(np.nansum(q <= alpha)), 1)
    tested = max(int((~np.isnan(screen)).sum()), 1)
    present = ~np.isnan(p)
    order = np.argsort(np.where(present, p, np.inf), axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    left = present.sum(axis=1)[:, None] - np.arange(p.shape[1])[None]
    factor = np.maximum(np.minimum(left, most_true[:, None]), 1)
    stepped = np.maximum.accumulate(np.where(np.isnan(ranked), 0.0, ranked * factor), axis=1)
    adjusted = np.full(p.shape, np.nan)
    np.put_along_axis(adjusted, order, stepped * (tested / passed), axis=1)
    adjusted = np.minimum(np.fmax(adjusted, q[:, None]), 1.0)
    return np.where(present & ~np.isnan(screen)[:, None], adjusted, np.nan)
