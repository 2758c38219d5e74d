"""How much of a sample is ambient: the common floor of genes that a cell type does not express."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

LOW, HIGH, STEPS = 0.001, 0.5, 80
"""Fractions looked at: the floor is searched on this logarithmic grid."""

FOLD = 10.0
"""Another cell type must hold at least this many times more of a gene for it to be called exclusive."""

MOST_GENES = 50
"""Exclusive genes per cell type: those with most ambient counts expected."""

TYPE_SD = 0.5
"""Standard deviation of a cell type's log fraction around its sample's, before its genes are seen."""

_LEAST_EXPECTED = 20.0
_SCATTER = 0.3
_TOP_RATIO = 2.0
_BELOW, _BELOW_SHARE = 30.0, 0.01
_MOST_SE = 0.7


@dataclass(frozen=True)
class Pairs:
    """Genes that look exclusive to other cell types, seen from each cell type of one sample.

    Attributes
    ----------
    cell_type, gene
        (n_pairs,) row and column in the sample's counts.
    observed, expected
        (n_pairs,) counts of the gene in the cell type, and what they were if all of it was ambient.
    """

    cell_type: np.ndarray
    gene: np.ndarray
    observed: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Floor:
    """Estimated fraction.

    Attributes
    ----------
    fraction
        Share of counts that is ambient, NaN where it cannot be told.
    log_se
        Standard error of its natural logarithm, from the scatter of the genes.
    used
        (n_pairs,) whether the pair lies on the floor.
    at_edge
        Whether the floor lies at the upper end of what is looked at: no gene is absent.
    """

    fraction: float
    log_se: float
    used: np.ndarray
    at_edge: bool


@dataclass(frozen=True)
class SampleFraction:
    """Fractions of one sample: of all its cell types together, and of each.

    Attributes
    ----------
    whole
        The common floor.
    types
        One per cell type, None where it has no pairs.
    pairs
        The pairs both come from.
    """

    whole: Floor
    types: list[Floor | None]
    pairs: Pairs


def sample_fraction(
    counts: np.ndarray, library: np.ndarray, profile: np.ndarray, enough: np.ndarray
) -> SampleFraction:
    """Estimate the ambient fraction of a sample and of its cell types.

    Parameters
    ----------
    counts
        (n_types, n_genes) summed counts.
    library
        (n_types,) their sums over all genes.
    profile
        (n_genes,) ambient profile, summing to 1.
    enough
        (n_types,) whether a type has cells enough to speak.
    """
    pairs = exclusive_pairs(counts, library, profile, enough)
    if pairs.gene.size == 0:
        nothing = Floor(np.nan, np.nan, np.zeros(0, dtype=bool), at_edge=False)
        return SampleFraction(nothing, [None] * len(library), pairs)
    law = _Law.of(pairs.observed, pairs.expected)
    whole = _floor(law, pairs.gene, None)
    types: list[Floor | None] = []
    for row in range(len(library)):
        mine = pairs.cell_type == row
        known = mine.any() and np.isfinite(whole.fraction)
        types.append(_floor(law.of_pairs(mine), pairs.gene[mine], whole.fraction) if known else None)
    return SampleFraction(whole, types, pairs)


def exclusive_pairs(
    counts: np.ndarray, library: np.ndarray, profile: np.ndarray, enough: np.ndarray
) -> Pairs:
    """Find, for every cell type, the genes that another one holds at least :data:`FOLD` times more of.

    The other type's rate is taken two Poisson standard deviations low, so that a handful of counts in
    few cells makes no gene exclusive. Of each type the :data:`MOST_GENES` with most expected counts.
    """
    depth = np.maximum(library, 1.0)[:, None]
    sure = np.where(enough[:, None], np.maximum(counts - 2 * np.sqrt(counts), 0) / depth, 0.0)
    first = sure.argmax(axis=0)
    ordered = np.sort(sure, axis=0)
    best, second = ordered[-1], ordered[-2] if len(ordered) > 1 else np.zeros(sure.shape[1])
    found = []
    for row in np.flatnonzero(enough):
        elsewhere = np.where(first == row, second, best)
        expected = library[row] * profile
        fits = (counts[row] / depth[row] * FOLD <= elsewhere) & (elsewhere > 0)
        genes = np.flatnonzero(fits & (expected >= _LEAST_EXPECTED))
        genes = np.sort(genes[np.argsort(-expected[genes], kind="stable")[:MOST_GENES]])
        found.append((np.full(genes.size, row), genes, counts[row, genes], expected[genes]))
    if not found:
        none = np.zeros(0)
        return Pairs(none.astype(np.int64), none.astype(np.int64), none, none)
    cell_type, gene, observed, expected = (np.concatenate(part) for part in zip(*found, strict=True))
    return Pairs(cell_type, gene, observed.astype(np.float64), expected)


@dataclass(frozen=True)
class _Law:
    """Likelihood of every pair at every fraction of the grid, (STEPS, n_pairs) each.

    ``on``: the type does not express the gene, gamma-Poisson around fraction x expected; ``above``: it
    does, the ratio being log-uniform from the fraction up; ``below``: the profile overstates the gene.
    """

    on: np.ndarray
    above: np.ndarray
    below: np.ndarray

    @classmethod
    def of(cls, observed: np.ndarray, expected: np.ndarray) -> _Law:
        a = _grid()[:, None]
        shape, mean = 1 / _SCATTER**2, a * expected
        on = np.exp(
            special.gammaln(observed + shape) - special.gammaln(shape) - special.gammaln(observed + 1)
            + shape * np.log(shape / (shape + mean)) + observed * np.log(mean / (shape + mean))
        )  # fmt: skip
        below = _spread(observed, mean / _BELOW, mean) / np.log(_BELOW)
        above = _spread(observed, mean, _TOP_RATIO * expected) / np.log(_TOP_RATIO / a)
        return cls(on, above, below)

    def of_pairs(self, chosen: np.ndarray) -> _Law:
        """The same for some of the pairs."""
        return _Law(self.on[:, chosen], self.above[:, chosen], self.below[:, chosen])

    def mixed(self, share: np.ndarray) -> np.ndarray:
        """Likelihood of the pairs when this share (STEPS, 1) of them lies on the floor."""
        return (1 - _BELOW_SHARE) * (share * self.on + (1 - share) * self.above) + _BELOW_SHARE * self.below


def _grid() -> np.ndarray:
    return np.geomspace(LOW, HIGH, STEPS)


def _spread(observed: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Poisson probability integrated over a log-uniform mean from ``low`` to ``high``, unnormalised."""
    some = np.maximum(observed, 1)
    seen = (special.gammainc(some, high) - special.gammainc(some, low)) / some
    return np.maximum(np.where(observed > 0, seen, special.exp1(low) - special.exp1(high)), 1e-300)


def _floor(law: _Law, gene: np.ndarray, around: float | None) -> Floor:
    """Maximise the likelihood over the grid; ``around`` is what the whole sample says."""
    share = np.full((STEPS, 1), 0.5)
    for _ in range(30):
        on = share * law.on
        share = np.clip((on / (on + (1 - share) * law.above)).mean(axis=1, keepdims=True), 0.02, 0.98)
    likelihood = law.mixed(share)
    position, step = np.log(_grid()), np.log(HIGH / LOW) / (STEPS - 1)
    prior, precision = np.zeros(STEPS), 0.0
    if around is not None:
        precision = 1 / TYPE_SD**2
        prior = -0.5 * precision * (position - np.log(around)) ** 2
    total = np.log(likelihood).sum(axis=1) + prior
    top = int(total.argmax())
    used = (1 - _BELOW_SHARE) * share[top] * law.on[top] > 0.5 * likelihood[top]
    at_edge = top == STEPS - 1
    middle = min(max(top, 1), STEPS - 2)
    near = np.log(law.mixed(share[middle])[middle - 1 : middle + 2])
    slope = (near[2] - near[0]) / (2 * step)
    bend = -(total[middle + 1] - 2 * total[middle] + total[middle - 1]) / step**2
    if bend <= 0 or at_edge:
        return Floor(np.nan, np.nan, used, at_edge)
    shift = (total[middle + 1] - total[middle - 1]) / (2 * step) / bend
    log_fraction = position[top] if top == 0 else position[middle] + np.clip(shift, -step, step)
    by_gene = np.bincount(np.unique(gene, return_inverse=True)[1], weights=slope)
    log_se = float(np.sqrt((by_gene**2).sum() + precision) / bend)
    return Floor(float(np.exp(log_fraction)), log_se, used, at_edge)


def agree(floor: Floor) -> bool:
    """Whether the genes agree on a fraction to within a factor of four either way."""
    return bool(np.isfinite(floor.fraction) and floor.log_se <= _MOST_SE)
