"""Score, information and residuals of Cox's partial likelihood, with left truncation and Efron's ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

_FLAT = 1e-10


@dataclass(frozen=True)
class PartialScore:
    """Derivatives of the log partial likelihood at given coefficients.

    Attributes
    ----------
    score, information
        (k,) first derivative, (k, k) negative second.
    residuals
        (n_events, k) covariates of those with an event less their mean over those at risk (Schoenfeld), in
        the order of ``event_time``.
    event_time
        (n_events,) rising.
    """

    score: np.ndarray
    information: np.ndarray
    residuals: np.ndarray
    event_time: np.ndarray


def partial_score(
    design: np.ndarray, time: np.ndarray, entry: np.ndarray, event: np.ndarray, beta: np.ndarray
) -> PartialScore:
    """Evaluate the partial likelihood.

    Parameters
    ----------
    design
        (n, k).
    time, entry, event
        (n,) end of observation, its start, and whether it ended with the event; at risk in (entry, time].
    beta
        (k,) coefficients.
    """
    k = design.shape[1]
    risk = np.exp(design @ beta)
    score, information = np.zeros(k), np.zeros((k, k))
    residuals, times = [], []
    for at in np.unique(time[event]):
        here = np.flatnonzero((time >= at) & (entry < at)) if at > 0 else np.flatnonzero(entry <= 0)
        dead = np.flatnonzero(event & (time == at))
        x, w = design[here], risk[here]
        sums = _moments(x, w)
        own = _moments(design[dead], risk[dead])
        mean_at = np.zeros(k)
        for tied in range(dead.size):
            zero, one, two = (a - tied / dead.size * b for a, b in zip(sums, own, strict=True))
            mean = one / zero
            mean_at += mean / dead.size
            information += two / zero - np.outer(mean, mean)
        residuals.append(design[dead] - mean_at)
        score += residuals[-1].sum(axis=0)
        times.append(np.full(dead.size, at))
    return PartialScore(score, information, np.concatenate(residuals), np.concatenate(times))


def score_test(found: PartialScore, term: int) -> tuple[float, float]:
    r"""The signed score statistic of one coefficient, and its two-sided p-value.

    :math:`z = U_j / \sqrt{I_{jj} - I_{jo} I_{oo}^{-1} I_{oj}}` at the estimate without it; for two groups and
    nothing else the log-rank test. NaN where there is no information. p is never 0.
    """
    others = np.delete(np.arange(found.score.size), term)
    own = found.information[term, term]
    if others.size:
        beside = found.information[np.ix_(others, others)]
        across = found.information[term, others]
        own = own - across @ np.linalg.lstsq(beside, across, rcond=None)[0]
    if not own > _FLAT * max(float(found.information[term, term]), _FLAT):
        return np.nan, np.nan
    z = float(found.score[term] / np.sqrt(own))
    return z, max(2 * float(stats.norm.sf(abs(z))), float(np.finfo(float).tiny))


def proportional_hazards(found: PartialScore, covariance: np.ndarray, term: int) -> float:
    r"""P-value against a log hazard ratio that drifts with the rank of time.

    ``found`` at the estimate, ``covariance`` (k, k) of it. Scaled Schoenfeld residuals against centred ranks
    g of the event times: :math:`(\sum_i g_i s_i)^2 / (d\, V_{jj} \sum_i g_i^2)` on one degree of freedom
    (Grambsch and Therneau 1994, doi:10.1093/biomet/81.3.515). NaN below 3 events.
    """
    n = found.event_time.size
    if n < 3:
        return np.nan
    rank = stats.rankdata(found.event_time)
    rank = rank - rank.mean()
    scaled = n * (found.residuals @ covariance)[:, term]
    size = n * covariance[term, term] * float(rank @ rank)
    if not size > 0:
        return np.nan
    return max(float(stats.chi2.sf(float(rank @ scaled) ** 2 / size, 1)), float(np.finfo(float).tiny))


def _moments(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted sums of 1, x and x x'."""
    weighted = x * w[:, None]
    return w.sum(), weighted.sum(axis=0), x.T @ weighted
