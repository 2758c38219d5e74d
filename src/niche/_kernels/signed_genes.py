"""The genes of a signed signature: those that a test is surest of, on each side."""

from __future__ import annotations

import numpy as np

SMALLEST = 0.5
"""Absolute log2 fold change that a gene of a signature has at least, as a call has."""


def signed_genes(
    statistic: np.ndarray, q: np.ndarray, effect: np.ndarray, n: int, largest_q: float, beside: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Raised and lowered genes, surest first: at most ``n`` of each side.

    ``statistic``, ``q``, ``effect``, ``beside`` (n_genes,); genes with ``q`` up to ``largest_q`` whose effect
    and the one ``beside`` it are large enough and of one sign are ranked by their statistic, ties by their
    place. NaN never passes.
    """
    sides = []
    for sign in (1.0, -1.0):
        with np.errstate(invalid="ignore"):
            passed = (q <= largest_q) & (sign * effect >= SMALLEST) & (sign * beside >= SMALLEST)
        mine = np.flatnonzero(passed)
        sides.append(mine[np.argsort(-sign * statistic[mine], kind="stable")][:n])
    return sides[0], sides[1]
