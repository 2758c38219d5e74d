from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels.lineage_evidence import evidence, on_matrix

N_TYPES, EACH = 4, 6
MARKS = np.repeat(np.eye(N_TYPES, dtype=bool), EACH, axis=1)
GROUP = np.arange(N_TYPES)
APART = np.eye(N_TYPES, dtype=bool)


def cells(sizes, *, on=0.7, off=0.05, seed=0):
    """Markers that are on in cells of each type; the last size is of cells without any type."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(sizes)), sizes)
    rate = np.where(kind[:, None] == np.repeat(np.arange(N_TYPES), EACH)[None, :], on, off)
    return sparse.csr_matrix((rng.random(rate.shape) < rate).astype(np.float32)), kind


def judge(on, *, sample=None, allowed=None, related=APART):
    sample = np.zeros(on.shape[0], dtype=int) if sample is None else sample
    allowed = np.ones((sample.max() + 1, N_TYPES), dtype=bool) if allowed is None else allowed
    return evidence(on, MARKS, sample, allowed, GROUP, related)


def test_types_and_cells_without_one_are_told():
    on, kind = cells([60, 80, 40, 100, 70])
    found = judge(on)
    assert (found.types.argmax(axis=1) == kind).mean() > 0.95
    assert found.types.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (found.log_odds.argmax(axis=1)[kind < 4] == kind[kind < 4]).mean() > 0.97


def test_cells_of_one_type_only():
    on, _ = cells([200, 0, 0, 0, 0])
    assert (judge(on).types[:, 0] > 0.9).mean() > 0.95


def test_types_that_cannot_occur_are_not_found():
    on, kind = cells([50, 50, 50, 50, 0])
    allowed = np.array([[True, True, True, False]])
    found = judge(on, allowed=allowed)
    assert (found.types[:, 3] == 0).all()
    assert (found.types.argmax(axis=1)[kind == 3] == N_TYPES).mean() > 0.8


def test_ambient_markers_of_a_sample_speak_for_nothing():
    rng = np.random.default_rng(4)
    clean, _ = cells([50, 50, 50, 50, 0], seed=1)
    soup, kind = cells([0, 60, 60, 80, 0], seed=2)
    leaked = soup.toarray()
    leaked[:, :EACH] = rng.random((200, EACH)) < 0.4
    on = sparse.vstack([clean, sparse.csr_matrix(leaked)], format="csr")
    found = judge(on, sample=np.repeat([0, 1], 200))
    assert (found.types[200:].argmax(axis=1) == kind).mean() > 0.9


def test_markers_of_two_lineages_are_mixed_unless_related():
    on, kind = cells([80, 80, 80, 80, 0], on=0.9, off=0.02)
    both = on.toarray()
    both[:10, EACH : 2 * EACH] = both[kind == 1][:10, EACH : 2 * EACH]
    on = sparse.csr_matrix(both)
    assert (judge(on).mixed[:10] > 0.5).all()
    assert (judge(on).mixed[10:] < 0.5).mean() > 0.97
    related = APART.copy()
    related[0, 1] = related[1, 0] = True
    assert (judge(on, related=related).mixed[:10] < 0.5).all()


def test_what_is_on():
    values = sparse.csc_matrix(np.array([[4.0, 0], [1.0, 0], [4.2, 0], [0, 0], [3.9, 0]]))
    assert on_matrix(values).toarray()[:, 0].tolist() == [1, 0, 1, 0, 1]
    assert on_matrix(values).toarray()[:, 1].sum() == 0
