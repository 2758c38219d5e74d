"""Cells with known gains and losses along a small genome."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

SIZES = {
    "chr1": 240,
    "chr2": 170,
    "chr3": 131,
    "chr10": 100,
    "chr11": 60,
    "chrX": 40,
    "chrM": 12,
    "KI270721.1": 6,
}
"""Genes per chromosome: longer than a window, as long, shorter, and such as take no part."""

TYPES = {"T cell": 40, "Fibroblast": 30, "Macrophage": 25, "Cancer": 60}


def make_genome(
    sizes: dict[str, int] = SIZES, *, types: dict[str, int] = TYPES, samples: int = 2, seed: int = 0
) -> ad.AnnData:
    """Log values; Cancer gains chr1 and loses chr2, types differ in some genes, samples in all."""
    rng = np.random.default_rng(seed)
    chromosome = np.repeat(list(sizes), list(sizes.values()))
    n = chromosome.size
    start = np.concatenate([np.sort(rng.choice(10**6, k, replace=False)) for k in sizes.values()])
    base = 0.3 + rng.gamma(1.2, 0.8, n)
    rows, values = [], []
    for sample in range(samples):
        shift = np.exp(rng.normal(0, 0.15, n))
        for name, cells in types.items():
            special = np.where(np.random.default_rng(len(name)).random(n) < 0.1, 3.0, 1.0)
            copies = np.ones(n)
            if name == "Cancer":
                copies[chromosome == "chr1"], copies[chromosome == "chr2"] = 1.6, 0.5
            values.append(rng.poisson(base * shift * special * copies, (cells, n)))
            rows += [(f"s{sample}", name, name == "Cancer")] * cells
    obs = pd.DataFrame(rows, columns=["sample", "cell_type", "malignant"])
    obs["compartment"] = np.where(
        obs["malignant"], "tumor", np.where(obs["cell_type"] == "Fibroblast", "stromal", "immune")
    )
    obs.index = [f"cell{i}" for i in range(len(obs))]
    var = pd.DataFrame(
        {"chromosome": chromosome, "start": start, "end": start + 500}, index=[f"g{i}" for i in range(n)]
    )
    counts = np.vstack(values).astype(np.float64)
    logs = np.log1p(counts / counts.sum(axis=1, keepdims=True) * n)
    adata = ad.AnnData(sparse.csr_matrix(logs.astype(np.float32)), obs=obs, var=var)
    order = rng.permutation(n)
    return adata[rng.permutation(adata.n_obs)][:, order].copy()
