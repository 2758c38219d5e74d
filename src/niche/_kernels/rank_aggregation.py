"""Robust rank aggregation of several scores into one rank."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc
from scipy.stats import rankdata


def robust_rank(scores: np.ndarray, higher_is_better: np.ndarray) -> np.ndarray:
    """Aggregate ranks of several scores (Kolde et al. 2012, doi:10.1093/bioinformatics/btr709).

    Parameters
    ----------
    scores
        (n, n_scores); NaN counts as the worst of its column.
    higher_is_better
        (n_scores,) bool.

    Returns
    -------
    ndarray
        (n,) ``min(1, n_scores * min_k Beta(r_(k); k, n_scores - k + 1))`` of the sorted normalised
        ranks. It orders; it is no p-value, since the scores depend on each other.
    """
    n, n_scores = scores.shape
    if n == 0:
        return np.zeros(0)
    signed = np.where(higher_is_better, -scores, scores)
    signed = np.where(np.isnan(signed), np.inf, signed)
    ranks = rankdata(signed, method="average", axis=0)
    ordered = np.sort(ranks / ranks.max(axis=0), axis=1)
    k = np.arange(1, n_scores + 1)
    return np.minimum(betainc(k, n_scores - k + 1, ordered).min(axis=1) * n_scores, 1.0)
