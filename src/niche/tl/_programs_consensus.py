"""Programs that many random starts agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

DENSITY, NEIGHBOURS = 0.5, 0.3
"""Spectra further than this from the nearest 30 % of starts are left out, as in cNMF."""


@dataclass(frozen=True)
class Consensus:
    """Spectra of many starts gathered into one set.

    Attributes
    ----------
    spectra
        (k, n_genes), each summing to 1.
    support
        (k,) share of starts that hold a spectrum of the cluster.
    stability
        Mean silhouette of all spectra, outliers included; NaN for one program.
    program_stability
        (k,) mean silhouette of each cluster.
    n_outliers
        Spectra left out of the medians.
    """

    spectra: np.ndarray
    support: np.ndarray
    stability: float
    program_stability: np.ndarray
    n_outliers: int


def consensus(spectra: list[np.ndarray], seed: int) -> Consensus:
    """Cluster the spectra of all starts, one (k, n_genes) array each, into k programs by k-means.

    Spectra are scaled to length 1; those whose mean distance to their nearest neighbours is above
    :data:`DENSITY` are left out of the medians (Kotliar et al. 2019, doi:10.7554/eLife.43803).
    """
    k, n_starts = len(spectra[0]), len(spectra)
    start = np.repeat(np.arange(n_starts), k)
    every = np.concatenate(spectra).astype(np.float64)
    length = np.linalg.norm(every, axis=1, keepdims=True)
    every = np.where(length > 0, every / np.where(length > 0, length, 1.0), 0.0)
    distance = np.sqrt(np.maximum(2.0 - 2.0 * every @ every.T, 0.0))
    np.fill_diagonal(distance, 0.0)
    nearest = max(1, int(NEIGHBOURS * n_starts))
    density = np.partition(distance, nearest, axis=1)[:, : nearest + 1].sum(axis=1) / nearest
    kept = density < DENSITY
    if np.unique(every[kept].round(12), axis=0).shape[0] < k:
        kept = np.ones(len(every), dtype=bool)
    label, width = _clustered(every, distance, kept, k, seed)
    middle = np.array([np.median(every[kept & (label == j)], axis=0) for j in range(k)])
    total = middle.sum(axis=1, keepdims=True)
    return Consensus(
        middle / np.where(total > 0, total, 1.0),
        np.array([np.unique(start[kept & (label == j)]).size / n_starts for j in range(k)]),
        float(width.mean()) if k > 1 else float("nan"),
        np.array([width[label == j].mean() if (label == j).any() else 0.0 for j in range(k)]),
        int((~kept).sum()),
    )


def _clustered(
    every: np.ndarray, distance: np.ndarray, kept: np.ndarray, k: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """k-means of the kept spectra, the others with their nearest; and the silhouette of each."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_samples

    label = np.full(len(every), -1)
    with threadpool_limits(1):
        found = KMeans(k, n_init=10, random_state=seed).fit(every[kept])
        label[kept] = found.labels_
        if not kept.all():
            label[~kept] = found.predict(every[~kept])
        if not 1 < k < len(every):
            return label, np.ones(len(every))
        return label, silhouette_samples(distance, label, metric="precomputed")
