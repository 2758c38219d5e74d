"""Which samples speak for a pair of cell types in an organ, and with what weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class CellPairs:
    """Pairs of cell types per organ with their samples.

    Attributes
    ----------
    organ, source, target
        (n_cell_pairs,) codes.
    start
        (n_cell_pairs + 1,) where the samples of each pair begin in the arrays below.
    sample, source_group, target_group, weight
        One entry per (cell pair, sample).
    n_patients
        (n_cell_pairs,) distinct patients.
    """

    organ: np.ndarray
    source: np.ndarray
    target: np.ndarray
    start: np.ndarray
    sample: np.ndarray
    source_group: np.ndarray
    target_group: np.ndarray
    weight: np.ndarray
    n_patients: np.ndarray

    @property
    def n_samples(self) -> np.ndarray:
        """(n_cell_pairs,) samples that hold both cell types."""
        return np.diff(self.start)

    def alike(self, side: str) -> np.ndarray:
        """(n_cell_pairs,) codes: pairs of one code have the same groups and weights on one side."""
        group = self.source_group if side == "source" else self.target_group
        seen: dict[tuple[bytes, bytes], int] = {}
        bounds = zip(self.start[:-1], self.start[1:], strict=True)
        parts = ((group[i:j].tobytes(), self.weight[i:j].tobytes()) for i, j in bounds)
        return np.array([seen.setdefault(part, len(seen)) for part in parts], dtype=np.int64)

    def averages(self, values: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Averages of the distinct sides of :meth:`alike`, (n_codes, n), and each cell pair's code."""
        code = self.alike(side)
        first = np.unique(code, return_index=True)[1]
        n_samples = self.n_samples[first]
        start = np.concatenate([[0], np.cumsum(n_samples)])
        entry = np.repeat(self.start[first] - start[:-1], n_samples) + np.arange(start[-1])
        group = self.source_group if side == "source" else self.target_group
        weights = sparse.csr_matrix(
            (self.weight[entry], group[entry], start), shape=(first.size, values.shape[0])
        )
        return np.asarray(weights @ values), code

    def average(self, values: np.ndarray, side: str) -> np.ndarray:
        """Patient-weighted mean of (n_groups, n) values of one side: (n_cell_pairs, n)."""
        table, code = self.averages(values, side)
        return table[code]


def cell_pairs(
    organ: np.ndarray,
    source: np.ndarray,
    target: np.ndarray,
    *,
    organ_of_sample: np.ndarray,
    patient_of_sample: np.ndarray,
    group_of: np.ndarray,
    n: np.ndarray,
    min_cells: int,
) -> CellPairs:
    """Find the samples with at least ``min_cells`` cells of both types; average within patient, then over.

    ``group_of`` (n_samples, n_types) is the group of each sample and type, -1 if empty; ``n`` the
    cells of each group; samples of organ code -1 take no part.
    """
    big = (group_of >= 0) & (n[np.maximum(group_of, 0)] >= min_cells)
    speaks = (organ_of_sample == organ[:, None]) & big[:, source].T & big[:, target].T
    pair, sample = np.nonzero(speaks)
    n_codes = int(patient_of_sample.max(initial=0)) + 1
    visit = pair * n_codes + patient_of_sample[sample]
    repeats = np.bincount(visit, minlength=organ.size * n_codes)
    n_patients = np.count_nonzero(repeats.reshape(organ.size, n_codes), axis=1)
    return CellPairs(
        organ=organ,
        source=source,
        target=target,
        start=np.concatenate([[0], np.cumsum(speaks.sum(axis=1))]).astype(np.int64),
        sample=sample.astype(np.int64),
        source_group=group_of[sample, source[pair]].astype(np.int64),
        target_group=group_of[sample, target[pair]].astype(np.int64),
        weight=1.0 / (n_patients[pair] * repeats[visit]),
        n_patients=n_patients.astype(np.int64),
    )
