from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels.marker_scores import CAP, deviations, expression_bins, mean_parts, set_scores


def test_bins_hold_equally_many_genes_by_mean():
    means = np.random.default_rng(0).random(1000)
    bins = expression_bins(means)
    assert np.bincount(bins).tolist() == [50] * 20
    order = bins[np.argsort(means)]
    assert (np.diff(order) >= 0).all()
    assert np.bincount(expression_bins(np.random.default_rng(0).random(5000))).tolist() == [200] * 25


def test_few_genes_are_one_bin():
    assert set(expression_bins(np.arange(60.0))) == {0}
    assert len(expression_bins(np.array([]))) == 0


def test_parts_of_tiles_add_to_means_of_groups():
    values = sparse.random(30, 12, density=0.4, random_state=0, format="csr")
    codes = np.arange(30) % 4 - 1
    expected = np.vstack([values.toarray()[codes == i].mean(axis=0) for i in range(3)])
    weights = 1 / np.bincount(codes[codes >= 0])
    parts = [mean_parts(values, a, b, weights, codes[a:b]) for a, b in ((0, 13), (13, 30))]
    assert np.allclose(sum(parts), expected)
    assert not np.allclose(parts[0], expected)


def by_hand(values, bins, genes):
    found = np.zeros((len(values), len(genes)))
    for i, row in enumerate(values):
        for j, gene in enumerate(genes):
            control = row[bins == bins[gene]]
            if control.std() > 1e-9:
                found[i, j] = np.clip((row[gene] - control.mean()) / control.std(), -1, CAP)
    return found


@pytest.mark.parametrize("kind", ["csr", "numpy"])
def test_deviations_by_hand(kind):
    rng = np.random.default_rng(0)
    values = np.log1p(rng.poisson(rng.gamma(1, 1, 300), (8, 300))).astype(np.float64)
    values[0] = 0
    bins = expression_bins(values.mean(axis=0))
    genes = rng.choice(300, 40, replace=False)
    given = sparse.csr_matrix(values) if kind == "csr" else values
    assert np.allclose(deviations(given, bins, genes), by_hand(values, bins, genes))


def test_a_cell_without_counts_deviates_by_nothing():
    bins = expression_bins(np.arange(100.0))
    assert not deviations(np.zeros((2, 100)), bins, np.arange(5)).any()


def test_no_gene_counts_more_than_the_cap():
    values = np.zeros((1, 400))
    values[0, 7] = 9
    found = deviations(values, np.zeros(400, dtype=int), np.array([7, 8]))
    assert found[0, 0] == CAP
    assert -1 <= found[0, 1] < 0


def test_set_scores():
    found = np.array([[1.0, 3.0, 5.0]])
    weights = np.array([[1, 1, 0], [0, 0.5, 1], [0, 0, 0]])
    mean, standard = set_scores(found, weights)
    assert mean[0, :2].tolist() == pytest.approx([2, 6.5 / 1.5])
    assert standard[0, :2].tolist() == pytest.approx([4 / np.sqrt(2), 6.5 / np.sqrt(1.25)])
    assert np.isnan([mean[0, 2], standard[0, 2]]).all()


def test_standard_score_of_noise_is_standard():
    rng = np.random.default_rng(0)
    found = rng.normal(size=(4000, 20))
    _, standard = set_scores(found, (rng.random((3, 20)) > 0.4).astype(float))
    assert standard.std(axis=0) == pytest.approx(1, abs=0.05)
