"""Which cell type the markers of a cell speak for: naive Bayes whose rates are learnt from the data.

A marker is on in a cell when it reaches half of what its highest cells show, so that the ambient level of
a gene does not count. How often a marker is on in cells of its type, and in all other cells of each sample,
is learnt by expectation maximisation. A cell that speaks for no type is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

HIGH_QUANTILE, SHARE_OF_HIGH = 0.9, 0.5
"""A marker is on from this share of this quantile of its positive values."""

ON_IN_TYPE, ON_ELSEWHERE = 0.5, 0.05
"""Rates before the data have spoken."""

PRIOR_CELLS = 5.0
"""Cells these rates count for."""

SAMPLE_PRIOR_CELLS = 10.0
"""Cells the rate of all samples counts for in the rate of one."""

LEAST_ON, MOST_ON, LEAST_ELSEWHERE, MOST_ELSEWHERE = 0.2, 0.97, 0.01, 0.25
"""Bounds of the rates, so that no single marker decides, and data of one type only do not make its markers
those of unknown cells."""

RISE = 2.0
"""A marker is on in its type at least this many times as often as elsewhere."""

MIXED_PRIOR = 0.02
"""Expected share of cells with markers of two lineages."""

_ITERATIONS, _TOLERANCE = 30, 1e-4


@dataclass(frozen=True)
class LineageEvidence:
    """What markers say about every cell.

    Attributes
    ----------
    types
        (n, n_types + 1) float32 probability of each cell type; the last column is unknown.
    log_odds
        (n, n_groups) float32 log odds of the best type of each group against unknown.
    mixed
        (n,) float32 probability that markers of two groups are on together.
    """

    types: np.ndarray
    log_odds: np.ndarray
    mixed: np.ndarray


def on_matrix(values: sparse.csc_matrix) -> sparse.csr_matrix:
    """Which markers are on: (n, n_genes) csr float32 of ones, from log expression."""
    parts = []
    for gene in range(values.shape[1]):
        stretch = slice(values.indptr[gene], values.indptr[gene + 1])
        data = values.data[stretch]
        positive = data[data > 0]
        if positive.size:
            least = SHARE_OF_HIGH * np.quantile(positive, HIGH_QUANTILE)
            parts.append(values.indices[stretch][data > max(least, 0.0)])
        else:
            parts.append(np.zeros(0, dtype=values.indices.dtype))
    indptr = np.concatenate([[0], np.cumsum([part.size for part in parts])])
    indices = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)
    ones = np.ones(indices.size, dtype=np.float32)
    return sparse.csc_matrix((ones, indices, indptr), shape=values.shape).tocsr()


def evidence(
    on: sparse.csr_matrix,
    marks: np.ndarray,
    sample: np.ndarray,
    allowed: np.ndarray,
    group: np.ndarray,
    related: np.ndarray,
) -> LineageEvidence:
    """Learn the rates and judge every cell.

    Parameters
    ----------
    on
        (n, n_genes) ones where a marker is on.
    marks
        (n_types, n_genes) bool: markers of each type.
    sample
        (n,) number of the sample, from 0.
    allowed
        (n_samples, n_types) bool: types that can occur in a sample.
    group
        (n_types,) number of the lineage group of each type, from 0.
    related
        (n_groups, n_groups) bool: groups that share markers, so that both being on is no doublet.
    """
    rows = [np.flatnonzero(sample == k) for k in range(allowed.shape[0])]
    parts = [on[mine] for mine in rows]
    n_types = marks.shape[0]
    prior = np.full(n_types + 1, 1 / (n_types + 1))
    own = np.full(marks.shape, ON_IN_TYPE)
    seen = np.asarray(on.mean(axis=0)).ravel()
    elsewhere = np.tile(np.clip(seen, LEAST_ELSEWHERE, ON_ELSEWHERE), (len(rows), 1))
    posterior: list[np.ndarray] = []
    for _ in range(_ITERATIONS):
        before = prior
        posterior = [
            _posterior(_log_odds(part, marks, own, elsewhere[k]), prior, allowed[k])
            for k, part in enumerate(parts)
        ]
        own, elsewhere = _rates(parts, posterior, marks)
        prior = sum(p.sum(axis=0) for p in posterior) + 1.0
        prior /= prior.sum()
        if np.abs(prior - before).max() < _TOLERANCE:
            break
    n, n_groups = on.shape[0], related.shape[0]
    types = np.zeros((n, n_types + 1), dtype=np.float32)
    log_odds, mixed = np.zeros((n, n_groups), dtype=np.float32), np.zeros(n, dtype=np.float32)
    for k, mine in enumerate(rows):
        found = _log_odds(parts[k], marks, own, elsewhere[k])
        types[mine] = _posterior(found, prior, allowed[k])
        log_odds[mine] = _of_groups(found, allowed[k], group, n_groups)
        mixed[mine] = _mixed(log_odds[mine], related)
    return LineageEvidence(types, log_odds, mixed)


def _log_odds(on: sparse.csr_matrix, marks: np.ndarray, own: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """(n, n_types) log odds of each type against unknown."""
    background = np.clip(elsewhere, LEAST_ELSEWHERE, MOST_ELSEWHERE)[None, :]
    rate = np.clip(np.maximum(own, RISE * background), LEAST_ON, MOST_ON)
    if_on = np.where(marks, np.log(rate / background), 0.0)
    if_off = np.where(marks, np.log((1 - rate) / (1 - background)), 0.0)
    return np.asarray(on @ (if_on - if_off).T) + if_off.sum(axis=1)


def _posterior(log_odds: np.ndarray, prior: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """(n, n_types + 1) probabilities."""
    with np.errstate(divide="ignore"):
        weight = np.log(prior * np.append(allowed, True))
    full = np.hstack([log_odds, np.zeros((log_odds.shape[0], 1))]) + weight
    full = np.exp(full - full.max(axis=1, keepdims=True))
    return full / full.sum(axis=1, keepdims=True)


def _rates(
    parts: list[sparse.csr_matrix], posterior: list[np.ndarray], marks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rates of being on: (n_types, n_genes) in each type, (n_samples, n_genes) in all other cells."""
    n_types = marks.shape[0]
    on_in_type = sum(np.asarray(part.T @ p[:, :n_types]).T for part, p in zip(parts, posterior, strict=True))
    cells = sum(p[:, :n_types].sum(axis=0) for p in posterior)
    own = (on_in_type + PRIOR_CELLS * ON_IN_TYPE) / (cells[:, None] + PRIOR_CELLS)
    on_rest, cells_rest = [], []
    for part, p in zip(parts, posterior, strict=True):
        other = 1 - p[:, :n_types] @ marks
        on_rest.append(np.asarray(part.multiply(other).sum(axis=0)).ravel())
        cells_rest.append(other.sum(axis=0))
    total, n = sum(on_rest), sum(cells_rest)
    shared = (total + PRIOR_CELLS * ON_ELSEWHERE) / (n + PRIOR_CELLS)
    elsewhere = np.array(
        [
            (found + SAMPLE_PRIOR_CELLS * shared) / (cells_here + SAMPLE_PRIOR_CELLS)
            for found, cells_here in zip(on_rest, cells_rest, strict=True)
        ]
    )
    return own, elsewhere


def _of_groups(log_odds: np.ndarray, allowed: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    found = np.full((log_odds.shape[0], n_groups), -np.inf)
    for number in range(n_groups):
        mine = allowed & (group == number)
        if mine.any():
            found[:, number] = log_odds[:, mine].max(axis=1)
    return np.where(np.isfinite(found), found, -20.0)


def _mixed(log_odds: np.ndarray, related: np.ndarray) -> np.ndarray:
    """Probability that the best group and an unrelated one are both there."""
    best = log_odds.argmax(axis=1)
    second = np.where(related[best], -np.inf, log_odds).max(axis=1)
    odds = np.log(MIXED_PRIOR) + np.minimum(second, 50.0)
    return np.where(log_odds.max(axis=1) > 0, 1 / (1 + np.exp(-odds)), 0.0)
