"""Cumulative incidence of competing events: Aalen-Johansen, with left truncation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Incidence:
    """Step functions that jump at ``time``.

    Attributes
    ----------
    time
        (m,) rising: everything at which the number at risk or the incidence can change.
    at_risk
        (m,) under observation just before.
    events
        (n_causes, m) events of each cause.
    incidence, variance
        (n_causes, m) probability of the event by then, others competing, and its variance.
    """

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    incidence: np.ndarray
    variance: np.ndarray


def cumulative_incidence(time: np.ndarray, entry: np.ndarray, cause: np.ndarray, n_causes: int) -> Incidence:
    r"""Estimate the incidence of every cause while the others compete.

    :math:`F_k(t) = \sum_{t_j \le t} S(t_j^-) d_{kj} / n_j` with the Kaplan-Meier estimate S of no event
    (Aalen and Johansen; doi:10.1002/sim.2712); variance by the delta method. One cause gives 1 - S with
    Greenwood's variance.

    Parameters
    ----------
    time, entry
        (n,) end and start of observation; at risk in (entry, time].
    cause
        (n,) 0 for none (censored), else 1 to ``n_causes``.
    """
    at = np.unique(np.concatenate([time, entry[entry > 0]]))
    ended, entered = np.sort(time), np.sort(entry)
    at_risk = np.searchsorted(entered, at, side="left") - np.searchsorted(ended, at, side="left")
    if (entry <= 0).any() and at[0] == 0:  # observed from the start, and ended there
        at_risk[0] = int((entry <= 0).sum())
    events = np.zeros((n_causes, at.size))
    np.add.at(events, (cause[cause > 0] - 1, np.searchsorted(at, time[cause > 0])), 1.0)
    d, n = events.sum(axis=0), np.maximum(at_risk, 1).astype(float)
    survival = np.cumprod(1 - d / n)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * events / n, axis=1)
    left = np.where(n > d, n - d, np.inf)
    greenwood = d / (n * left)
    first = (
        incidence**2 * np.cumsum(greenwood)
        - 2 * incidence * np.cumsum(incidence * greenwood, axis=1)
        + np.cumsum(incidence**2 * greenwood, axis=1)
    )
    second = np.cumsum(before**2 * events * (n - events) / n**3, axis=1)
    step = before * events / n**2
    third = incidence * np.cumsum(step, axis=1) - np.cumsum(incidence * step, axis=1)
    variance = np.maximum(first + second - 2 * third, 0.0)
    return Incidence(at, at_risk, events, incidence, variance)


def incidence_interval(
    incidence: np.ndarray, variance: np.ndarray, confidence: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval on the scale of log(-log(1 - F)), which stays in (0, 1); NaN where F is 0 or 1."""
    z = stats.norm.isf((1 - confidence) / 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_free = np.log1p(-incidence)
        half = z * np.sqrt(variance) / ((1 - incidence) * np.abs(log_free))
        low, high = (-np.expm1(log_free * np.exp(sign * half)) for sign in (-1, 1))
    inside = (incidence > 0) & (incidence < 1)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)
