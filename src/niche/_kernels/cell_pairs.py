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

    def average(self, values: np.ndarray, side: str) -> np.ndarray:
        """Patient-weighted mean of (n_groups, n) values of one side: (n_cell_pairs, n)."""
        group = self.source_group if side == "source" else self.target_group
        weights = sparse.csr_matrix(
            (self.weight, group, self.start), shape=(self.organ.size, values.shape[0])
        )
        return np.asarray(weights @ values)


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
    parts, counts, n_patients = [], [], []
    for o, a, b in zip(organ, source, target, strict=True):
        found = np.flatnonzero((organ_of_sample == o) & big[:, a] & big[:, b])
        patient = patient_of_sample[found]
        repeats = np.bincount(patient)
        n_patients.append(np.count_nonzero(repeats))
        weight = 1.0 / (n_patients[-1] * repeats[patient]) if found.size else np.zeros(0)
        parts.append((found, group_of[found, a], group_of[found, b], weight))
        counts.append(found.size)
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return CellPairs(
        organ=organ,
        source=source,
        target=target,
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        sample=joined[0].astype(np.int64),
        source_group=joined[1].astype(np.int64),
        target_group=joined[2].astype(np.int64),
        weight=joined[3].astype(float),
        n_patients=np.array(n_patients, dtype=np.int64),
    )
