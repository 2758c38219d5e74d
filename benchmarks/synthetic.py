"""Cells for the benchmarks: every gene of the consensus list, background genes, 11 % non-zero values."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche import resources

ROWS = 20_000


def genes_of(resource: pd.DataFrame) -> list[str]:
    """Every gene of a ligand-receptor list, sorted."""
    names = pd.concat([resource["ligand"], resource["receptor"]]).unique()
    return sorted({gene for name in names for gene in name.split("_")})


def write(path: Path, n_cells: int, *, n_types: int = 30, n_background: int = 2_000, seed: int = 0) -> None:
    """Write log1p CP10k values of one sample of unevenly sized cell types, block by block."""
    rng = np.random.default_rng(seed)
    genes = genes_of(resources.ligand_receptor("consensus"))
    genes += [f"BG{i}" for i in range(n_background)]
    base = np.exp(rng.normal(-3.0, 1.6, len(genes)))
    effect = np.exp(rng.normal(0, 1, (n_types, len(genes))) * (rng.random((n_types, len(genes))) < 0.15))
    labels = rng.choice(n_types, n_cells, p=rng.dirichlet(np.full(n_types, 2.0)))
    blocks = []
    for first in range(0, n_cells, ROWS):
        mine = labels[first : first + ROWS]
        rate = base * effect[mine] * np.exp(rng.normal(0, 0.4, (mine.size, 1)))
        counts = sparse.csr_matrix(rng.poisson(rng.gamma(1.5, rate / 1.5)).astype(np.float32))
        total = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1)
        scaled = sparse.diags((1e4 / total).astype(np.float32)) @ counts
        scaled.data = np.log1p(scaled.data)
        blocks.append(scaled.tocsr().astype(np.float32).sorted_indices())
    obs = pd.DataFrame({"cell_type": pd.Categorical([f"ct{i:02d}" for i in labels])})
    obs.index = [f"cell{i}" for i in range(n_cells)]
    obs["sample"] = obs["patient"] = obs["organ"] = pd.Categorical(["one"] * n_cells)
    ad.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=pd.DataFrame(index=genes)).write_h5ad(path)
