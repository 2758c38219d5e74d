"""The closed forms against exact enumeration and against real permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from niche._kernels import permutation_moments, saddlepoint_tail


def moments_of(values: np.ndarray, labels: np.ndarray, *, same: bool) -> np.ndarray:
    """(3, 4) cumulants of one edge in one stratum, from the kernel. values (N, 2); source 0, target 1."""
    n = np.array([len(values)])
    x, y = values[:, 0], values[:, 1]
    central = permutation_moments.central_moments(
        n, values.sum(0)[None], (values**2).sum(0)[None], (values**3).sum(0)[None], (values**4).sum(0)[None],
        np.array([[(x * y).sum()]]), np.array([[(x * x * y).sum()]]), np.array([[(x * y * y).sum()]]),
        np.array([0]), np.array([1]),
    )  # fmt: skip
    n_source = np.array([(labels == 0).sum()])
    n_target = n_source if same else np.array([(labels == 1).sum()])
    return cumulants(central, np.zeros(1, dtype=np.int64), n_source, n_target, np.ones(1), same=same)


def cumulants(central, stratum, n_source, n_target, weight, *, same):
    """(3, 4) cumulants of the edge of genes 0 and 1 over strata."""
    out = np.full((3, 4), np.nan)
    permutation_moments.edge_cumulants(
        (0, stratum.size), 0, 1, 0, stratum, n_source, n_target, weight, same, central.n, central.mean,
        central.variance, central.third, central.fourth, central.xy, central.xxy, central.xyy, out,
    )  # fmt: skip
    return out


def statistic(values: np.ndarray, labels: np.ndarray, *, same: bool) -> tuple[float, float, float]:
    left = values[labels == 0, 0].mean()
    right = values[labels == (0 if same else 1), 1].mean()
    return (left + right) / 2, left, right


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("labels", [(0, 0, 1, 1, 1, 2, 2), (0, 1, 1, 1, 1, 2, 2), (0, 0, 0, 0, 0, 1, 2)])
def test_moments_equal_exact_enumeration(labels, same):
    rng = np.random.default_rng(3)
    values = rng.gamma(0.6, 1.0, (7, 2))
    values[:, 1] += 0.7 * values[:, 0]
    values[2] = 0
    drawn = np.array([statistic(values, np.array(order), same=same) for order in set(permutations(labels))])
    found = moments_of(values, np.array(labels), same=same)
    centred = drawn - drawn.mean(0)
    second, third, fourth = ((centred**k).mean(0) for k in (2, 3, 4))
    expected = np.stack([drawn.mean(0), second, third, fourth - 3 * second**2], axis=1)
    np.testing.assert_allclose(found[:, :3], expected[:, :3], rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found[1:, 3], expected[1:, 3], rtol=1e-9, atol=1e-13)


def test_moments_of_two_cells_and_of_a_sole_cell_type():
    values = np.array([[0.0, 1.0], [2.0, 0.0]])
    found = moments_of(values, np.array([0, 1]), same=False)
    assert found[0, 1] == pytest.approx(0.5625)
    assert found[0, 2] == 0
    sole = moments_of(values, np.array([0, 0]), same=True)
    np.testing.assert_array_equal(sole[:, 1:], 0)


@pytest.mark.parametrize("same", [False, True])
def test_moments_and_tail_on_unequal_types_against_permutations(same):
    """One cell type holds 75 % of the cells; the autocrine pair is correlated."""
    rng = np.random.default_rng(11)
    n = 240
    labels = np.repeat([0, 1, 2], [180, 20, 40])
    shared = rng.gamma(0.4, 1.0, n)
    values = np.log1p(np.stack([rng.poisson(2 * shared), rng.poisson(2 * shared)], axis=1)).astype(float)
    n_perms = 20_000
    drawn = np.array([statistic(values, rng.permutation(labels), same=same)[0] for _ in range(n_perms)])
    mean, variance, third, fourth = moments_of(values, labels, same=same)[0]
    assert mean == pytest.approx(drawn.mean(), abs=4 * np.sqrt(variance / n_perms))
    assert variance == pytest.approx(drawn.var(), rel=0.05)
    assert third / variance**1.5 == pytest.approx(((drawn - mean) ** 3).mean() / variance**1.5, abs=0.08)
    for quantile in (0.5, 0.9, 0.99, 0.999):
        threshold = np.quantile(drawn, quantile)
        empirical = (drawn >= threshold).mean()
        analytic = np.exp(saddlepoint_tail.log_tail(threshold, mean, variance, third, fourth))
        error = 3 * np.sqrt(empirical / n_perms) / empirical
        assert abs(np.log10(analytic / empirical)) < 0.06 + np.log10(1 + error)


def test_a_null_with_replacement_would_be_wrong_for_a_dominant_type():
    """Without the finite-population term the spread of the 75 % type would be twice too wide."""
    rng = np.random.default_rng(5)
    values = rng.gamma(1.0, 1.0, (200, 2))
    labels = np.repeat([0, 1], [150, 50])
    variance_ligand = moments_of(values, labels, same=False)[1, 1]
    drawn = np.array([statistic(values, rng.permutation(labels), same=False)[1] for _ in range(5_000)])
    assert variance_ligand == pytest.approx(drawn.var(), rel=0.08)
    assert values[:, 0].var() / 150 > 3.5 * variance_ligand


def test_strata_add_with_their_weights():
    rng = np.random.default_rng(2)
    samples = [rng.gamma(1.0, 1.0, (size, 2)) for size in (12, 30)]
    labels = [rng.integers(0, 2, len(part)) for part in samples]
    weight = np.array([0.25, 0.75])
    apart = np.stack([moments_of(v, lab, same=False) for v, lab in zip(samples, labels, strict=True)])
    expected = np.stack([(weight[:, None] ** k * apart[:, :, k - 1]).sum(0) for k in (1, 2, 3, 4)], axis=1)
    sums = [np.stack([power(v) for v in samples]) for power in (
        lambda v: v.sum(0), lambda v: (v**2).sum(0), lambda v: (v**3).sum(0), lambda v: (v**4).sum(0),
        lambda v: [(v[:, 0] * v[:, 1]).sum()], lambda v: [(v[:, 0] ** 2 * v[:, 1]).sum()],
        lambda v: [(v[:, 0] * v[:, 1] ** 2).sum()],
    )]  # fmt: skip
    central = permutation_moments.central_moments(np.array([12, 30]), *sums, np.array([0]), np.array([1]))
    sizes = [np.array([(lab == code).sum() for lab in labels]) for code in (0, 1)]
    found = cumulants(central, np.array([0, 1]), *sizes, weight, same=False)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_constant_gene_has_no_variance():
    values = np.full((9, 2), 1 / 3)
    found = moments_of(values, np.repeat([0, 1, 2], 3), same=False)
    np.testing.assert_array_equal(found[:, 1:], 0)


def test_number_of_relabelings():
    start = np.array([0, 2, 3, 3])
    found = permutation_moments.log_relabelings(
        start, np.array([5, 4, 6]), np.array([2, 1, 3]), np.array([1, 1, 3]), np.array([False, True, False])
    )
    np.testing.assert_allclose(np.exp(found), [30 * 12, 20, 1], rtol=1e-9)
