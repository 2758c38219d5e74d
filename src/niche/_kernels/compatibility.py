"""Whether the partners of some ligands and receptors lie higher in one organ than those of random ones.

A gene enters once for each role: as a ligand with its receptors, and as a receptor with its ligands.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

LIGAND, RECEPTOR = 0, 1
BOTH = 2
"""Directions by the role of the tumor's gene; both of them together come last."""

MOST_BINS, LEAST_IN_BIN = 10, 20
_SETS_AT_A_TIME = 256
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Links:
    """Genes in a role and their partners.

    Attributes
    ----------
    unit, role
        (n_entries,) gene and :data:`LIGAND` or :data:`RECEPTOR`.
    start
        (n_entries + 1,) where the partners of each entry begin.
    partner
        (n_links,) genes.
    """

    unit: np.ndarray
    role: np.ndarray
    start: np.ndarray
    partner: np.ndarray


@dataclass(frozen=True)
class Offers:
    """How high the best partner of every entry is in every organ.

    Attributes
    ----------
    value
        (n_organs, n_entries), NaN for an organ without cells.
    partner, cell_type
        (n_organs, n_entries) the partner, and the cell type it is highest in; -1 where there is none.
    """

    value: np.ndarray
    partner: np.ndarray
    cell_type: np.ndarray


def links_of(ligand: np.ndarray, receptor: np.ndarray, measured: np.ndarray) -> Links:
    """Entries of pairs (n_pairs,) of units both of which are ``measured`` (n_units,)."""
    kept = measured[ligand] & measured[receptor]
    a, b = ligand[kept], receptor[kept]
    role = np.repeat([LIGAND, RECEPTOR], a.size)
    rows = np.unique(np.stack([role, np.append(a, b), np.append(b, a)], axis=1), axis=0)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    first = np.flatnonzero(new)
    return Links(rows[first, 1], rows[first, 0], np.append(first, len(rows)), rows[:, 2])


def best_offers(level: np.ndarray, links: Links) -> Offers:
    """Highest partner of every entry over the cell types of each organ.

    ``level`` (n_organs, n_types, n_units) is NaN where an organ lacks a cell type. Of equals the
    first counts.
    """
    filled = np.where(np.isnan(level), -np.inf, level)
    highest, where = filled.max(axis=1), filled.argmax(axis=1)
    value = np.maximum.reduceat(highest[:, links.partner], links.start[:-1], axis=1)
    entry = np.repeat(np.arange(links.unit.size), np.diff(links.start))
    place = np.where(highest[:, links.partner] == value[:, entry], np.arange(entry.size), entry.size)
    partner = links.partner[np.minimum.reduceat(place, links.start[:-1], axis=1)]
    empty = np.isneginf(value)
    return Offers(
        np.where(empty, np.nan, value),
        np.where(empty, -1, partner),
        np.where(empty, -1, np.take_along_axis(where, partner, axis=1)),
    )


def relative(value: np.ndarray) -> np.ndarray:
    """Offers (n_organs, n_entries) less the mean of the organs that have cells."""
    there = ~np.isnan(value).all(axis=1)
    return value - value[there].mean(axis=0)


def strata_of(role: np.ndarray, abundance: np.ndarray) -> np.ndarray:
    """Stratum (n_entries,): the role, and the bin of abundance within it, of equally many entries each."""
    out = np.empty(role.size, dtype=np.int64)
    for one in (LIGAND, RECEPTOR):
        mine = np.flatnonzero(role == one)
        rank = np.empty(mine.size, dtype=np.int64)
        rank[np.argsort(abundance[mine], kind="stable")] = np.arange(mine.size)
        n_bins = max(1, min(MOST_BINS, mine.size // LEAST_IN_BIN))
        out[mine] = one * MOST_BINS + rank * n_bins // max(mine.size, 1)
    return out


def weights_of(expressed: np.ndarray, role: np.ndarray, min_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (n_directions, n_patients + 1, n_entries) of sum 1 of the entries each patient expresses.

    ``expressed`` (n_patients, n_entries). The last row is the mean of the patients. Rows are 0 where fewer
    than ``min_genes`` entries are expressed, and such patients are not in the mean. Also the numbers of
    entries (n_directions, n_patients + 1): of the mean those that any of its patients expresses.
    """
    n_patients, n_entries = expressed.shape
    weights = np.zeros((BOTH + 1, n_patients + 1, n_entries))
    numbers = np.zeros((BOTH + 1, n_patients + 1), dtype=np.int64)
    for direction in (LIGAND, RECEPTOR, BOTH):
        mine = expressed if direction == BOTH else expressed & (role == direction)
        numbers[direction, :-1] = mine.sum(axis=1)
        enough = numbers[direction, :-1] >= min_genes
        weights[direction, :-1][enough] = mine[enough] / numbers[direction, :-1][enough, None]
        if enough.any():
            weights[direction, -1] = weights[direction, :-1][enough].mean(axis=0)
            numbers[direction, -1] = mine[enough].any(axis=0).sum()
    return weights, numbers


def expected(offers: np.ndarray, weights: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """Exact mean of :func:`random_sets`: offers (n_entries, n_organs), weights (n_rows, n_entries)."""
    _, stratum, size = np.unique(strata, return_inverse=True, return_counts=True)
    means = np.zeros((size.size, offers.shape[1]))
    np.add.at(means, stratum, offers)
    return weights @ (means / size[:, None])[stratum]


def random_sets(
    offers: np.ndarray, weights: np.ndarray, strata: np.ndarray, n_sets: int, entropy: int, threads: int
) -> np.ndarray:
    """Weighted means (n_sets, n_rows, n_organs) when entries are exchanged at random within their strata.

    ``offers`` (n_entries, n_organs), ``weights`` (n_rows, n_entries). One exchange serves all rows, so what
    patients have in common stays in common. For equal weights in a row this is a random set with the same
    number of entries of every stratum. Every ``_SETS_AT_A_TIME`` sets have a stream of their own.
    """
    members = [np.flatnonzero(strata == one) for one in np.unique(strata)]

    def part(number: int) -> np.ndarray:
        rng = np.random.default_rng([entropy, number])
        n = min(_SETS_AT_A_TIME, n_sets - number * _SETS_AT_A_TIME)
        chosen = np.empty((n, strata.size), dtype=np.int64)
        for mine in members:
            chosen[:, mine] = rng.permuted(np.tile(mine, (n, 1)), axis=1)
        return np.matmul(weights, offers[chosen])

    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(part, range(-(-n_sets // _SETS_AT_A_TIME)))))


def upper_p(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """(b + 1) / (m + 1), b of m random sets reaching ``observed`` (n_rows, n_organs) or more."""
    reached = (null >= observed - _ROUNDING).sum(axis=0)
    return (reached + 1) / (null.shape[0] + 1)
