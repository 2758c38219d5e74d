"""Counts of cells that use several gene programs at once, for the benchmark of programs."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

ROWS = 4_000


def write(path: Path, n_cells: int, *, n_genes: int = 2_000, n_programs: int = 12, seed: int = 0) -> None:
    """Write negative binomial counts, a fifth of them not zero, and ``genes.txt`` beside them.

    Every program has its own 6 % of the genes above a base that all share; cells mix a few programs each,
    at depths that differ.
    """
    rng = np.random.default_rng(seed)
    base = np.exp(rng.normal(-1.0, 1.0, n_genes))
    own = rng.random((n_programs, n_genes)) < 0.06
    common = 0.15 * base * np.exp(rng.normal(0.0, 0.2, own.shape))
    programs = common + own * base * rng.gamma(2.0, 1.5, own.shape)
    programs /= programs.sum(axis=1, keepdims=True)
    usage = rng.dirichlet(np.full(n_programs, 0.3), n_cells)
    depth = rng.lognormal(np.log(0.4 * n_genes), 0.35, n_cells)
    blocks = []
    for first in range(0, n_cells, ROWS):
        part = slice(first, first + ROWS)
        mean = (usage[part] * depth[part, None]) @ programs
        blocks.append(sparse.csr_matrix(rng.poisson(rng.gamma(2.0, mean / 2.0)).astype(np.float32)))
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(n_cells)])
    var = pd.DataFrame(index=[f"g{i}" for i in range(n_genes)])
    ad.AnnData(sparse.vstack(blocks, format="csr"), obs=obs, var=var).write_h5ad(path)
    path.with_name("genes.txt").write_text("\n".join(var.index))
