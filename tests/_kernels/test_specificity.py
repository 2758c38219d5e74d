"""Analytic p-values of whole edges against many stratified permutations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import aggregate as one_pass
from niche._kernels import permutation, specificity
from niche._kernels.aggregate import Layout
from niche._kernels.cell_pairs import cell_pairs
from niche._kernels.units import Units

N_SAMPLES, N_TYPES, N_GENES, N_PERMS = 4, 5, 24, 20_000
UNITS = Units(np.concatenate([np.arange(25), [26, 28]]), np.concatenate([np.arange(24), [0, 1, 2, 3]]))


@pytest.fixture(scope="module")
def problem():
    """Analytic and permutation p of every edge: 22 simple pairs and one pair of complexes."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(10, 120, (N_SAMPLES, N_TYPES))
    level = np.exp(rng.normal(-0.8, 1.3, N_GENES))
    blocks, group, stratum = [], [], []
    for s in range(N_SAMPLES):
        for t in range(N_TYPES):
            mean = level * np.exp(rng.normal(0, 0.35, N_GENES))
            size = rng.gamma(1.5, 1 / 1.5, (sizes[s, t], 1))
            blocks.append(np.log1p(rng.poisson(size * mean)))
            group += [s * N_TYPES + t] * sizes[s, t]
            stratum += [s] * sizes[s, t]
    values, group, stratum = (
        np.vstack(blocks),
        np.array(group, dtype=np.int32),
        np.array(stratum, dtype=np.int32),
    )
    csr = sparse.csr_matrix(values)
    left, right = np.append(np.arange(0, 22), 24), np.append(np.arange(2, 24), 25)
    first, second = specificity.products_of(UNITS, left, right)
    n_groups = N_SAMPLES * N_TYPES
    layout = Layout(
        group, stratum, n_groups, N_SAMPLES, np.arange(N_GENES, dtype=np.int32), N_GENES, first, second
    )
    sums = one_pass.finish(layout, one_pass.tree_of([(0, csr)], layout, 64, 1))
    sample_of_group = np.repeat(np.arange(N_SAMPLES), N_TYPES)
    source, target = np.divmod(np.arange(N_TYPES**2), N_TYPES)
    pairs = cell_pairs(
        np.zeros(25, dtype=int), source, target, organ_of_sample=np.zeros(N_SAMPLES, dtype=int),
        patient_of_sample=np.array([0, 0, 1, 2]), group_of=np.arange(n_groups).reshape(N_SAMPLES, N_TYPES),
        n=sums.n, min_cells=1,
    )  # fmt: skip
    pair, column = np.divmod(np.arange(25 * left.size), left.size)
    mean = UNITS.lowest(sums.sums / sums.n[:, None])
    means = (
        pairs.average(mean, "source")[pair, left[column]],
        pairs.average(mean, "target")[pair, right[column]],
    )
    found = specificity.analytic(
        pairs, pair, column, *means, ligand_unit=left, receptor_unit=right, units=UNITS, layout=layout,
        n_group=sums.n, moments=specificity.strata_moments(sums, layout, sample_of_group),
        fraction=np.ones((N_SAMPLES, N_GENES)),
    )  # fmt: skip
    statistics = permutation.Statistics(
        pair, left[column], right[column], np.zeros(pair.size, dtype=np.int8), (means[0] + means[1]) / 2
    )
    drawn = permutation.permuted_p(
        permutation.columns_of(csr, group, stratum, n_groups), statistics, start=pairs.start,
        source_group=pairs.source_group, target_group=pairs.target_group, weight=pairs.weight,
        unit_start=UNITS.start, unit_gene=UNITS.gene, n_perms=N_PERMS, seed=0,
    )  # fmt: skip
    return found, drawn


def test_simple_edges_agree_to_the_error_of_the_permutations(problem):
    found, drawn = problem
    simple = found.trusted & ~found.is_bound & (drawn > 20 / N_PERMS)
    off = np.abs(np.log10(found.both[simple] / drawn[simple]))
    allowed = np.select(
        [drawn[simple] > 0.1, drawn[simple] > 0.01, drawn[simple] > 0.001], [0.02, 0.05, 0.1], 0.2
    )
    error = 2.6 * 0.434 / np.sqrt(drawn[simple] * N_PERMS)
    assert simple.sum() > 150
    assert (off <= allowed + error).mean() >= 0.99
    assert off.max() < 0.5


def test_a_complex_is_bounded_from_above(problem):
    found, drawn = problem
    bound = found.is_bound
    assert bound.sum() == 25
    slack = 4 * np.sqrt(drawn[bound] * (1 - drawn[bound]) / N_PERMS) + 1e-4
    assert (drawn[bound] <= found.both[bound] + slack).all()


def test_sides_are_between_zero_and_one(problem):
    found, _ = problem
    for p in (found.both, found.ligand, found.receptor):
        assert ((p > 0) & (p <= 1)).all()


def test_products_are_listed_once_and_found_again():
    first, second = specificity.products_of(UNITS, np.array([24, 0, 0]), np.array([25, 2, 2]))
    assert list(zip(first, second, strict=True)) == [(0, 2), (0, 3), (1, 2), (1, 3)]
    layout = Layout(np.zeros(0), np.zeros(0), 0, 0, np.zeros(0), N_GENES, first, second)
    np.testing.assert_array_equal(
        specificity.product_column(layout, np.array([1, 0]), np.array([2, 3])), [2, 1]
    )
