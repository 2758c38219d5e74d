"""The kernel over edges against its own parts, one edge at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from niche._kernels import permutation_moments, saddlepoint_tail
from niche._kernels.edge_tails import edge_tails

SIZES = np.array([40, 60])
UNIT_START, UNIT_GENE = np.array([0, 1, 2, 4, 6]), np.array([0, 1, 2, 3, 1, 4])
LIGAND_UNIT, RECEPTOR_UNIT = np.array([0, 2, 2]), np.array([1, 1, 3])
CHOICES = [
    [
        (a, b)
        for a, b in product(
            UNIT_GENE[UNIT_START[u] : UNIT_START[u + 1]], UNIT_GENE[UNIT_START[v] : UNIT_START[v + 1]]
        )
    ]
    for u, v in zip(LIGAND_UNIT, RECEPTOR_UNIT, strict=True)
]


@pytest.fixture
def strata():
    rng = np.random.default_rng(4)
    values = [rng.gamma(0.5, 1.0, (n, 5)) for n in SIZES]
    pairs = sorted({choice for choices in CHOICES for choice in choices})
    first, second = np.array(pairs).T
    sums = [
        np.stack([f(v) for v in values])
        for f in (
            lambda v: v.sum(0), lambda v: (v**2).sum(0), lambda v: (v**3).sum(0), lambda v: (v**4).sum(0),
            lambda v: (v[:, first] * v[:, second]).sum(0), lambda v: (v[:, first] ** 2 * v[:, second]).sum(0),
            lambda v: (v[:, first] * v[:, second] ** 2).sum(0),
        )
    ]  # fmt: skip
    return permutation_moments.central_moments(SIZES, *sums, first, second), pairs


def test_every_edge_is_the_smallest_tail_over_its_subunits(strata):
    central, pairs = strata
    column = {pair: i for i, pair in enumerate(pairs)}
    choice_start = np.cumsum([0] + [len(c) for c in CHOICES])[:-1]
    products = np.array([column[choice] for choices in CHOICES for choice in choices])
    start, stratum = np.array([0, 2, 3]), np.array([0, 1, 1])
    n_source, n_target, weight = np.array([10, 12, 20]), np.array([8, 30, 20]), np.array([0.5, 0.5, 1.0])
    same, limit = np.array([False, True]), np.array([50.0, 40.0])
    fraction = np.array([[0.9, 0.1, 0.5, 0.2, 0.7], [0.8, 0.3, 0.4, 0.6, 0.5]])
    pair = np.array([0, 1, 2, 1, 2])
    owner, bounds = np.array([0, 0, 0, 1, 1]), np.array([0, 3, 5])
    means = np.random.default_rng(0).gamma(2.0, 0.4, (2, 4))
    ligand, receptor = means[0, LIGAND_UNIT[pair]], means[1, RECEPTOR_UNIT[pair]]
    moments = [central.n, central.mean, central.variance, central.third, central.fourth]
    moments += [central.xy, central.xxy, central.xyy]
    p, expressing, mild = edge_tails(
        bounds, pair, ligand, receptor, LIGAND_UNIT, RECEPTOR_UNIT, choice_start, products, UNIT_START,
        UNIT_GENE, start, stratum, n_source, n_target, weight, same, limit, fraction, *moments, 1.0,
    )  # fmt: skip
    out = np.empty((3, 4))
    for e, (c, k) in enumerate(zip(owner, pair, strict=True)):
        values = ((ligand[e] + receptor[e]) / 2, ligand[e], receptor[e])
        expected, skewed = np.ones(3), False
        for x, y in CHOICES[k]:
            permutation_moments.edge_cumulants(
                (start[c], start[c + 1]), x, y, column[x, y], stratum, n_source, n_target, weight, same[c],
                *moments, out,
            )  # fmt: skip
            tails = [
                saddlepoint_tail.p_value(saddlepoint_tail.log_tail(v, *row), limit[c])
                for v, row in zip(values, out, strict=True)
            ]
            expected = np.minimum(expected, tails)
            skewed |= abs(out[0, 2]) > out[0, 1] ** 1.5
        np.testing.assert_allclose(p[e], expected, rtol=1e-12)
        assert mild[e] == (not skewed)
        part = slice(start[c], start[c + 1])
        cells = [
            min(
                (size[part] * fraction[stratum[part], gene]).sum()
                for gene in UNIT_GENE[UNIT_START[u] : UNIT_START[u + 1]]
            )
            for size, u in ((n_source, LIGAND_UNIT[k]), (n_target, RECEPTOR_UNIT[k]))
        ]
        assert expressing[e] == pytest.approx(min(cells))


def test_sides_that_are_alike_are_found_once_and_equal(strata):
    """Two cell pairs share their source side: with codes that say so the same bits come out."""
    central, pairs = strata
    column = {pair: i for i, pair in enumerate(pairs)}
    choice_start = np.cumsum([0] + [len(c) for c in CHOICES])[:-1]
    products = np.array([column[choice] for choices in CHOICES for choice in choices])
    start, stratum = np.array([0, 2, 4]), np.array([0, 1, 0, 1])
    n_source, n_target, weight = np.array([10, 12, 10, 12]), np.array([8, 30, 9, 11]), np.full(4, 0.5)
    bounds, pair = np.array([0, 3, 6]), np.array([0, 1, 2, 0, 1, 2])
    means = np.random.default_rng(0).gamma(2.0, 0.4, (3, 4))
    ligand = means[0, LIGAND_UNIT[pair]]
    receptor = np.concatenate([means[1, RECEPTOR_UNIT], means[2, RECEPTOR_UNIT]])
    moments = [central.n, central.mean, central.variance, central.third, central.fourth]
    moments += [central.xy, central.xxy, central.xyy]
    asked = [
        bounds, pair, ligand, receptor, LIGAND_UNIT, RECEPTOR_UNIT, choice_start, products, UNIT_START,
        UNIT_GENE, start, stratum, n_source, n_target, weight, np.zeros(2, dtype=bool), np.array([50.0, 40.0]),
        np.full((2, 5), 0.4), *moments, 1.0,
    ]  # fmt: skip
    expected, found = edge_tails(*asked), edge_tails(*asked, np.array([0, 0]), np.array([1, 0]))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
