"""Scores of gene sets against control genes of like expression: one sparse product per block of cells."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def column_sums(values: sparse.csr_matrix, first: int, last: int) -> np.ndarray:
    """Sums of the columns (n_genes,) of rows ``first..last``, in float64."""
    part = slice(values.indptr[first], values.indptr[last])
    return np.bincount(values.indices[part], weights=values.data[part], minlength=values.shape[1])


def control_weights(
    bins: np.ndarray, genes: np.ndarray, left_out: np.ndarray, n_controls: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Weights (n_genes,) of the controls of some genes, of sum 1; None where a gene has no control.

    Every gene counts alike and is matched by ``n_controls`` genes of its bin (all, where there are fewer),
    drawn without replacement once per bin; ``left_out`` genes are no controls. Bins below 0 are not drawn
    from.
    """
    out = np.zeros(bins.size)
    free = np.ones(bins.size, dtype=bool)
    free[left_out] = False
    met, numbers = np.unique(bins[genes], return_counts=True)
    for one, number in zip(met, numbers, strict=True):
        pool = np.flatnonzero(free & (bins == one))
        if not pool.size:
            return None
        if pool.size > n_controls:
            pool = rng.choice(pool, n_controls, replace=False)
        out[pool] += number / pool.size
    return out / genes.size


def set_weights(
    bins: np.ndarray, up: np.ndarray, down: np.ndarray, n_controls: int, rng: np.random.Generator
) -> np.ndarray | None:
    r"""Weights (n_genes,) whose product with the expression of a cell is the score of a signed set.

    Mean of the ``up`` genes less their controls, minus mean of the ``down`` genes less theirs; None where
    there are no controls. Weights sum to 0, so that a factor of a cell's depth weighs on both alike.
    """
    whole = np.concatenate([up, down])
    out = np.zeros(bins.size)
    for sign, genes in ((1.0, up), (-1.0, down)):
        if not genes.size:
            continue
        controls = control_weights(bins, genes, whole, n_controls, rng)
        if controls is None:
            return None
        out[genes] += sign / genes.size
        out -= sign * controls
    return out


def products(values: sparse.csr_matrix, first: int, last: int, weights: sparse.csr_matrix) -> np.ndarray:
    """Scores (last - first, n_sets) of cells by weights (n_genes, n_sets); no row depends on another."""
    return (values[first:last].astype(np.float64, copy=False) @ weights).toarray()


def sample_moments(
    scores: np.ndarray, codes: np.ndarray, n_samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells (n_samples,) and means (n_samples, n_sets) of samples, and the variance (n_sets,) within them.

    Codes (n_cells,) below 0 take no part. Means are NaN where a sample has no cell; the variance is that of
    all samples together, so that the precision of a mean does not depend on its value.
    """
    rows = np.flatnonzero(codes >= 0)
    mine, own = scores[rows], codes[rows]
    n = np.bincount(own, minlength=n_samples)
    indicator = sparse.csr_matrix((np.ones(rows.size), (own, np.arange(rows.size))), (n_samples, rows.size))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (indicator @ mine) / np.where(n > 0, n, np.nan)[:, None]
    squares = ((mine - means[own]) ** 2).sum(axis=0)
    return n, means, squares / max(int(np.maximum(n - 1, 0).sum()), 1)
