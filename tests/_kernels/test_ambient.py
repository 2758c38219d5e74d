"""The floor of genes that a cell type does not express."""

from __future__ import annotations

import numpy as np
import pytest

from niche._kernels import ambient


def sample(fraction, *, seed=0, n_types=3, n_genes=600, per_type=40, depth=2e5, shared_only=False):
    """Counts of cell types with ``per_type`` genes of their own each, mixed with their pool."""
    rng = np.random.default_rng(seed)
    own = np.exp(rng.normal(0, 0.5, (n_types, n_genes)))
    for t in range(n_types):
        genes = slice(t * per_type, (t + 1) * per_type)
        if not shared_only:
            own[:, genes] = 0
            own[t, genes] = 20
    own /= own.sum(axis=1, keepdims=True)
    library = depth * np.arange(1, n_types + 1)
    soup = library @ own / library.sum()
    counts = rng.poisson(library[:, None] * ((1 - fraction) * own + fraction * soup)).astype(float)
    return counts, counts.sum(axis=1)


def estimate(counts, library, enough=None):
    profile = counts.sum(axis=0) / counts.sum()
    return ambient.sample_fraction(
        counts, library, profile, np.ones(len(library), bool) if enough is None else enough
    )


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.1, 0.2, 0.35])
def test_fraction_is_found(fraction):
    found = estimate(*sample(fraction))
    assert found.whole.fraction == pytest.approx(fraction, rel=0.05)
    assert 0 < found.whole.log_se < 0.1
    assert ambient.agree(found.whole)
    told = [own for own in found.types if own is not None]
    assert len(told) >= 2, "the largest type's genes are no tenfold more than a third of all counts"
    for own in told:
        assert own.fraction == pytest.approx(fraction, rel=0.1)


def test_no_ambient_is_at_the_lower_end():
    assert estimate(*sample(0.0)).whole.fraction < 0.002


def test_intervals_cover():
    inside = []
    for seed in range(60):
        whole = estimate(*sample(0.08, seed=seed, depth=3e4)).whole
        inside.append(abs(np.log(whole.fraction / 0.08)) < 1.96 * whole.log_se)
    assert np.mean(inside) > 0.85


def test_genes_that_are_expressed_after_all_do_not_lift_the_floor():
    counts, library = sample(0.08)
    rng = np.random.default_rng(1)
    half = np.arange(40, 60)
    counts[0, half] += rng.poisson(0.3 * library[0] * counts[:, half].sum(axis=0) / counts.sum())
    found = estimate(counts, library)
    assert found.whole.fraction == pytest.approx(0.08, rel=0.1)
    assert found.types[0].fraction == pytest.approx(0.08, rel=0.1)


def test_a_few_genes_below_do_not_pull_the_floor():
    counts, library = sample(0.1)
    counts[0, 40:43] = 0
    assert estimate(counts, library).types[0].fraction == pytest.approx(0.1, rel=0.1)


def test_types_may_differ():
    rng = np.random.default_rng(0)
    counts, library = sample(0.1)
    own = np.zeros_like(counts)
    own[1] = rng.poisson(0.12 * library[1] * counts.sum(axis=0) / counts.sum())
    found = estimate(counts + own, (counts + own).sum(axis=1))
    assert found.types[1].fraction > 1.5 * found.types[0].fraction


def test_no_exclusive_genes():
    found = estimate(*sample(0.1, shared_only=True, n_types=2))
    assert found.pairs.gene.size == 0
    assert np.isnan(found.whole.fraction)
    assert not ambient.agree(found.whole)
    assert found.types == [None, None]


def test_one_type_has_nothing_to_compare_with():
    counts, library = sample(0.1)
    assert estimate(counts[:1], library[:1]).pairs.gene.size == 0
    lone = estimate(counts, library, np.array([False, False, True]))
    assert lone.pairs.gene.size == 0


def test_pairs_by_hand():
    counts = np.array([[1000.0, 30, 0, 970], [1000, 4, 500, 496]])
    pairs = ambient.exclusive_pairs(
        counts, counts.sum(axis=1), counts.sum(axis=0) / counts.sum(), np.ones(2, bool)
    )
    assert list(zip(pairs.cell_type, pairs.gene, strict=True)) == [(0, 2)]
    assert pairs.observed.tolist() == [0]
    assert pairs.expected.tolist() == [250]


def test_the_genes_with_most_expected_counts_are_taken():
    counts, library = sample(0.1, n_types=2, per_type=120, n_genes=2000)
    pairs = ambient.exclusive_pairs(counts, library, counts.sum(axis=0) / counts.sum(), np.ones(2, bool))
    assert np.bincount(pairs.cell_type).tolist() == [ambient.MOST_GENES] * 2
    assert (np.diff(pairs.gene[pairs.cell_type == 0]) > 0).all()


def test_order_of_genes_and_types_does_not_matter():
    counts, library = sample(0.1)
    first = estimate(counts, library)
    order = np.random.default_rng(0).permutation(counts.shape[1])
    second = estimate(counts[::-1][:, order], library[::-1])
    assert second.whole.fraction == pytest.approx(first.whole.fraction, rel=1e-9)
    assert second.types[0].fraction == pytest.approx(first.types[2].fraction, rel=1e-9)
