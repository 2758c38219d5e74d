"""How far two halves of the genes see the same gains and losses.

The genes along a chromosome are dealt out in short runs to two halves. A copy-number change raises or
lowers the genes of both halves at the same place; differences between cell types sit in single genes, and
what one half sees tells nothing about the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RUN = 5
"""Genes dealt out together, so that small families of neighbours (keratins, chemokines) lie in one half."""

OFFSET = 0.1
"""Added to means before their ratio is taken, so that genes next to zero do not dominate."""

LEAST_MEAN = 0.1
"""Genes below this mean log expression in both the cells and the reference carry only noise."""

CLIP = 1.0
"""Largest log ratio of a gene."""

WINDOW, STEP = 100, 10
LEAST_GENES = 20
"""Genes of a chromosome below which it is left out."""


@dataclass(frozen=True)
class Coherence:
    """How well the halves agree.

    Attributes
    ----------
    correlation
        Between the windows of the two halves.
    z
        The correlation over its spread when one half is turned round the genome; NaN where there are too
        few windows to tell.
    n_genes
        Genes used.
    """

    correlation: float
    z: float
    n_genes: int


def coherence(mean: np.ndarray, lower: np.ndarray, upper: np.ndarray, chromosome: np.ndarray) -> Coherence:
    """Correlate the two halves' profiles of a group of cells.

    Parameters
    ----------
    mean
        (n_genes,) mean log expression of the group, genes in the order of the genome.
    lower, upper
        (n_genes,) bounds of the reference's means.
    chromosome
        (n_genes,) number of the chromosome, rising.
    """
    used = np.maximum(mean, upper) > LEAST_MEAN
    ratio = np.clip(_log_ratio(mean, lower, upper)[used], -CLIP, CLIP)
    first, second, weight = _halves(ratio, chromosome[used])
    n, far = weight.size, 2 * WINDOW // STEP
    if n < 4:
        return Coherence(np.nan, np.nan, int(used.sum()))
    found = _correlation(first, second, weight)
    shifts = range(far, n - far) if n >= 3 * far else range(n // 4, n - n // 4)
    turned = np.array([_correlation(first, np.roll(second, k), weight) for k in shifts])
    spread = float(np.sqrt(np.mean(turned**2))) if turned.size else np.nan
    return Coherence(found, found / spread if spread > 0 else np.nan, int(used.sum()))


def _log_ratio(mean: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Log ratio to the nearer bound; 0 between the bounds."""
    above, below = np.log((mean + OFFSET) / (upper + OFFSET)), np.log((mean + OFFSET) / (lower + OFFSET))
    return np.maximum(above, 0.0) + np.minimum(below, 0.0)


def _halves(ratio: np.ndarray, chromosome: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Window means of each half, and the weight of a window (its genes in the smaller sense)."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number in np.unique(chromosome):
        values = ratio[chromosome == number]
        if values.size < LEAST_GENES:
            continue
        width = min(WINDOW, values.size)
        starts = np.arange(0, values.size - width + 1, STEP)
        half = (np.arange(values.size) // RUN) % 2
        n, total = ([_windowed(v * (half == h), starts, width) for h in (0, 1)] for v in (1.0, values))
        parts.append((total[0] / n[0], total[1] / n[1], 1 / (1 / n[0] + 1 / n[1])))
    if not parts:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    first, second, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    return first, second, weight


def _windowed(values: np.ndarray, starts: np.ndarray, width: int) -> np.ndarray:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return sums[starts + width] - sums[starts]


def _correlation(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float:
    a, b = first - np.average(first, weights=weight), second - np.average(second, weights=weight)
    scale = float(np.sqrt((weight * a * a).sum() * (weight * b * b).sum()))
    return float((weight * a * b).sum()) / scale if scale > 0 else 0.0
