r"""Bivariate Moran's R of ligands and receptors over a spatial graph, with exact permutation moments.

For standardised ligand x and receptor y (mean 0, sum of squares 1) on n spots and weights w of sum
:math:`S_0`, :math:`R = (n / S_0) \sum_{ij} w_{ij}\, y_i x_j`: the receptor of a spot with the ligand of its
neighbours (Li et al. 2023, doi:10.1038/s41467-023-39608-w). Permuting the values of one side over the spots
leaves a linear statistic of it, whose moments are exact (:mod:`niche._kernels.linear_permutation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from niche._kernels.linear_permutation import Cumulants, cumulants, power_sums, upper_tail

_FLAT = 1e-12


@dataclass(frozen=True)
class Sides:
    """Values of both sides and the weights between them.

    Attributes
    ----------
    weight
        (n_receivers, n_senders) csr.
    ligand, receptor
        (n_senders, n_ligands) and (n_receivers, n_receptors).
    sender_stratum, receiver_stratum
        Stratum within which the values of each side are permuted.
    """

    weight: sparse.csr_matrix
    ligand: np.ndarray
    receptor: np.ndarray
    sender_stratum: np.ndarray
    receiver_stratum: np.ndarray

    def smoothed(self, permuted: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What stays in place, what is permuted against it, and within which strata."""
        if permuted == "receptor":
            return self.weight @ self.ligand, self.receptor, self.receiver_stratum
        return self.weight.T @ self.receptor, self.ligand, self.sender_stratum


@dataclass(frozen=True)
class Tested:
    """Statistics (n_pairs,) with z and upper p; ``freedom`` is the number of values free to permute.

    NaN where a side does not vary. Where both do but no permutation changes the statistic, z is 0 and p 1.
    """

    statistic: np.ndarray
    null: Cumulants
    z: np.ndarray
    p: np.ndarray
    freedom: int


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and sum of squares 1; NaN where they do not vary."""
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred * centred).sum(axis=0))
    flat = norm <= _FLAT * np.maximum(np.abs(values).max(axis=0, initial=0.0), 1.0) * np.sqrt(len(values))
    return centred / np.where(flat, np.nan, norm)


def scaled(weight: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weights with a mean of 1 per spot."""
    return (weight * (weight.shape[0] / weight.sum())).tocsr()


def whole_section(weight: sparse.csr_matrix, ligand: np.ndarray, receptor: np.ndarray) -> Sides:
    """Both sides over all spots of a section, standardised."""
    one = np.zeros(weight.shape[0], dtype=np.int64)
    return Sides(scaled(weight), standardised(ligand), standardised(receptor), one, one)


def pair_tests(sides: Sides, left: np.ndarray, right: np.ndarray, permuted: str) -> Tested:
    """Statistic and test of pairs of columns ``left`` (ligands) and ``right`` (receptors).

    ``permuted`` is the side whose values are permuted within their strata: ``receptor`` or ``ligand``.
    """
    fixed, moved, stratum = sides.smoothed(permuted)
    own, other = (left, right) if permuted == "receptor" else (right, left)
    n_strata = int(stratum.max(initial=0)) + 1
    a, y = power_sums(fixed, stratum, n_strata).take(own), power_sums(moved, stratum, n_strata).take(other)
    statistic = np.einsum("ip,ip->p", fixed[:, own], moved[:, other])
    null = cumulants(a, y)
    z, p = upper_tail(statistic, null)
    still = np.isnan(z) & (y.second > 0).any(axis=0)
    z[still], p[still] = 0.0, 1.0
    bad = ~np.isfinite(statistic)
    z[bad] = p[bad] = np.nan
    return Tested(statistic, null, z, p, int(np.maximum(a.n - 1, 0).sum()))
