"""How far marker genes stand out in a profile from genes that are as high on average."""

from __future__ import annotations

import numpy as np
from scipy import sparse

BINS = 25
"""Most bins of genes; a bin holds at least 50 genes."""

CAP = 5.0
"""A gene counts at most so many standard deviations, and at least minus one."""


def expression_bins(means: np.ndarray) -> np.ndarray:
    """Bin of every gene by the rank of its mean, (n_genes,): equally many genes in each."""
    n_genes = len(means)
    n_bins = max(1, min(BINS, n_genes // 50))
    rank = np.empty(n_genes, dtype=np.int64)
    rank[np.argsort(means, kind="stable")] = np.arange(n_genes)
    return rank * n_bins // max(n_genes, 1)


def mean_parts(
    block: sparse.csr_matrix, first: int, last: int, weights: np.ndarray, codes: np.ndarray
) -> np.ndarray:
    """What rows ``first..last`` of a block add to the mean of every gene in every group, (n_groups, n_genes).

    ``weights`` (n_groups,) are one over the cells of each group; ``codes`` (last - first,) below 0 take no
    part.
    """
    rows = np.flatnonzero(codes >= 0)
    shape = (weights.size, last - first)
    indicator = sparse.csr_matrix((weights[codes[rows]], (codes[rows], rows)), shape=shape)
    return np.asarray((indicator @ block[first:last].astype(np.float64)).todense())


def deviations(values: sparse.csr_matrix | np.ndarray, bins: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Standard deviations by which genes lie above their bin within each row, (n_rows, len(genes)).

    Mean and standard deviation are over all genes of the bin in the same row. Bounded to [-1, 5], so that
    one gene does not speak for a set; 0 where a bin does not vary.
    """
    n_genes, n_bins = len(bins), int(bins.max(initial=0)) + 1
    sizes = np.bincount(bins, minlength=n_bins)
    indicator = sparse.csr_matrix((1.0 / sizes[bins], (np.arange(n_genes), bins)), shape=(n_genes, n_bins))
    rows = sparse.csr_matrix(values).astype(np.float64)
    mean = np.asarray((rows @ indicator).todense())
    square = np.asarray((rows.multiply(rows).tocsr() @ indicator).todense())
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    chosen = bins[genes]
    above = np.asarray(rows[:, genes].todense()) - mean[:, chosen]
    found = np.divide(above, spread[:, chosen], out=np.zeros_like(above), where=spread[:, chosen] > 1e-9)
    return np.clip(found, -1.0, CAP)


def set_scores(found: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of the deviations of each set, and its standard score: both (n_rows, n_sets).

    ``weights`` (n_sets, n_genes) is 0 where a gene is not in a set. Genes count as independent of each other
    with variance 1 in the standard score. NaN for a set without genes.
    """
    total = found @ weights.T
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / weights.sum(axis=1)
        standard = total / np.sqrt((weights**2).sum(axis=1))
    return mean, standard
