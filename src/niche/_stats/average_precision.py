"""Area under the precision-recall curve."""

from __future__ import annotations

import numpy as np


def average_precision(score: np.ndarray, positive: np.ndarray, n_positive: int) -> float:
    """Return the area under precision and recall as a step function, ties taken in one step.

    The sum over distinct scores, the best first, of precision x the rise in recall. ``score`` (n,)
    float without NaN, higher is better; ``positive`` (n,) bool; ``n_positive`` positives there are,
    those without a score included, which are never found. NaN where there is no positive.
    """
    if n_positive == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], ranked.size > 0))
    hits = np.cumsum(positive[order])[last_of_tie]
    precision = hits / (last_of_tie + 1)
    return float(np.sum(precision * np.diff(hits, prepend=0)) / n_positive)
