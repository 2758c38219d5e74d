"""Tell droplets of two species apart by the log ratio of their counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._kernels import mixture

PAIRED = 200
"""Cells of each species that are joined with each other to see what doublets look like."""

ONE_SPECIES_SHARE = 0.9
"""Share of its own counts from which a cell of a sample of one species is always of that species."""

OUTLYING = 3.5
"""Standard deviations beyond which a cell does not belong to the only species of a sample."""

_MAD, _LEAST_SD, _GRID, _ROUNDS = 1.4826, 0.05, 4001, 200


@dataclass(frozen=True)
class Split:
    """Two clean components and the doublets between them, on the scale of the log ratio.

    Attributes
    ----------
    low, high
        A cell up to ``low`` is of the second species, from ``high`` on of the first, between a doublet.
        NaN where there is no such threshold.
    center, sd
        (3,) of the second species, doublets and the first species.
    weight
        (3,) share of the cells.
    """

    low: float
    high: float
    center: np.ndarray
    sd: np.ndarray
    weight: np.ndarray


def log_ratio(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Log ratio of the counts of two species, each with half a count more."""
    return np.log((first + 0.5) / (second + 0.5))


def share(ratio: float) -> float:
    """Share of the first species at a log ratio."""
    return float(1 / (1 + np.exp(-ratio)))


def groups(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Which cells (n,) are of the first species by a mixture of two; None where there are no two modes.

    Both modes must lie on their own side of equal counts.
    """
    values = log_ratio(first, second)
    fitted = mixture.fit(values, np.zeros(values.size, dtype=bool))
    if fitted is None or not fitted.bimodal or not fitted.mean[0] < 0 < fitted.mean[1]:
        return None
    return fitted.log_ratio(values, np.inf) > 0


def split(first: np.ndarray, second: np.ndarray, is_first: np.ndarray) -> Split:
    """Thresholds between the species and their doublets.

    The clean cells of a species are a Gaussian about their median, with the spread of the median absolute
    deviation. What doublets look like is not fitted but built: sums of clean cells of either species. The
    shares of the three come by expectation maximisation. The band reaches from where doublets are the
    likeliest of the three to the nearest place on each side where the species of that side is. The tail of a
    widely scattered species that rises again beyond the doublets is not taken for that species.

    Parameters
    ----------
    first, second
        (n,) counts of the two species in every cell.
    is_first
        (n,) which mode each cell belongs to; neither is empty.
    """
    values = log_ratio(first, second)
    clean = [_robust(values[~is_first]), _robust(values[is_first])]
    mixed = _doublets(first, second, values, is_first, clean)
    center = np.array([clean[0][0], mixed[0], clean[1][0]])
    sd = np.array([clean[0][1], mixed[1], clean[1][1]])
    weight = _weights(_densities(values, center, sd))
    grid = np.linspace(center[0], center[2], _GRID)
    best = np.argmax(_densities(grid, center, sd) + np.log(weight)[:, None], axis=0)
    low, high = grid[list(_edges(best))]
    return Split(float(low), float(high), center, sd, weight)


def one_species(first: np.ndarray, second: np.ndarray) -> Split:
    """Threshold of the only species of a sample; cells beyond it belong to nothing that is known here."""
    values = log_ratio(first, second)
    center, sd = _robust(values)
    edge = float(np.log(ONE_SPECIES_SHARE / (1 - ONE_SPECIES_SHARE)))
    low = high = np.nan
    if center > 0:
        high = max(min(center - OUTLYING * sd, edge), 0.0)
    else:
        low = min(max(center + OUTLYING * sd, -edge), 0.0)
    nothing = np.full(3, np.nan)
    return Split(low, high, nothing, nothing, nothing)


def leaked(other: np.ndarray, total: np.ndarray) -> tuple[float, float, float]:
    """Share of the counts that are of the other species, with a 95 % interval over the cells."""
    n, whole = other.size, float(total.sum())
    if n < 2 or whole == 0:
        return np.nan, np.nan, np.nan
    rate = float(other.sum()) / whole
    se = np.sqrt(((other - rate * total) ** 2).sum() * n / (n - 1)) / whole
    if rate == 0:
        return 0.0, 0.0, float(3 / whole)
    wide = np.exp(1.96 * se / rate)
    return rate, rate / wide, min(rate * wide, 1.0)


def _robust(values: np.ndarray) -> tuple[float, float]:
    center = float(np.median(values))
    return center, max(_MAD * float(np.median(np.abs(values - center))), _LEAST_SD)


def _doublets(
    first: np.ndarray, second: np.ndarray, values: np.ndarray, is_first: np.ndarray,
    clean: list[tuple[float, float]],
) -> tuple[float, float]:  # fmt: skip
    """Center and spread of the sums of clean cells, one of each species."""
    sides = []
    for mine, (center, sd) in zip((~is_first, is_first), clean, strict=True):
        near = np.flatnonzero(mine & (np.abs(values - center) <= 2 * sd))
        order = near[np.argsort((first + second)[near], kind="stable")]
        chosen = order[np.linspace(0, order.size - 1, min(PAIRED, order.size)).round().astype(np.int64)]
        sides.append((first[chosen], second[chosen]))
    sums = [a[:, None] + b[None, :] for a, b in zip(*sides, strict=True)]
    ratio = log_ratio(sums[0], sums[1]).ravel()
    return float(ratio.mean()), max(float(ratio.std()), _LEAST_SD)


def _edges(best: np.ndarray) -> tuple[int, int]:
    """Last place of the second species before the doublets, first one of the first species after them.

    ``best`` (n,) is the likeliest component along the grid. Log densities are parabolas, so between the
    centers of the species the doublets (1) are one run, or none.
    """
    run = np.flatnonzero(best == 1)
    start, stop = (run[0], run[-1] + 1) if run.size else ((best == 0).sum(),) * 2
    before, after = np.flatnonzero(best[:start] == 0), stop + np.flatnonzero(best[stop:] == 2)
    return int(before[-1]) if before.size else 0, int(after[0]) if after.size else best.size - 1


def _weights(log_density: np.ndarray) -> np.ndarray:
    """Shares of the components (3,) of fixed densities; doublets never quite vanish."""
    least = 1 / max(log_density.shape[1], 1)
    weight = np.array([0.475, 0.05, 0.475])
    for _ in range(_ROUNDS):
        member = log_density + np.log(weight)[:, None]
        member = np.exp(member - member.max(axis=0))
        member /= member.sum(axis=0)
        now = np.maximum(member.mean(axis=1), least)
        now /= now.sum()
        if np.abs(now - weight).max() < 1e-9:
            break
        weight = now
    return weight


def _densities(values: np.ndarray, center: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Log densities (3, n); beyond the outer centers that of the center, so that nothing else fits there."""
    inside = np.clip(values, center[0], center[2])
    return -0.5 * ((inside - center[:, None]) / sd[:, None]) ** 2 - np.log(sd)[:, None]
