"""What part of expression, and of its difference between organs, ambient molecules explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

OWN, AMBIENT, UNDETERMINED, NO_DIFFERENCE, NOT_EXPRESSED, NOT_TESTABLE = range(6)
FLAGS = ("own", "ambient", "undetermined", "no_difference", "not_expressed", "not_testable")

LEAST_DIFFERENCE = 0.5
"""Differences with a smaller absolute log2 fold change are not judged."""

SILENT = 4.0
"""A cell type is silent for a gene when it holds at most this many times what ambient explains."""

LEAST_CONTROL = 0.25
"""A gene leaks as said when the silent cell types show at least this part of what is predicted."""

_LEAST_COUNTS = 20.0
_SMALL_RATE = 1e-6
_WIDE = 1.959963984540054


@dataclass(frozen=True)
class Cohort:
    """How groups (sample x cell type) are averaged to rows (organ x cell type).

    Attributes
    ----------
    weight
        csr (n_rows, n_groups): equal samples within a patient, equal patients; rows sum to 1.
    library
        (n_rows,) counts behind each row.
    organ, cell_type
        (n_rows,) codes.
    """

    weight: sparse.csr_matrix
    library: np.ndarray
    organ: np.ndarray
    cell_type: np.ndarray


def cohort(
    organ: np.ndarray, patient: np.ndarray, cell_type: np.ndarray, library: np.ndarray, used: np.ndarray
) -> Cohort:
    """Work out the rows that have a used group; all arguments are (n_groups,)."""
    groups = np.flatnonzero(used)
    n_types = int(cell_type.max(initial=-1)) + 1
    key = organ[groups].astype(np.int64) * n_types + cell_type[groups]
    met, row = np.unique(key, return_inverse=True)
    person, place = np.unique(np.column_stack([row, patient[groups]]), axis=0, return_inverse=True)
    place = place.ravel()
    n_people = np.bincount(person[:, 0].astype(np.int64), minlength=met.size)
    value = 1.0 / (np.bincount(place)[place] * n_people[row])
    weight = sparse.csr_matrix((value, (row, groups)), shape=(met.size, used.size))
    pooled = np.bincount(row, weights=library[groups], minlength=met.size)
    return Cohort(weight, pooled, met // max(n_types, 1), met % max(n_types, 1))


def references(rows: Cohort, against: list[np.ndarray]) -> sparse.csr_matrix:
    """Average the organs that each organ is compared with, within the cell type: (n_rows, n_rows).

    ``against[o]`` are the organ codes organ ``o`` is compared with. Rows without any are empty.
    """
    to, source, value = [], [], []
    for row, (organ, cell_type) in enumerate(zip(rows.organ, rows.cell_type, strict=True)):
        found = np.flatnonzero((rows.cell_type == cell_type) & np.isin(rows.organ, against[organ]))
        to += [row] * found.size
        source += found.tolist()
        value += [1.0 / max(found.size, 1)] * found.size
    n = rows.organ.size
    return sparse.csr_matrix((value, (to, source)), shape=(n, n))


@dataclass(frozen=True)
class Shares:
    """Shares of every row and gene, (n_rows, n_genes) each.

    Attributes
    ----------
    observed, expected
        Share of all counts that the gene holds, and what ambient molecules contribute to it.
    share, low, high
        Part of the observed counts that ambient explains, with its 95 % interval.
    control
        Observed over predicted counts in the silent other cell types of the organ.
    log2fc, effect_share, effect_control
        The same for the difference to the reference organs.
    flag, effect_flag
        Codes into :data:`FLAGS`.
    """

    observed: np.ndarray
    expected: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    control: np.ndarray
    log2fc: np.ndarray
    effect_share: np.ndarray
    effect_control: np.ndarray
    flag: np.ndarray
    effect_flag: np.ndarray


def shares(
    counts: np.ndarray, library: np.ndarray, fraction: np.ndarray, log_se: np.ndarray, profile: np.ndarray,
    rows: Cohort, reference: sparse.csr_matrix, max_share: float,
) -> Shares:  # fmt: skip
    """Work out the shares of some genes.

    Parameters
    ----------
    counts
        (n_groups, n_genes) summed counts.
    library, fraction, log_se
        (n_groups,) all counts, ambient fraction and the standard error of its logarithm.
    profile
        (n_groups, n_genes) ambient profile of the group's sample.
    rows, reference
        How groups are averaged to rows, and rows to what they are compared with.
    max_share
        Share from which a gene is flagged.
    """
    depth = np.maximum(library, 1.0)[:, None]
    known = np.where(np.isfinite(fraction), fraction, 0.0)
    observed = rows.weight @ (counts / depth)
    expected = rows.weight @ (known[:, None] * profile)
    variance = rows.weight.power(2) @ (counts / depth**2)
    error = _fraction_error(rows, known, log_se)
    silent = observed <= SILENT * expected
    compared = np.asarray(reference.sum(axis=1)).ravel() > 0
    base = reference @ observed
    rise, predicted = observed - base, expected - reference @ expected
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = np.where(observed > 0, expected / observed, np.nan)
        wide = np.exp(_WIDE * np.sqrt(variance / observed**2 + error[:, None] ** 2))
        share, low, high = (np.minimum(part, 1.0) for part in (raw, raw / wide, raw * wide))
        effect_share = np.where(rise != 0, np.clip(predicted / rise, 0.0, 1.0), np.nan)
    control = _control(rows, observed, expected, silent)
    effect_control = _control(rows, rise, predicted, silent & compared[:, None])
    log2fc = np.log2((observed + _SMALL_RATE) / (base + _SMALL_RATE))
    flag = np.where(observed > 0, flags(share, control, max_share), NOT_EXPRESSED)
    effect_flag = flags(effect_share, effect_control, max_share)
    effect_flag[np.abs(log2fc) < LEAST_DIFFERENCE] = NO_DIFFERENCE
    effect_flag[(observed == 0) & (base == 0)] = NOT_EXPRESSED
    for values in (log2fc, effect_share, effect_control):
        values[~compared] = np.nan
    effect_flag[~compared] = NOT_TESTABLE
    return Shares(
        observed, expected, share, low, high, control, log2fc, effect_share, effect_control,
        flag.astype(np.uint8), effect_flag.astype(np.uint8),
    )  # fmt: skip


def _fraction_error(rows: Cohort, known: np.ndarray, log_se: np.ndarray) -> np.ndarray:
    """Standard error of the logarithm of each row's mean fraction, (n_rows,)."""
    spread = rows.weight.power(2) @ (known * np.where(np.isfinite(log_se), log_se, 0.0)) ** 2
    return np.sqrt(spread) / np.maximum(rows.weight @ known, 1e-12)


def flags(share: np.ndarray, control: np.ndarray, max_share: float) -> np.ndarray:
    """Ambient: explained, and not contradicted by the other cell types; undetermined: contradicted."""
    explained = share >= max_share
    contradicted = control < LEAST_CONTROL
    flag = np.where(explained, np.where(contradicted, UNDETERMINED, AMBIENT), OWN)
    return np.where(np.isnan(share), NOT_TESTABLE, flag)


def _control(rows: Cohort, seen: np.ndarray, predicted: np.ndarray, silent: np.ndarray) -> np.ndarray:
    """Seen over predicted counts in the silent cell types of the organ but the row's own.

    NaN where fewer than a handful of counts are predicted.
    """
    out = np.full(seen.shape, np.nan)
    weight = np.where(silent, rows.library[:, None], 0.0)
    for organ in np.unique(rows.organ):
        mine = np.flatnonzero(rows.organ == organ)
        some, told = weight[mine] * seen[mine], weight[mine] * predicted[mine]
        above, below = some.sum(axis=0) - some, told.sum(axis=0) - told
        told_enough = np.abs(below) >= _LEAST_COUNTS
        out[mine] = np.where(told_enough, above / np.where(told_enough, below, 1.0), np.nan)
    return out
