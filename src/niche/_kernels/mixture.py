"""Two Gaussian components of one feature, part of the cells known to belong to the lower one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BIC_GAIN = 10.0
"""Gain over a single component that counts as very strong evidence (Kass and Raftery 1995)."""

SEPARATION = 2.0
"""Distance of the means in units of the root mean square of the two standard deviations, from which two
Gaussians make two modes (Ashman et al. 1994)."""

LEAST_CELLS = 3.0
"""Expected members below which a component is a few outliers."""

LEAST_WIDTH = 0.25
"""Least standard deviation when a cell is judged, as a share of the distance of the means. A cell in the
middle, normal epithelium beside a carcinoma, a doublet, belongs to neither component, and however narrow
they are it must stay undecided."""

_ITERATIONS, _TOLERANCE, _LEAST_SD = 300, 1e-8, 0.05


@dataclass(frozen=True)
class Mixture:
    """Two components; the upper one has the larger mean.

    Attributes
    ----------
    mean, sd
        (2,) of the lower and the upper component.
    weight
        Share of the upper component among the cells that are not known.
    n_upper
        Expected members of the upper component.
    bic_gain
        Bayesian information criterion of one component minus that of two.
    separation
        Ashman's D.
    """

    mean: np.ndarray
    sd: np.ndarray
    weight: float
    n_upper: float
    bic_gain: float
    separation: float

    @property
    def bimodal(self) -> bool:
        """Whether two components are needed, far enough apart, and neither is a few outliers."""
        return self.bic_gain >= BIC_GAIN and self.separation >= SEPARATION and self.n_upper >= LEAST_CELLS

    def log_ratio(self, values: np.ndarray, cap: float) -> np.ndarray:
        """Log density of the upper over the lower component, rising with the value, within ``+-cap``.

        Beyond the two means the ratio of their edge is kept: with unequal spreads it would turn back, and
        the lowest values would be taken for the upper component.
        """
        sd = np.maximum(self.sd, LEAST_WIDTH * abs(self.mean[1] - self.mean[0]))
        ratio, at_means = (
            _log_density(x, self.mean[1], sd[1]) - _log_density(x, self.mean[0], sd[0])
            for x in (values, self.mean)
        )
        ratio = np.where(values <= self.mean[0], at_means[0], ratio)
        ratio = np.where(values >= self.mean[1], np.maximum(at_means[1], 0.0), ratio)
        return np.clip(ratio, -cap, cap)

    def probability(self, values: np.ndarray, cap: float) -> np.ndarray:
        """Probability of the upper component at even odds."""
        return 1 / (1 + np.exp(-self.log_ratio(values, cap)))


def fit(values: np.ndarray, known_lower: np.ndarray) -> Mixture | None:
    """Fit two components by expectation maximisation.

    Parameters
    ----------
    values
        (n,) finite values.
    known_lower
        (n,) bool: cells whose membership is known.

    Returns
    -------
    Mixture or None
        None where there is nothing to fit: fewer than six values, none of them unknown, or no spread.
    """
    spread = float(values.std()) if values.size else 0.0
    free = ~known_lower
    if values.size < 2 * LEAST_CELLS or not free.any() or spread <= 1e-12:
        return None
    least = _LEAST_SD * spread
    runs = [_maximise(values, known_lower, start, least) for start in _starts(values, known_lower)]
    mean, sd, share, member, likelihood = max(runs, key=lambda run: run[4])
    one = float(_log_density(values, values.mean(), spread).sum())
    n = values.size
    return Mixture(
        mean,
        sd,
        share,
        float(member.sum()),
        2 * (likelihood - one) - 3 * np.log(n),
        float(abs(mean[1] - mean[0]) / np.sqrt((sd**2).mean())),
    )


def _starts(values: np.ndarray, known_lower: np.ndarray) -> list[np.ndarray]:
    """First memberships of the upper component: the free cells above two cuts."""
    free = ~known_lower
    base = values[known_lower] if known_lower.sum() >= LEAST_CELLS else values
    cuts = [_widest_cut(values), float(np.quantile(values[free], 0.5))]
    if known_lower.sum() >= LEAST_CELLS:
        cuts.append(float(base.mean() + 2 * base.std()))
    found = []
    for cut in cuts:
        upper = free & (values > cut)
        if not upper.any():
            upper = free & (values >= values[free].max())
        found.append(upper.astype(float))
    return found


def _widest_cut(values: np.ndarray) -> float:
    """The cut with the largest variance between the two sides (Otsu 1979)."""
    ordered = np.sort(values)
    n = ordered.size
    left = np.arange(1, n)
    sums = np.cumsum(ordered)
    between = (sums[:-1] / left - (sums[-1] - sums[:-1]) / (n - left)) ** 2 * left * (n - left)
    best = int(np.argmax(between))
    return float((ordered[best] + ordered[best + 1]) / 2)


def _maximise(
    values: np.ndarray, known_lower: np.ndarray, member: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, float]:
    n_free = int((~known_lower).sum())
    likelihood = -np.inf
    for _ in range(_ITERATIONS):
        mean, sd = _moments(values, member, least)
        weight = min(max(float(member.sum()) / values.size, 1e-6), 1 - 1e-6)
        lower = _log_density(values, mean[0], sd[0]) + np.log1p(-weight)
        upper = _log_density(values, mean[1], sd[1]) + np.log(weight)
        both = np.logaddexp(lower, upper)
        member = np.where(known_lower, 0.0, np.exp(upper - both))
        total = float(both.sum())
        if abs(total - likelihood) <= _TOLERANCE * abs(total):
            break
        likelihood = total
    mean, sd = _moments(values, member, least)
    if mean[1] < mean[0] and not known_lower.any():
        mean, sd, member = mean[::-1], sd[::-1], 1 - member
    elif mean[1] <= mean[0]:
        return mean, sd, 0.0, np.zeros_like(member), -np.inf
    return mean, sd, float(member.sum()) / n_free, member, total


def _moments(values: np.ndarray, member: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    weights = np.stack([1 - member, member])
    total = np.maximum(weights.sum(axis=1), 1e-12)
    mean = weights @ values / total
    variance = (weights * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.maximum(np.sqrt(variance), least)


def _log_density(values: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return -0.5 * ((values - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
