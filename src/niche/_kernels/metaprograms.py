"""Programs that recur: robust programs of single tumors, and metaprograms across tumors.

The rules of Gavish et al. 2023 (doi:10.1038/s41586-023-06130-4), on the codes of the top genes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Rule:
    """Overlaps of top genes that are asked for.

    Attributes
    ----------
    within
        At least so many shared with another program of the same tumor, found with another k.
    across
        At least so many shared with a program of another tumor.
    redundant
        At most so many shared with a program of the same tumor that is kept already.
    """

    within: int = 35
    across: int = 10
    redundant: int = 10


@dataclass(frozen=True)
class Metaprogram:
    """Programs of several tumors that share genes.

    Attributes
    ----------
    members
        Programs, the founder first, in the order they joined.
    genes
        Codes of its genes: those of most members first.
    """

    members: np.ndarray
    genes: np.ndarray


def overlaps(top: np.ndarray, n_genes: int) -> np.ndarray:
    """Shared top genes of every two programs (n, n); ``top`` (n, n_top) holds gene codes."""
    n, size = top.shape
    marks = sparse.csr_matrix(
        (np.ones(top.size, dtype=np.int32), top.ravel(), np.arange(0, top.size + 1, max(size, 1))),
        shape=(n, n_genes),
    )
    return np.asarray((marks @ marks.T).todense(), dtype=np.int64)


def robust_programs(shared: np.ndarray, tumor: np.ndarray, k: np.ndarray, rule: Rule) -> np.ndarray:
    """Robust programs in the order of how well another tumor shows them; ``shared`` as of :func:`overlaps`.

    ``tumor`` and ``k`` (n,) say which tumor and which number of programs each came from. Kept is a program
    that recurs within its tumor at another k and in another tumor, unless one kept before it says the same.
    """
    same = tumor[:, None] == tumor[None]
    inside = np.where(same & (k[:, None] != k[None]), shared, -1).max(axis=1, initial=-1)
    outside = np.where(~same, shared, -1).max(axis=1, initial=-1)
    chosen = np.flatnonzero((inside >= rule.within) & (outside >= rule.across))
    order = chosen[np.lexsort((chosen, -inside[chosen], -outside[chosen]))]
    kept: list[int] = []
    for program in order:
        rivals = [other for other in kept if tumor[other] == tumor[program]]
        if not rivals or shared[program, rivals].max() <= rule.redundant:
            kept.append(int(program))
    return np.array(kept, dtype=np.int64)


def metaprograms(
    top: np.ndarray, score: np.ndarray, *, least_group: int = 5, least_first: int = 10, least_join: int = 10
) -> list[Metaprogram]:
    """Gather programs ``top`` (n, n_top) of gene codes, ``score`` (n, n_top) their scores, by founders.

    The program that shares ``least_first`` genes with most others founds a metaprogram when there are
    ``least_group`` of them at least; the program closest to the genes gathered so far joins while it shares
    ``least_join``; the genes are those of most members, ties by the highest score. Then again on the rest.
    """
    left = list(range(len(top)))
    n_genes = int(top.max(initial=-1)) + 1
    shared = overlaps(top, n_genes)
    found = []
    while left:
        rest = np.array(left)
        near = (shared[np.ix_(rest, rest)] >= least_first).sum(axis=1) - 1
        first = int(near.argmax())
        if near[first] < least_group:
            break
        members = [left.pop(first)]
        genes = top[members[0]]
        while left:
            common = np.array([np.isin(top[other], genes).sum() for other in left])
            closest = int(common.argmax())
            if common[closest] < least_join:
                break
            members.append(left.pop(closest))
            genes = _gathered(top[members], score[members], n_genes)
        found.append(Metaprogram(np.array(members), genes))
    return found


def _gathered(top: np.ndarray, score: np.ndarray, n_genes: int) -> np.ndarray:
    """The genes of most members, ties by the highest score, as many as one member has."""
    count = np.bincount(top.ravel(), minlength=n_genes)
    best = np.full(n_genes, -np.inf)
    np.maximum.at(best, top.ravel(), score.ravel())
    return np.lexsort((np.arange(n_genes), -best, -count))[: top.shape[1]]
