from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche.pp import doublets
from niche.pp.doublets import score_doublets


@pytest.fixture(scope="module")
def mixture():
    """Two samples of three types; the first 15 cells of each sample are sums of two others."""
    rng = np.random.default_rng(1)
    means = rng.gamma(0.5, 2, (3, 300))
    parts = []
    for _ in range(2):
        types = rng.integers(0, 3, 165)
        cells = rng.poisson(means[types])
        cells[:15] = cells[15:30] + cells[np.arange(30, 45)]
        parts.append(cells)
    counts = sparse.csr_matrix(np.vstack([*parts, rng.poisson(means[[0] * 20])]).astype(np.float32))
    codes = np.repeat([0, 1, 2], [165, 165, 20])
    return counts, codes, ("a", "b", "small")


def run(mixture, seed=0, **options):
    counts, codes, names = mixture
    options = {"expected_rate": 0.08, "min_cells": 100, "rng": np.random.default_rng(seed)} | options
    return score_doublets(counts.__getitem__, codes, names, **options)


def test_planted_doublets_score_higher(mixture):
    found = run(mixture)
    planted = np.r_[0:15, 165:180]
    others = np.setdiff1d(np.arange(330), planted)
    assert np.nanmedian(found.score[planted]) > 2 * np.nanmedian(found.score[others])
    assert found.called[planted].mean() > found.called[others].mean()
    assert found.status[:2] == ["done", "done"]


def test_small_samples_are_skipped_with_the_reason(mixture):
    found = run(mixture)
    assert found.status[2] == "skipped: fewer than 100 cells"
    assert np.isnan(found.score[330:]).all()
    assert not found.called[330:].any()


def test_same_seed_same_scores_and_samples_do_not_depend_on_each_other(mixture):
    counts, codes, names = mixture
    first, second = run(mixture), run(mixture)
    assert np.array_equal(first.score, second.score, equal_nan=True)
    alone = score_doublets(
        counts[codes == 0].__getitem__,
        codes[codes == 0],
        names[:1],
        expected_rate=0.08,
        min_cells=100,
        rng=np.random.default_rng(0),
    )
    assert np.array_equal(alone.score, first.score[:165])


def test_no_counts(mixture):
    found = score_doublets(
        None, mixture[1], mixture[2], expected_rate=0.08, min_cells=100, rng=np.random.default_rng(0)
    )
    assert found.status == ["skipped: no raw counts"] * 3
    assert np.isnan(found.score).all()


def test_a_threshold_that_calls_too_many_is_not_believed(mixture, monkeypatch):
    monkeypatch.setattr(doublets, "_TOO_MANY", 0.0)
    found = run(mixture)
    assert found.status[0].startswith("done: scored, the threshold would call ")
    assert not found.called.any()
    assert np.isfinite(found.score[:330]).all()


def test_too_few_genes():
    counts = sparse.csr_matrix(np.ones((120, 4), dtype=np.float32))
    found = score_doublets(
        counts.__getitem__,
        np.zeros(120, int),
        ("a",),
        expected_rate=0.05,
        min_cells=100,
        rng=np.random.default_rng(0),
    )
    assert found.status == ["skipped: too few genes seen in 3 cells"]
