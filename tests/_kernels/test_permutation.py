"""Real permutations within samples: right law, right statistic, same counts for any split of the work."""

from __future__ import annotations

from itertools import permutations

import numba
import numpy as np
import pytest
from scipy import sparse, stats

from niche._kernels import permutation


def problem(seed=0, sizes=((6, 5, 9), (12, 4, 7)), n_genes=4):
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.repeat(np.arange(3) + 3 * s, size) for s, size in enumerate(sizes)])
    stratum = np.repeat([0, 1], [sum(size) for size in sizes])
    values = np.log1p(rng.poisson(0.9, (group.size, n_genes))).astype(np.float32)
    order = rng.permutation(group.size)
    return values[order], group[order], stratum[order]


def p_of(values, group, stratum, *, n_perms, block=None, seed=0, threads=None, limit=None, monkeypatch=None):
    """P-values of two edges (a complex, and an autocrine pair) and one side, and their observed values."""
    columns = permutation.columns_of(sparse.csr_matrix(values), group, stratum, 6)
    mean = np.stack([values[group == g].mean(0) for g in range(6)]).astype(float)
    unit_start, unit_gene = np.array([0, 1, 3, 4]), np.array([0, 1, 2, 3])
    source, target = np.array([0, 3, 1, 4]), np.array([2, 5, 1, 4])
    weight = np.array([0.3, 0.7, 0.5, 0.5])
    unit = np.minimum.reduceat(mean[:, unit_gene], unit_start[:-1], axis=1)
    observed = np.array([
        sum(w * (unit[a, 0] + unit[b, 1]) / 2 for w, a, b in zip(weight[:2], source[:2], target[:2], strict=True)),
        sum(w * (unit[a, 0] + unit[b, 2]) / 2 for w, a, b in zip(weight[2:], source[2:], target[2:], strict=True)),
        sum(w * unit[b, 1] for w, b in zip(weight[:2], target[:2], strict=True)),
    ])  # fmt: skip
    statistics = permutation.Statistics(
        np.array([0, 1, 0]),
        np.array([0, 0, 0]),
        np.array([1, 2, 1]),
        np.array([0, 0, 2], dtype=np.int8),
        observed,
    )
    if block:
        monkeypatch.setattr(permutation, "block_size", lambda n_groups, n_genes: block)
    if threads:
        numba.set_num_threads(threads)
    p = permutation.permuted_p(
        columns, statistics, start=np.array([0, 2, 4]), source_group=source, target_group=target, weight=weight,
        unit_start=unit_start, unit_gene=unit_gene, n_perms=n_perms, seed=seed, limit=limit,
    )  # fmt: skip
    if threads:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    return p, observed


def test_counts_agree_with_a_plain_permutation():
    values, group, stratum = problem()
    n_perms = 4_000
    p, observed = p_of(values, group, stratum, n_perms=n_perms)
    found = np.round(p * (n_perms + 1)).astype(int) - 1
    rng = np.random.default_rng(9)
    plain = np.zeros(3)
    for _ in range(n_perms):
        shuffled = group.copy()
        for s in (0, 1):
            mine = np.flatnonzero(stratum == s)
            shuffled[mine] = rng.permutation(shuffled[mine])
        mean = np.stack([values[shuffled == g].mean(0) for g in range(6)]).astype(float)
        pair = mean[:, [1, 2]].min(1)
        drawn = (
            0.3 * (mean[0, 0] + pair[2]) / 2 + 0.7 * (mean[3, 0] + pair[5]) / 2,
            0.5 * (mean[1, 0] + mean[1, 3]) / 2 + 0.5 * (mean[4, 0] + mean[4, 3]) / 2,
            0.3 * pair[2] + 0.7 * pair[5],
        )
        plain += np.array(drawn) >= observed - 1e-9
    for a, b in zip(found, plain, strict=True):
        table = [[a, n_perms - a], [b, n_perms - b]]
        assert stats.fisher_exact(table).pvalue > 1e-4


@pytest.mark.parametrize(("block", "threads"), [(7, 1), (64, 2), (300, 1)])
@pytest.mark.parametrize("limit", [None, 9])
def test_same_p_for_any_block_and_threads(block, threads, limit, monkeypatch):
    values, group, stratum = problem(1)
    expected, _ = p_of(values, group, stratum, n_perms=300, limit=limit)
    found, _ = p_of(
        values,
        group,
        stratum,
        n_perms=300,
        block=block,
        threads=threads,
        limit=limit,
        monkeypatch=monkeypatch,
    )
    np.testing.assert_array_equal(found, expected)


def test_another_seed_gives_other_permutations():
    values, group, stratum = problem(1)
    first, _ = p_of(values, group, stratum, n_perms=500)
    second, _ = p_of(values, group, stratum, n_perms=500, seed=1)
    assert (first != second).any()


def test_stopping_at_a_limit_agrees_with_all_permutations():
    values, group, stratum = problem(4)
    whole, _ = p_of(values, group, stratum, n_perms=20_000)
    stopped = np.array([p_of(values, group, stratum, n_perms=20_000, limit=50, seed=s)[0] for s in range(8)])
    assert (np.abs(np.log(stopped.mean(0) / whole)) < 4 * np.sqrt(1 / 50 / 8) + 0.02).all()


def test_p_is_never_zero():
    values, group, stratum = problem(5)
    values[:, 0] = np.where(group == 0, 9.0, 0.0)
    p, _ = p_of(values, group, stratum, n_perms=99)
    assert p[0] == pytest.approx(0.01)


def test_every_relabeling_is_equally_likely_and_stays_in_its_stratum():
    group = np.array([0, 0, 1, 2, 3, 3], dtype=np.uint16)
    n_perms = 24_000
    out = np.empty((6, n_perms), dtype=np.uint16)
    permutation.shuffled_groups(group, np.array([0, 4, 6]), permutation.streams_of(5, 0, n_perms), out)
    assert set(map(tuple, out[4:].T)) == {(3, 3)}
    kinds = sorted(set(permutations([0, 0, 1, 2])))
    seen = dict.fromkeys(kinds, 0)
    for drawn in map(tuple, out[:4].T.tolist()):
        seen[drawn] += 1
    assert stats.chisquare(list(seen.values())).pvalue > 1e-4


def test_the_observed_labels_always_reach_the_observed_value():
    values, group, stratum = problem(3)
    columns = permutation.columns_of(sparse.csr_matrix(values), group, stratum, 6)
    same = np.repeat(columns.group[:, None], 2, axis=1)
    means = np.empty((4, 6, 2))
    permutation.group_means(columns.start, columns.cell, columns.value, same, columns.n, means)
    expected = np.stack([values[group == g].astype(float).mean(0) for g in range(6)], axis=1)
    np.testing.assert_allclose(means[:, :, 0], expected, rtol=1e-12)


def test_cells_left_out_take_no_part():
    values, group, stratum = problem(2)
    group[:5], stratum[:5] = -1, -1
    columns = permutation.columns_of(sparse.csr_matrix(values), group, stratum, 6)
    assert columns.group.size == group.size - 5 and columns.n.sum() == group.size - 5
    assert columns.value.size == (values[5:] > 0).sum()


def test_block_size_follows_the_memory_budget():
    assert permutation.block_size(30, 1_800) == 64
    assert permutation.block_size(1_000, 1_800) * 1_000 * 1_800 * 8 <= permutation.BUDGET_BYTES
    assert permutation.block_size(60_000, 60_000) == 4


def test_a_silent_side_can_silence_a_permutation():
    """One cell of four expresses the ligand, the receptor is even: without a ligand nothing is counted."""
    values = np.array([[1.0, 8.0], [0.0, 1.0], [0.0, 1.0], [0.0, 9.0]], dtype=np.float32)
    group, stratum = np.array([0, 1, 2, 2]), np.zeros(4, dtype=int)
    columns = permutation.columns_of(sparse.csr_matrix(values), group, stratum, 3)
    one = np.zeros(1, dtype=np.int64)
    statistics = permutation.Statistics(one, one, one + 1, np.zeros(1, dtype=np.int8), np.array([1.0]))
    count = {}
    for silent in (False, True):
        p = permutation.permuted_p(
            columns, statistics, start=np.array([0, 1]), source_group=one, target_group=one + 1,
            weight=np.ones(1), unit_start=np.arange(3), unit_gene=np.arange(2), n_perms=6_000, seed=0,
            strict=True, silent_is_zero=silent,
        )  # fmt: skip
        count[silent] = p[0] * 6_001 - 1
    assert count[True] / 6_000 == pytest.approx(1 / 12, abs=0.02)  # ligand drawn, receptor 9
    assert count[False] / 6_000 == pytest.approx(1 / 12 + 5 / 12, abs=0.03)  # or no ligand, receptor 8 or 9
