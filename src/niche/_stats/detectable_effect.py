"""The smallest effect a design detects: precision of a contrast, and the noncentral t solved for it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import optimize, special, stats

_NODE, _WEIGHT = np.polynomial.legendre.leggauss(300)
_REACH = 9.0


def contrast_precision(
    patient: np.ndarray,
    group: np.ndarray,
    contrast: np.ndarray,
    variance_between: float,
    variance_within: float,
) -> tuple[float, float]:
    r"""Standard error of a contrast of group means, and its degrees of freedom.

    Samples of one patient share a random effect: :math:`V = \sigma_b^2 Z Z' + \sigma_w^2 I`. The contrast
    is estimated by generalised least squares. Its degrees of freedom are the residuals of the patients'
    means in each group after the groups and, because their correlation is not known, one mean for every
    patient in several groups: n - k when no patient repeats (the t-test), (n_patients - 1)(k - 1) when
    every patient has every group (the paired t-test); between the two a convention on the safe side.

    Parameters
    ----------
    patient, group
        (n_samples,) codes; groups count from 0.
    contrast
        (n_groups,) weights of the group means.
    variance_between, variance_within
        Variance of the patients, and of samples within them; the second above 0.

    Returns
    -------
    tuple of float
        Standard error, degrees of freedom (0 where the residuals leave none).
    """
    design = np.eye(contrast.size)[group]
    same = (patient[:, None] == patient[None, :]).astype(float)
    inverse = np.linalg.inv(variance_between * same + variance_within * np.eye(patient.size))
    squared = contrast @ np.linalg.inv(design.T @ inverse @ design) @ contrast
    return float(np.sqrt(squared)), float(_residual_df(patient, group, contrast.size))


def _residual_df(patient: np.ndarray, group: np.ndarray, n_groups: int) -> int:
    means = np.unique(np.stack([patient, group], axis=1), axis=0)
    name, place, times = np.unique(means[:, 0], return_inverse=True, return_counts=True)
    repeated = np.eye(name.size)[place][:, times > 1]
    taken = np.hstack([np.eye(n_groups)[means[:, 1]], repeated])
    return len(means) - int(np.linalg.matrix_rank(taken))


def power_of_t(effect: float, df: float, alpha: float) -> float:
    r"""Power of the two-sided t-test with ``df`` at a noncentrality ``effect`` (estimate / standard error).

    :math:`P(|T| > t) = E_Z[F_{\chi^2_{df}}(df (Z + \delta)^2 / t^2)]` for a standard normal Z: the
    noncentral t in a form that stays finite where its series does not converge.
    """
    limit = stats.t.isf(alpha / 2, df)
    low, high = max(0.0, effect - _REACH), effect + _REACH
    size = low + (high - low) * (_NODE + 1) / 2  # |Z + effect|
    density = np.exp(-((size - effect) ** 2) / 2) + np.exp(-((size + effect) ** 2) / 2)
    inside = special.chdtr(df, df * (size / limit) ** 2) * density / np.sqrt(2 * np.pi)
    return float(_WEIGHT @ inside * (high - low) / 2)


@lru_cache(maxsize=4096)
def detectable_effect(df: float, alpha: float, power: float) -> float:
    """Noncentrality at which the two-sided t-test with ``df`` has this power; ``alpha`` < ``power``."""
    high = stats.t.isf(alpha / 2, df) + 1.0
    while power_of_t(high, df, alpha) < power:
        high *= 2.0
    return float(optimize.brentq(lambda effect: power_of_t(effect, df, alpha) - power, 0.0, high, xtol=1e-10))


def cut_of_fdr(q: float, power: float, share_true: float) -> float:
    """P-value at which Benjamini-Hochberg cuts at ``q`` where this share of the tests is true.

    Of the tests :math:`s P + (1 - s) p` are found, and the cut is ``q`` times that share.
    """
    return q * share_true * power / (1.0 - q * (1.0 - share_true))
