"""How far the clusters of a group hold when the seed or the cells change, and the resolution to take."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from niche._slots.keys import STABLE_ARI
from niche.tl._cluster_group import Embedded, neighbours, partition, silhouette, weighted

RESOLUTIONS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
"""Resolutions that are compared."""

SEEDS, SUBSAMPLES, SHARE = 3, 5, 0.8
"""Partitions of all cells per resolution, partitions of a part of the cells, and that part."""

CLEAR = 0.75
"""Share of the best silhouette that the clusters of the suggested resolution must keep."""

NEAR = 0.05
"""How far the mean agreement of the suggested resolution may lie below the best, where no split is stable."""

HOPELESS = 0.65
"""Mean adjusted Rand index below which no split is suggested: cells without structure reach 0.60."""

LEAST_CELLS = 10
"""Cells that a cluster must hold on average: of tiny clusters even noise agrees."""

MAXIMUM_CELLS = 3000
"""Bigger groups are judged on so many of their cells."""

COLUMNS = (
    "resolution",
    "n_clusters",
    "ari_seeds",
    "ari_subsamples",
    "ari_mean",
    "ari_low",
    "silhouette",
    "suggested",
    "reason",
)


def stability(embedded: Embedded, n_neighbors: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row per resolution: clusters, agreement between seeds and between subsamples, the suggestion.

    ``n_clusters`` and ``silhouette`` are of the first seed. Neighbours are found anew in each subsample, in
    the same components; its clusters are compared with the first seed's on the cells it holds.
    """
    if embedded.cells.n_obs > MAXIMUM_CELLS:
        drawn = np.sort(rng.choice(embedded.cells.n_obs, MAXIMUM_CELLS, replace=False))
        embedded = neighbours(embedded.pca[drawn], n_neighbors, int(rng.integers(2**31 - 1)))
    n_cells = embedded.cells.n_obs
    graph = weighted(embedded.graph)
    seeds = [int(seed) for seed in rng.integers(2**31 - 1, size=SEEDS + SUBSAMPLES)]
    kept = max(2, round(SHARE * n_cells))
    parts = [np.sort(rng.choice(n_cells, kept, replace=False)) for _ in range(SUBSAMPLES)]
    subgraphs = [
        weighted(neighbours(embedded.pca[part], n_neighbors, seed).graph)
        for part, seed in zip(parts, seeds[SEEDS:], strict=True)
    ]
    rows = []
    for resolution in RESOLUTIONS:
        whole = [partition(graph, resolution, seed) for seed in seeds[:SEEDS]]
        halves = [
            _agreement(partition(subgraph, resolution, seed), whole[0][part])
            for subgraph, part, seed in zip(subgraphs, parts, seeds[SEEDS:], strict=True)
        ]
        pairs = [_agreement(left, right) for left, right in combinations(whole, 2)]
        rows.append(
            {
                "resolution": resolution,
                "n_clusters": int(whole[0].max()) + 1,
                "ari_seeds": float(np.mean(pairs)),
                "ari_subsamples": float(np.mean(halves)),
                "ari_mean": float((np.mean(pairs) + np.mean(halves)) / 2),
                "ari_low": float(min(pairs + halves)),
                "silhouette": silhouette(embedded.pca, whole[0], seeds[0]),
            }
        )
    return suggest(pd.DataFrame(rows), n_cells)


def suggest(table: pd.DataFrame, n_cells: int) -> pd.DataFrame:
    """Mark the resolution to take: the highest stable one whose clusters still lie apart.

    Stable says the mean agreement, apart the silhouette. Where no split is stable, the lowest resolution that
    comes near the most stable split is marked; where even that one does not hold, or nothing splits the
    cells, the lowest of all.
    """
    agreement, silhouettes = table["ari_mean"], table["silhouette"]
    splits = (table["n_clusters"] > 1) & (n_cells >= LEAST_CELLS * table["n_clusters"])
    stable = splits & (agreement >= STABLE_ARI)
    best = float(agreement[splits].max()) if splits.any() else float("nan")
    if stable.any():
        apart = stable & (silhouettes >= CLEAR * silhouettes[splits].max())
        row = int(table.index[apart][-1]) if apart.any() else int(silhouettes[stable].idxmax())
        reason = (
            f"highest resolution with a mean adjusted Rand index of at least {STABLE_ARI:g}, clusters apart"
        )
    elif best >= HOPELESS:
        row = int(table.index[splits & (agreement >= best - NEAR)][0])
        reason = f"not stable: no split reaches a mean adjusted Rand index of {STABLE_ARI:g}"
    elif splits.any():
        row = int(table.index[0])
        reason = f"not stable: every split stays below a mean adjusted Rand index of {HOPELESS:g}"
    else:
        row, reason = int(table.index[0]), "no resolution splits the cells"
    chosen = table.index == row
    marked = table.assign(suggested=chosen, reason=np.where(chosen, reason, "").astype(object))
    return marked[list(COLUMNS)]


def _agreement(left: np.ndarray, right: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(left, right))
