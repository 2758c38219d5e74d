from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import malignant_call as call
from niche._kernels.coherence import Coherence


def scene(n_tumor, n_normal, n_anchors=30, seed=0, strength=1.0):
    rng = np.random.default_rng(seed)
    profile = strength * np.repeat(rng.normal(size=12), 10)
    cells = rng.normal(size=(n_tumor + n_normal, 120))
    cells[:n_tumor] += profile
    anchors = rng.normal(size=(n_anchors, 120))
    both = [call.Rows.of(sparse.csr_matrix(values)) for values in (cells, anchors)]
    return call.Scene(*both), np.ones(n_tumor + n_normal, dtype=bool), np.arange(n_tumor + n_normal) < n_tumor


def test_correlation_leaves_the_cell_itself_out():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(9, 50))
    values[rng.random(values.shape) < 0.4] = 0
    rows = call.Rows.of(sparse.csr_matrix(values))
    chosen = np.arange(9) < 5
    found = call.correlations(rows, rows.take(np.flatnonzero(chosen)), chosen)
    for i in range(9):
        mean = values[chosen & (np.arange(9) != i)].mean(axis=0)
        assert found[i] == pytest.approx(np.corrcoef(values[i], mean)[0, 1])


def test_cells_without_any_profile_correlate_with_nothing():
    values = np.vstack([np.zeros(20), np.random.default_rng(0).normal(size=(4, 20))])
    rows = call.Rows.of(sparse.csr_matrix(values))
    assert call.correlations(rows, rows.take(np.arange(1, 5)), np.arange(5) > 0)[0] == 0


@pytest.mark.parametrize(("n_tumor", "n_normal"), [(60, 60), (20, 100), (100, 10), (40, 0)])
def test_the_tumor_is_grown_from_the_stronger_half(n_tumor, n_normal):
    made, pool, tumor = scene(n_tumor, n_normal)
    seeds = call.grow(made, pool)
    assert (seeds == tumor).mean() > 0.97
    copies = call.judge(made, pool, seeds)
    assert copies.by_correlation.bimodal
    assert (copies.log_odds[tumor] > 2).mean() > 0.95
    assert (copies.log_odds[~tumor] < -2).all() if n_normal else True


def test_noise_is_not_split():
    made, pool, _ = scene(0, 120)
    seeds = call.grow(made, pool)
    assert seeds is None or not call.judge(made, pool, seeds).by_correlation.bimodal


def test_too_few_cells_are_no_tumor():
    made, pool, _ = scene(6, 0)
    assert call.grow(made, pool) is None


def test_gates():
    assert call.OPEN_GATE.passed(Coherence(0.5, 3.0, 1000))
    assert not call.OPEN_GATE.passed(Coherence(0.4, 6.0, 1000))
    assert not call.OPEN_GATE.passed(Coherence(0.9, 1.0, 1000))
    assert not call.PARENCHYMA_GATE.passed(Coherence(0.5, 3.0, 1000))
    assert not call.OPEN_GATE.passed(Coherence(np.nan, np.nan, 0))


def test_lineage_alone_never_makes_a_tumor_and_a_reference_lineage_never_becomes_one():
    open_, parenchyma, reference = np.eye(3)
    prior = call.prior_log_odds(open_, parenchyma, reference)
    assert call.probability(prior) == pytest.approx([0.5, 0.05, 0.001])
    most = call.probability(prior + 2 * call.CAP)
    assert most[0] > 0.99 and most[1] > 0.9 and most[2] < 0.9
    assert call.probability(prior + call.NO_EVIDENCE)[0] < 0.5


def test_confidence_moves_towards_unresolved_and_never_across():
    log_odds = np.array([6.0, -6.0, 6.0, -6.0])
    weight = call.confidence(
        4, np.array([0.0, 0.5, 0.7, np.nan]), np.array([0, 0, 0, 0.9]), np.array([True, True, False, True])
    )
    assert (weight > 0).all() and (weight <= 1).all() and weight[0] == 1
    after = call.probability(log_odds * weight)
    assert ((after > 0.5) == (log_odds > 0)).all()
    assert 0.1 < after[1] < 0.5 < after[2] < 0.9
