"""Two organs whose stroma leaks into tumor cells that differ in 100 genes only; and a naive test."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse, special, stats

N_GENES, N_MARKERS, N_TRUE = 3000, 200, 100
LEAKED = np.arange(2 * N_MARKERS)
TRUE = np.arange(2 * N_MARKERS, 2 * N_MARKERS + N_TRUE)


@dataclass(frozen=True)
class Study:
    """Counts, the ambient fraction of every sample, and whether each sample is of the first organ."""

    adata: ad.AnnData
    fraction: np.ndarray
    first: np.ndarray


def simulate(seed: int, *, immune: bool = True, tumor_share: float = 0.0, patients: int = 6) -> Study:
    """6 + 6 patients with 600 tumor cells each, ambient 3 to 20 %, 200 stromal markers per organ.

    ``tumor_share`` is what the tumor itself expresses of the markers, relative to the stroma.
    """
    rng = np.random.default_rng(seed)
    base = np.exp(rng.normal(0, 1.2, N_GENES))
    base[LEAKED] = 0
    markers = 6.0 * np.exp(rng.normal(0, 1, 2 * N_MARKERS))
    tumor, sign = base.copy(), rng.choice([-1.0, 1.0], N_TRUE)
    tumor[LEAKED] = tumor_share * markers
    stroma = base * np.exp(rng.normal(0, 0.4, (2, N_GENES)))
    for organ in range(2):
        own = LEAKED[organ * N_MARKERS : (organ + 1) * N_MARKERS]
        stroma[organ, own] = markers[own]
    immune_cells = base * np.exp(rng.normal(0, 0.4, N_GENES))
    blocks, rows, fraction = [], [], []
    for p in range(2 * patients):
        organ = int(p >= patients)
        own = tumor.copy()
        if organ == 0:
            own[TRUE] *= 2.0**sign
        kinds = [("Tumor", own, 600), ("Stroma", stroma[organ], 250)]
        kinds += [("Immune", immune_cells, 150)] if immune else []
        profiles = [mean * np.exp(rng.normal(0, 0.5, N_GENES)) for _, mean, _ in kinds]
        profiles = [profile / profile.sum() for profile in profiles]
        soup = sum(k * profile for profile, (_, _, k) in zip(profiles, kinds, strict=True))
        soup = soup / soup.sum()
        fraction.append(rng.uniform(0.03, 0.2))
        for profile, (name, _, n) in zip(profiles, kinds, strict=True):
            depth = 3000 * np.exp(rng.normal(0, 0.3, (n, 1)))
            own_part = (1 - fraction[-1]) * profile * rng.gamma(4, 0.25, (n, N_GENES))
            blocks.append(
                sparse.csr_matrix(rng.poisson(depth * (own_part + fraction[-1] * soup)), dtype=np.float32)
            )
            organ_name = ("liver", "lung")[organ]
            rows += [(f"s{p:02d}", f"p{p:02d}", organ_name, name)] * n
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "cell_type"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    var = pd.DataFrame(index=[f"G{i}" for i in range(N_GENES)])
    adata = ad.AnnData(sparse.vstack(blocks, format="csr"), obs=obs.astype("category"), var=var)
    return Study(adata, np.array(fraction), np.arange(2 * patients) < patients)


def tumor_bulk(adata: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """Summed counts of the tumor cells of every sample, and of all its cells, (n_samples, n_genes)."""
    sample = adata.obs["sample"].cat.codes.to_numpy()
    tumor = (adata.obs["cell_type"] == "Tumor").to_numpy()
    n = len(adata.obs["sample"].cat.categories)
    member = sparse.csr_matrix(
        (np.ones(len(sample)), (sample, np.arange(len(sample)))), shape=(n, len(sample))
    )
    return (member @ sparse.diags_array(tumor * 1.0) @ adata.X).toarray(), (member @ adata.X).toarray()


def different(counts: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Genes called different by a moderated t on log counts per million at q < 0.05, and the difference."""
    from niche._stats.fdr import benjamini_hochberg

    y = np.log2((counts + 0.5) / (counts.sum(axis=1, keepdims=True) + 1) * 1e6)
    groups = (y[first], y[~first])
    df = len(y) - 2
    difference = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    variance = sum(((g - g.mean(axis=0)) ** 2).sum(axis=0) for g in groups) / df
    logs = np.log(np.maximum(variance, 1e-10)) - special.digamma(df / 2) + np.log(df / 2)
    excess = logs.var(ddof=1) - special.polygamma(1, df / 2)
    prior = 2 * _inverse_trigamma(excess) if excess > 0 else 1e6
    level = np.exp(logs.mean() + special.digamma(prior / 2) - np.log(prior / 2))
    moderated = (prior * level + df * variance) / (prior + df)
    t = difference / np.sqrt(moderated * (1 / first.sum() + 1 / (~first).sum()))
    p = np.maximum(2 * stats.t.sf(np.abs(t), prior + df), 1e-300)
    p[counts.sum(axis=0) <= 20] = np.nan
    q = benjamini_hochberg(p)
    return np.nan_to_num(q, nan=1.0) < 0.05, difference


def _inverse_trigamma(value: float) -> float:
    y = 0.5 + 1 / value
    for _ in range(50):
        now = special.polygamma(1, y)
        y += now * (1 - now / value) / special.polygamma(2, y)
    return float(y)
