"""The one pass: right sums, and the same bits for any split of the work."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from niche._kernels import aggregate as one_pass
from niche._kernels.aggregate import Layout, Tree

TILE = 8
FIELDS = (
    "n",
    "sums",
    "nonzero",
    "total",
    "linear",
    "linear_total",
    "n_stratum",
    "square",
    "cube",
    "fourth",
    "xy",
    "xxy",
    "xyy",
)


@pytest.fixture
def problem():
    rng = np.random.default_rng(4)
    dense = np.log1p(rng.poisson(0.8, (61, 9))).astype(np.float32)
    group = rng.integers(-1, 6, 61).astype(np.int32)
    stratum = np.where(group < 0, -1, group // 2).astype(np.int32)
    columns = np.array([0, -1, 1, 2, -1, 3, 4, -1, -1], dtype=np.int32)
    layout = Layout(group, stratum, 6, 3, columns, 5, np.array([0, 0, 3]), np.array([1, 4, 3]))
    return dense, layout


def run(dense, layout, *, threads=1, rows=None):
    csr = sparse.csr_matrix(dense)
    step = rows or dense.shape[0]
    blocks = [(first, csr[first : first + step]) for first in range(0, dense.shape[0], step)]
    tree = one_pass.tree_of(blocks, layout, TILE, threads)
    linear = one_pass.tree_of(blocks, layout, TILE, threads, linear=True, exponentiate=True)
    return one_pass.finish(layout, tree, linear)


def test_sums_equal_a_plain_loop(problem):
    dense, layout = problem
    found = run(dense, layout)
    x = dense.astype(float)
    kept = x[:, layout.gene_of_column >= 0]
    for g in range(6):
        mine = layout.group == g
        assert found.n[g] == mine.sum()
        np.testing.assert_allclose(found.sums[g], kept[mine].sum(0), rtol=1e-12)
        np.testing.assert_array_equal(found.nonzero[g], (kept[mine] > 0).sum(0))
        np.testing.assert_allclose(found.total[g], x[mine].sum(), rtol=1e-12)
        np.testing.assert_allclose(found.linear[g], np.expm1(kept[mine]).sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.linear_total[g], np.expm1(x[mine]).sum(), rtol=1e-12)
    for s in range(3):
        part = kept[layout.stratum == s]
        assert found.n_stratum[s] == len(part)
        np.testing.assert_allclose(found.square[s], (part**2).sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.cube[s], (part**3).sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.fourth[s], (part**4).sum(0), rtol=1e-12)
        a, b = part[:, layout.first], part[:, layout.second]
        np.testing.assert_allclose(found.xy[s], (a * b).sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.xxy[s], (a * a * b).sum(0), rtol=1e-12)
        np.testing.assert_allclose(found.xyy[s], (a * b * b).sum(0), rtol=1e-12)
    assert found.largest == x[layout.group >= 0].max()


@pytest.mark.parametrize(("threads", "rows"), [(2, None), (1, TILE), (2, 3 * TILE), (3, 7 * TILE)])
def test_same_bits_for_any_threads_and_blocks(problem, threads, rows):
    dense, layout = problem
    expected, found = run(dense, layout), run(dense, layout, threads=threads, rows=rows)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


def test_trees_of_disjoint_tiles_add_in_any_order_to_the_same_bits(problem):
    dense, layout = problem
    csr = sparse.csr_matrix(dense)
    parts = []
    for first in range(0, 61, TILE):
        parts.append(one_pass.tree_of([(first, csr[first : first + TILE])], layout, TILE, 1))
    forward, backward = Tree(), Tree()
    for part in parts:
        forward = forward + part
    for part in reversed(parts):
        backward = part + backward
    a, b = forward.root(), backward.root()
    for name in a.values:
        np.testing.assert_array_equal(a.values[name], b.values[name])


def test_a_tile_without_any_kept_cell(problem):
    dense, layout = problem
    group, stratum = layout.group.copy(), layout.stratum.copy()
    group[: 2 * TILE] = stratum[: 2 * TILE] = -1
    found = run(dense, Layout(group, stratum, 6, 3, layout.gene_of_column, 5, layout.first, layout.second))
    np.testing.assert_allclose(found.total.sum(), dense[2 * TILE :][group[2 * TILE :] >= 0].sum(), rtol=1e-6)


def test_float64_and_int64_indices_give_the_same_sums(problem):
    dense, layout = problem
    csr = sparse.csr_matrix(dense.astype(np.float64))
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    found = one_pass.finish(layout, one_pass.tree_of([(0, csr)], layout, TILE, 1))
    np.testing.assert_array_equal(found.sums, run(dense, layout).sums)
    assert found.linear.shape == (0, 5)
