"""Studies on disk that are never whole in memory: written chunk by chunk, as csr in an h5ad file."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import synthetic
from scipy import sparse

from niche import resources

CHUNK = 16_384
POOL = 4 * CHUNK
"""Cells that are simulated; those written are drawn from them, type by type."""

ORGANS = ("bone", "brain", "liver", "lung")
PATIENTS = 4
"""Patients of each organ, with one sample each."""
TYPES = {
    "Malignant": "tumor", "Fibroblast": "stromal", "Pericyte": "stromal", "Endothelial cell": "endothelial",
    "T cell": "immune", "B cell": "immune", "Macrophage": "immune", "Neutrophil": "immune",
    "NK cell": "immune", "Dendritic cell": "immune",
}  # fmt: skip
"""Cell types and their compartments."""


def write(path: Path, n_cells: int, *, n_genes: int, n_values: int, seed: int = 0) -> dict[str, float]:
    """Write raw counts of ``n_cells``, sample after sample; returns what was written.

    Every cell has about ``n_values`` non-zeros out of ``n_genes`` genes, those of the consensus list first.
    A chunk is drawn and written before the next, so that memory does not grow with the cells.
    """
    rng = np.random.default_rng(seed)
    genes = synthetic.genes_of(resources.ligand_receptor("consensus"))
    genes = (genes + [f"BG{i}" for i in range(n_genes)])[:n_genes]
    obs = labels(n_cells, rng)
    weight = rng.gamma(0.3, 1.0, (len(TYPES), n_genes)) * rng.gamma(0.5, 1.0, n_genes)
    cumulative = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    codes = obs["cell_type"].cat.codes.to_numpy()
    ad.AnnData(obs=obs, var=pd.DataFrame(index=genes)).write_h5ad(path)
    kind = np.sort(np.arange(POOL) % len(TYPES))
    start = np.searchsorted(kind, np.arange(len(TYPES) + 1))
    pool = counts(kind, cumulative, n_values, rng)
    stored = 0
    with h5py.File(path, "r+") as file:
        if "X" in file:
            del file["X"]
        values = ad.io.sparse_dataset(_empty(file, n_genes))
        for first in range(0, n_cells, CHUNK):
            mine = codes[first : first + CHUNK]
            block = pool[start[mine] + (rng.random(mine.size) * np.diff(start)[mine]).astype(np.int64)]
            values.append(block)
            stored += block.nnz
    return {"values": stored / n_cells, "gigabytes": path.stat().st_size / 1e9}


def labels(n_cells: int, rng: np.random.Generator) -> pd.DataFrame:
    """Samples one after the other, cell types mixed within them."""
    patients = [f"P{i:02d}" for i in range(len(ORGANS) * PATIENTS)]
    sample = np.minimum(np.arange(n_cells) * len(patients) // n_cells, len(patients) - 1)
    names = list(TYPES)
    cell_type = rng.choice(len(names), n_cells, p=rng.dirichlet(np.full(len(names), 5.0)))
    organ = np.array(ORGANS)[np.arange(len(patients)) // PATIENTS]
    return pd.DataFrame(
        {
            "sample": pd.Categorical.from_codes(
                sample, [f"{p}_{o}" for p, o in zip(patients, organ, strict=True)]
            ),
            "patient": pd.Categorical.from_codes(sample, patients),
            "organ": pd.Categorical.from_codes(sample // PATIENTS, list(ORGANS)),
            "cell_type": pd.Categorical.from_codes(cell_type, names),
            "compartment": pd.Categorical(np.array(list(TYPES.values()))[cell_type]),
        },
        index=pd.RangeIndex(n_cells).astype(str),
    )


def counts(
    codes: np.ndarray, cumulative: np.ndarray, n_values: int, rng: np.random.Generator
) -> sparse.csr_matrix:
    """Counts of some cells: molecules fall on the genes of their type."""
    n_genes = cumulative.shape[1]
    depth = rng.poisson(rng.gamma(4.0, n_values / 4.0 * 1.35, codes.size)) + 1
    row = np.repeat(np.arange(codes.size), depth)
    gene = np.empty(row.size, dtype=np.int64)
    drawn, kind = rng.random(row.size), codes[row]
    for code in range(len(cumulative)):
        mine = np.flatnonzero(kind == code)
        gene[mine] = np.searchsorted(cumulative[code], drawn[mine])
    found = sparse.csr_matrix(
        (np.ones(row.size, dtype=np.float32), (row, np.minimum(gene, n_genes - 1))), (codes.size, n_genes)
    )
    found.sum_duplicates()
    return found


def _empty(file: h5py.File, n_genes: int) -> h5py.Group:
    """A csr matrix without rows that can be added to."""
    nothing = sparse.csr_matrix((0, n_genes), dtype=np.float32)
    ad.io.write_elem(file, "X", nothing, dataset_kwargs={"chunks": (65_536,)})
    return file["X"]
