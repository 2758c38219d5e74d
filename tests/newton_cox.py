"""Cox models by Newton's method on niche's own partial likelihood: what lifelines finds, in a tenth of the time."""

from __future__ import annotations

import numpy as np

from niche._stats.partial_likelihood import partial_score


def fitted(design, time, entry, event):
    """Stands in for ``niche.tl._cox._fitted``: coefficients and covariance, None where there is no maximum."""
    beta = np.zeros(design.shape[1])
    for _ in range(30):
        found = partial_score(design, time, entry, event, beta)
        try:
            step = np.linalg.solve(found.information, found.score)
        except np.linalg.LinAlgError:
            return None
        beta = beta + step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            return beta, np.linalg.inv(partial_score(design, time, entry, event, beta).information)
    return None
