"""Cause-specific Cox models of one term and covariates, by lifelines, and when there is none."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from niche._stats.independent_columns import beyond, independent_columns
from niche._stats.partial_likelihood import partial_score, proportional_hazards, score_test
from niche.errors import MissingPackageError

LEAST_EVENTS = 10
EVENTS_PER_COEFFICIENT = 5
_DRIFTS = 0.05
_ENDLESS, _UNKNOWN = 12.0, 10.0
"""A log hazard ratio per standard deviation, or its error, beyond which events are taken as separated."""


@dataclass(frozen=True)
class CoxTerm:
    """The hazard ratio of one term, or why there is none (``reason``, and NaN).

    Attributes
    ----------
    log_hr, error
        Log hazard ratio and its standard error.
    statistic, p
        Score test.
    ph_p
        Against proportional hazards.
    reason
        Why there is no test.
    """

    log_hr: float = np.nan
    error: float = np.nan
    statistic: float = np.nan
    p: float = np.nan
    ph_p: float = np.nan
    reason: str = ""

    def columns(self, confidence: float) -> dict[str, Any]:
        """As columns of a table."""
        half = stats.norm.isf((1 - confidence) / 2) * self.error
        note = ""
        if self.ph_p < _DRIFTS:
            note = f"hazards are not proportional (p = {self.ph_p:.2g}): the ratio is an average over time"
        return {
            "log_hr": self.log_hr, "log_hr_error": self.error, "hazard_ratio": float(np.exp(self.log_hr)),
            "ci_low": float(np.exp(self.log_hr - half)), "ci_high": float(np.exp(self.log_hr + half)),
            "statistic": self.statistic, "pval": self.p, "ph_pval": self.ph_p,
            "status": "not_testable" if self.reason else "tested", "reason": self.reason or note,
        }  # fmt: skip


def require_lifelines() -> None:
    """Refuse to go on without lifelines."""
    if find_spec("lifelines") is None:
        raise MissingPackageError(
            "hazard ratios are fitted by lifelines, which is not installed. Run: "
            'python -m pip install "niche[survival]"'
        )


def cox_term(
    term: np.ndarray,
    covariates: np.ndarray,
    time: np.ndarray,
    entry: np.ndarray,
    event: np.ndarray,
    min_events: int,
) -> CoxTerm:
    """Fit the hazard of one cause on a term beside covariates; other causes count as censored.

    Parameters
    ----------
    term
        (n,) 0 and 1, or numbers of standard deviation 1.
    covariates
        (n, k); columns that do not vary or follow from others are left out.
    time, entry, event
        (n,) end, start, whether this cause ended it.
    min_events
        Fewest events, and five for every coefficient.
    """
    beside = independent_columns(covariates)
    n, needed = int(event.sum()), max(min_events, EVENTS_PER_COEFFICIENT * (1 + beside.shape[1]))
    if n < needed:
        return CoxTerm(reason=f"too few events: {n}, {needed} needed")
    if not term.std() > 0:
        return CoxTerm(reason="the term does not vary")
    if not beyond(term, beside).any():
        return CoxTerm(reason="the term and the covariates hang together")
    if np.unique(term).size == 2 and np.unique(term[event]).size == 1:
        return CoxTerm(reason="separated: one side has no event, so the hazard ratio has no bound")
    design = np.column_stack([term, beside])
    whole = _fitted(design, time, entry, event)
    null = np.zeros(design.shape[1])
    if beside.shape[1]:
        reduced = _fitted(beside, time, entry, event)
        if reduced is not None:
            null[1:] = reduced[0]
        else:
            whole = None
    separated = CoxTerm(reason="separated: the events have no finite hazard ratio")
    if whole is None:
        return separated
    beta, covariance = whole
    if abs(beta[0]) * term.std() > _ENDLESS or np.sqrt(covariance[0, 0]) * term.std() > _UNKNOWN:
        return separated
    z, p = score_test(partial_score(design, time, entry, event, null), 0)
    at_estimate = partial_score(design, time, entry, event, beta)
    ph_p = proportional_hazards(at_estimate, covariance, 0)
    return CoxTerm(float(beta[0]), float(np.sqrt(covariance[0, 0])), z, p, ph_p)


def _fitted(
    design: np.ndarray, time: np.ndarray, entry: np.ndarray, event: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients and their covariance by lifelines; None where it does not converge."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError

    names = [f"x{i}" for i in range(design.shape[1])]
    frame = pd.DataFrame(design, columns=names).assign(time=time, event=event)
    late = {}
    if (entry > 0).any():
        frame["entry"] = np.where(entry > 0, entry, -1.0)  # from the start, also for those who end there
        late = {"entry_col": "entry"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = CoxPHFitter().fit(frame, "time", "event", **late)
        except ConvergenceError:
            return None
    beta, covariance = fit.params_.to_numpy(), fit.variance_matrix_.to_numpy()
    if not (np.isfinite(beta).all() and np.isfinite(covariance).all() and (np.diag(covariance) > 0).all()):
        return None
    return beta, covariance
