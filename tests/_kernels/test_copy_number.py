"""The sparse kernel against the same mathematics on dense arrays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import copy_number
from niche._kernels.row_tiles import Held

SIZES = (240, 131, 100, 101, 7)


def dense(values, columns, lower, upper, reference, *, window, step, clip):
    """Centred profiles, cell by cell and window by window."""
    low, high = lower[reference], upper[reference]
    change = np.where(values > high, values - high, np.where(values < low, values - low, 0.0))
    change = np.clip(change, -clip, clip)
    rank = np.arange(1, window + 1)
    pyramid = np.minimum(rank, rank[::-1])
    parts = []
    for mine in columns:
        if mine.size <= window:
            parts.append(change[:, mine].mean(axis=1, keepdims=True))
            continue
        first = np.arange(0, mine.size - window + 1, step)
        seen = [change[:, mine[f : f + window]] @ pyramid / pyramid.sum() for f in first]
        parts.append(np.stack(seen, axis=1))
    profile = np.hstack(parts)
    return profile - np.median(profile, axis=1, keepdims=True)


@pytest.fixture
def scene():
    rng = np.random.default_rng(1)
    n = sum(SIZES) + 30
    values = np.where(rng.random((90, n)) < 0.3, rng.gamma(2, 0.7, (90, n)), 0).astype(np.float32)
    order = rng.permutation(n)
    columns = np.split(order[:-30], np.cumsum(SIZES)[:-1])
    lower = rng.gamma(1, 0.3, (3, n)) * (rng.random((3, n)) < 0.8)
    upper = lower + rng.gamma(1, 0.2, (3, n)) * (rng.random((3, n)) < 0.7)
    return values, columns, lower, upper, rng.integers(0, 3, 90).astype(np.int32)


def run(scene, *, window=100, step=10, clip=1.0, sds=None, noise=None, threads=1, splits=(), matrix=None):
    values, columns, lower, upper, reference = scene
    windows = copy_number.windows_along(columns, values.shape[1], window=window, step=step)
    used = np.flatnonzero(windows.gene_of_column >= 0)
    matrix = sparse.csr_matrix(values) if matrix is None else matrix
    cuts = [0, *splits, len(values)]
    blocks = [(a, matrix[a:b]) for a, b in itertools.pairwise(cuts)]
    noise = np.ones(len(values), dtype=bool) if noise is None else noise
    return copy_number.infer(
        Held(lambda: blocks, threads), windows, lower[:, used], upper[:, used], reference, clip=clip, sds=sds,
        noise_from=noise,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("window", "step"), [(100, 10), (101, 7), (50, 1), (36, 9), (2, 1), (250, 10), (100, 300)]
)
def test_equals_dense_arithmetic(scene, window, step):
    found = run(scene, window=window, step=step).values
    expected = dense(*scene, window=window, step=step, clip=1.0)
    assert found.dtype == np.float32 and found.shape == expected.shape
    np.testing.assert_allclose(found.toarray(), expected, atol=2e-7)


def test_noise_is_that_of_the_chosen_cells(scene):
    noise = np.arange(90) % 3 == 0
    found = run(scene, sds=1.5, noise=noise)
    expected = dense(*scene, window=100, step=10, clip=1.0)
    np.testing.assert_allclose(found.noise, expected[noise].std(), rtol=1e-12)
    assert found.threshold == 1.5 * found.noise
    np.testing.assert_allclose(
        found.values.toarray(), np.where(np.abs(expected) < found.threshold, 0, expected), atol=2e-7
    )
    assert 0 < found.values.nnz < 0.5 * expected.size
    assert np.isnan(run(scene).noise)


def identical(left, right):
    return all(
        np.array_equal(getattr(left.values, name), getattr(right.values, name))
        for name in ("data", "indices", "indptr")
    ) and (left.noise, left.threshold) == (right.noise, right.threshold)


def test_blocks_threads_and_types_do_not_change_a_bit(scene, monkeypatch):
    monkeypatch.setattr(copy_number, "TILE_ROWS", 16)
    first = run(scene, sds=1.5)
    assert identical(first, run(scene, sds=1.5, threads=2))
    assert identical(first, run(scene, sds=1.5, splits=(1, 20, 47), threads=2))
    assert identical(first, run(scene, sds=1.5, matrix=sparse.csr_matrix(scene[0].astype(np.float64))))
    wide = sparse.csr_matrix(scene[0])
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert identical(first, run(scene, sds=1.5, matrix=wide))


@pytest.mark.parametrize("slack", [0.0, 0.99, 5.0])
def test_a_bad_guess_of_the_noise_changes_nothing(scene, monkeypatch, slack):
    noise = np.arange(90) > 70
    first = run(scene, sds=1.5, noise=noise)
    monkeypatch.setattr(copy_number, "_SLACK", slack)
    assert identical(first, run(scene, sds=1.5, noise=noise, splits=(30, 80), threads=2))


def test_order_of_cells_does_not_change_a_bit(scene):
    values, columns, lower, upper, reference = scene
    order = np.random.default_rng(2).permutation(90)
    first = run(scene, sds=1.5)
    second = run((values[order], columns, lower, upper, reference[order]), sds=1.5)
    assert first.noise == second.noise
    assert (first.values[order] != second.values).nnz == 0


def test_explicit_zeros_are_no_expression(scene):
    values = sparse.csr_matrix(scene[0])
    with_zeros = values.copy()
    with_zeros.data[::5] = 0
    without = with_zeros.copy()
    without.eliminate_zeros()
    np.testing.assert_allclose(
        run(scene, matrix=with_zeros).values.toarray(), run(scene, matrix=without).values.toarray(), atol=1e-7
    )


def test_windows_know_their_genes(scene):
    _, columns, *_ = scene
    windows = copy_number.windows_along(columns, 700, window=100, step=10)
    column_of_gene = np.flatnonzero(windows.gene_of_column >= 0)
    assert windows.n_windows.tolist() == [15, 4, 1, 1, 1]
    assert windows.flat.tolist() == [False, False, True, False, True]
    assert column_of_gene[windows.first_gene[:3]].tolist() == columns[0][[0, 10, 20]].tolist()
    assert column_of_gene[windows.last_gene[:3]].tolist() == columns[0][[99, 109, 119]].tolist()
    assert column_of_gene[windows.last_gene[-1]] == columns[-1][-1]
    assert windows.total == 22


def test_survey_is_exact_and_blind_to_order(scene):
    values = sparse.csr_matrix(scene[0])
    values.data[3] = 0
    genes = np.full(values.shape[1], -1, dtype=np.int32)
    genes[5:] = np.arange(values.shape[1] - 5)
    group = np.where(np.arange(90) < 60, np.arange(90) % 2, -1).astype(np.int32)
    second = np.where(np.arange(90) < 10, 2, -1).astype(np.int32)
    order = np.random.default_rng(0).permutation(90)
    found = copy_number.survey(Held(lambda: [(0, values[:50]), (50, values[50:])]), genes, group, second, 4)
    again = copy_number.survey(Held(lambda: [(0, values[order])]), genes, group[order], second[order], 4)
    array = values.toarray()[:, 5:].astype(np.float64)
    np.testing.assert_allclose(found.means[0], array[group == 0].mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.means[2], array[:10].mean(axis=0), atol=1e-9)
    assert not found.means[3].any()
    np.testing.assert_array_equal(found.detected, (array > 0).sum(axis=0))
    np.testing.assert_array_equal(found.means, again.means)
    np.testing.assert_array_equal(found.detected, again.detected)
