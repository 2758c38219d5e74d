"""From copy-number profiles and lineage to the probability that a cell is malignant, on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from niche._kernels.coherence import Coherence
from niche._kernels.mixture import Mixture, fit

LEAST_SEEDS = 8
"""Cells a putative tumor must have: the mean profile of fewer is noise, and correlates with its own cells."""

OWN_ANCHORS, BORROWED_ANCHORS = 20, 100
"""A sample with fewer normal cells than the first borrows so many from other samples."""

ROUNDS = 10
"""Rounds of profile, correlation, membership; they settle in three or four."""

CAP = 4.0
"""Most that one copy-number feature counts for, as log odds (1 to 55): features fail together."""

EPSILON = 1e-12


@dataclass(frozen=True)
class Gate:
    """What the coherence of a group of cells must reach to be called copy number.

    Attributes
    ----------
    correlation, z
        Least correlation between the halves of the genes, and least multiple of its chance spread.
    """

    correlation: float
    z: float

    def passed(self, found: Coherence) -> bool:
        """Whether the halves agree enough; never where it cannot be told."""
        return bool(found.correlation >= self.correlation and found.z >= self.z)


OPEN_GATE = Gate(0.45, 2.0)
"""For cells whose lineage leaves malignancy open. On real and simulated data of development groups of normal
cells mostly stayed below 0.45 against other normal cells, and tumors with enough genes from 0.45 to 0.9
(docs/validation/compartments.md has other simulations)."""

PARENCHYMA_GATE = Gate(0.45, 3.5)
"""For cells that look like parenchyma of the organ: hepatocytes, astrocytes and their like differ from every
reference in many genes and need more proof."""

PRIOR_OPEN, PRIOR_PARENCHYMA, PRIOR_REFERENCE = 0.5, 0.05, 0.001
"""Probability of being malignant by lineage alone: epithelial or unknown; parenchyma of the organ; immune,
stromal or endothelial. The last one keeps such cells below 0.9 whatever their copy number seems."""

NO_EVIDENCE = -0.8
"""Log odds of a sample without copy-number evidence: a tumor may be diploid, or the data too thin."""

SPECIES_ODDS = 7.0
"""Log odds of a xenograft's species: decisive, but for reads of the wrong species."""

LOW_QUALITY_WEIGHT = 0.5
"""Weight left to the evidence of a cell that failed quality control."""


@dataclass(frozen=True)
class Rows:
    """Profiles of cells with what is needed of each row.

    Attributes
    ----------
    values
        (n, n_windows) csr.
    sums, squares
        (n,) sum and sum of squares.
    """

    values: sparse.csr_matrix
    sums: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, values: sparse.csr_matrix) -> Rows:
        """Sum in double precision; the profiles stay as they are."""
        sums = np.asarray(values.sum(axis=1, dtype=np.float64)).ravel()
        squared = sparse.csr_matrix(
            (values.data.astype(np.float64) ** 2, values.indices, values.indptr), shape=values.shape
        )
        return cls(values, sums, np.asarray(squared.sum(axis=1)).ravel())

    def take(self, index: np.ndarray) -> Rows:
        """Some of the cells."""
        return Rows(self.values[index], self.sums[index], self.squares[index])

    @property
    def signal(self) -> np.ndarray:
        """Mean square of every profile."""
        return self.squares / self.values.shape[1]


@dataclass(frozen=True)
class Scene:
    """A sample's cells, and the normal cells they are held against.

    Attributes
    ----------
    cells
        Profiles of the sample's cells.
    anchors
        Profiles of normal cells: the sample's own, and others where it has few.
    """

    cells: Rows
    anchors: Rows


@dataclass(frozen=True)
class Copies:
    """Copy-number features of a sample's cells.

    Attributes
    ----------
    correlation
        (n,) with the mean profile of the putative tumor.
    by_signal, by_correlation
        Mixtures of the two features; None where there was nothing to fit.
    log_odds
        (n,) what the bimodal features say; 0 where none is bimodal.
    """

    correlation: np.ndarray
    by_signal: Mixture | None
    by_correlation: Mixture | None
    log_odds: np.ndarray


def log_signal(signal: np.ndarray) -> np.ndarray:
    """Signal on the scale on which its spread is even."""
    return np.log(np.maximum(signal, 1e-6))


def fisher(correlation: np.ndarray) -> np.ndarray:
    """Correlation on the scale on which its spread is even."""
    return np.arctanh(np.clip(correlation, -0.99, 0.99))


def correlations(rows: Rows, seeds: Rows, is_seed: np.ndarray) -> np.ndarray:
    """Correlation of profiles with the mean of the seeds, each seed left out of its own mean.

    ``is_seed`` (n,) bool says which rows are among the seeds.
    """
    n_windows = rows.values.shape[1]
    total = np.asarray(seeds.values.sum(axis=0, dtype=np.float64)).ravel()
    n_seeds = seeds.values.shape[0]
    with_total = np.asarray(rows.values @ total).ravel()
    left = np.where(is_seed, 1.0, 0.0)
    size = n_seeds - left
    product = (with_total - left * rows.squares) / size
    sums = (total.sum() - left * rows.sums) / size
    squares = ((total**2).sum() - 2 * left * with_total + left * rows.squares) / size**2
    covariance = product - rows.sums * sums / n_windows
    spread = (rows.squares - rows.sums**2 / n_windows) * (squares - sums**2 / n_windows)
    return np.where(spread > EPSILON, covariance / np.sqrt(np.maximum(spread, EPSILON)), 0.0)


def grow(scene: Scene, pool: np.ndarray) -> np.ndarray | None:
    """Find the putative tumor in a pool of cells, or None.

    Starts from the half of the pool with the stronger signal, and iterates: mean profile, correlation of
    the pool and of normal cells with it, mixture, the cells of the upper component.
    """
    if pool.sum() < LEAST_SEEDS:
        return None
    signal = scene.cells.signal
    seeds = pool & (signal >= np.median(signal[pool]))
    free = scene.cells.take(np.flatnonzero(pool))
    for _ in range(ROUNDS):
        if seeds.sum() < min(LEAST_SEEDS, pool.sum() / 2):
            return None
        chosen = scene.cells.take(np.flatnonzero(seeds))
        own = correlations(free, chosen, seeds[pool])
        normal = correlations(scene.anchors, chosen, np.zeros(scene.anchors.sums.size, dtype=bool))
        found = _mixture(fisher(own), fisher(normal))
        if found is None:
            return None
        after = pool.copy()
        after[pool] = found.log_ratio(fisher(own), CAP) > 0
        if np.array_equal(after, seeds):
            break
        seeds = after
    return seeds if seeds.sum() >= LEAST_SEEDS else None


def judge(scene: Scene, pool: np.ndarray, seeds: np.ndarray) -> Copies:
    """Fit both features with two components and judge every cell of the sample."""
    chosen = scene.cells.take(np.flatnonzero(seeds))
    own = correlations(scene.cells, chosen, seeds)
    normal = correlations(scene.anchors, chosen, np.zeros(scene.anchors.sums.size, dtype=bool))
    by_correlation = _mixture(fisher(own)[pool], fisher(normal))
    signal = log_signal(scene.cells.signal)
    by_signal = _mixture(signal[pool], log_signal(scene.anchors.signal))
    log_odds = np.zeros(own.size)
    for found, values in ((by_correlation, fisher(own)), (by_signal, signal)):
        if found is not None and found.bimodal:
            log_odds += found.log_ratio(values, CAP)
    return Copies(own, by_signal, by_correlation, log_odds)


def _mixture(free: np.ndarray, known: np.ndarray) -> Mixture | None:
    return fit(np.concatenate([free, known]), np.arange(free.size + known.size) >= free.size)


def prior_log_odds(open_: np.ndarray, parenchyma: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Log odds of malignancy by lineage: (n,) from the probabilities of the three kinds of lineage."""
    malignant = PRIOR_OPEN * open_ + PRIOR_PARENCHYMA * parenchyma + PRIOR_REFERENCE * reference
    malignant = np.clip(malignant, PRIOR_REFERENCE, PRIOR_OPEN)
    return np.log(malignant) - np.log1p(-malignant)


def confidence(
    n: int, doublet_score: np.ndarray | None, mixed: np.ndarray, passed: np.ndarray | None
) -> np.ndarray:
    """Weight in (0, 1] of the evidence of every cell; less for doublets and low quality, never a flip."""
    weight = 1 - mixed.astype(float)
    if doublet_score is not None:
        weight *= (1 - np.clip(np.nan_to_num(doublet_score, nan=0.0), 0.0, 1.0)) ** 2
    if passed is not None:
        weight *= np.where(passed, 1.0, LOW_QUALITY_WEIGHT)
    return np.maximum(weight, 1e-3)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Probabilities of log odds."""
    return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))
