from __future__ import annotations

import numpy as np
import pytest

from niche._kernels import species_mixture as kernel


def drawn(rng, n, share, depth=3000, sd=0.5):
    """Counts of both species in cells of the first one; ``share`` is of the other."""
    other = np.minimum(share * np.exp(rng.normal(-(sd**2) / 2, sd, n)), 0.9)
    total = rng.poisson(depth * np.exp(rng.normal(0, 0.3, n)))
    of_other = rng.binomial(total, other)
    return (total - of_other).astype(float), of_other.astype(float)


@pytest.fixture
def mixed():
    """300 cells of the first species, 600 of the second, 40 doublets, in this order."""
    rng = np.random.default_rng(4)
    a, b = drawn(rng, 340, 0.06), drawn(rng, 640, 0.04)
    first = np.concatenate([a[0][:300], b[1][:600], a[0][300:] + b[1][600:]])
    second = np.concatenate([a[1][:300], b[0][:600], a[1][300:] + b[0][600:]])
    return first, second


def test_log_ratio_and_share_are_inverse():
    assert kernel.share(float(kernel.log_ratio(np.array([89.5]), np.array([9.5]))[0])) == pytest.approx(0.9)
    assert kernel.log_ratio(np.array([3.0]), np.array([3.0]))[0] == 0


def test_two_modes_are_told_apart(mixed):
    found = kernel.groups(*mixed)
    assert found is not None and found[:300].all() and not found[300:900].any()


def test_thresholds_lie_between_cells_and_doublets(mixed):
    split = kernel.split(*mixed, kernel.groups(*mixed))
    ratio = kernel.log_ratio(*mixed)
    assert split.center[0] < split.low < split.center[1] < split.high < split.center[2]
    assert (ratio[:300] >= split.high).mean() > 0.99 and (ratio[300:900] <= split.low).mean() > 0.99
    between = (ratio > split.low) & (ratio < split.high)
    assert between[900:].mean() > 0.9
    assert split.weight == pytest.approx([600 / 940, 40 / 940, 300 / 940], abs=0.02)


@pytest.mark.parametrize("sd", [(1.2, 0.2), (1.5, 0.2), (0.2, 1.2)])
def test_a_widely_scattered_species_leaves_doublets_their_band(sd):
    rng = np.random.default_rng(4)
    wide = [0.03 * np.exp(one**2 / 2) for one in sd]
    a, b = drawn(rng, 640, wide[0], sd=sd[0]), drawn(rng, 440, wide[1], sd=sd[1])
    first = np.concatenate([a[0][:600], b[1][:400], a[0][600:] + b[1][400:]])
    second = np.concatenate([a[1][:600], b[0][:400], a[1][600:] + b[0][400:]])
    split = kernel.split(first, second, kernel.groups(first, second))
    ratio = kernel.log_ratio(first, second)
    between = (ratio > split.low) & (ratio < split.high)
    assert split.low < split.center[1] < split.high
    assert between[1000:].mean() > 0.6 and between[:1000].mean() < 0.05
    assert (ratio[:600] > split.low).mean() > 0.99 and (ratio[600:1000] < split.high).mean() > 0.99


def test_swapping_the_species_mirrors_the_thresholds(mixed):
    first, second = mixed
    split = kernel.split(first, second, kernel.groups(first, second))
    other = kernel.split(second, first, kernel.groups(second, first))
    assert (other.low, other.high) == pytest.approx((-split.high, -split.low), abs=2e-3)


def test_without_doublets_one_threshold_is_left():
    rng = np.random.default_rng(0)
    a, b = drawn(rng, 200, 0.03), drawn(rng, 200, 0.03)
    first, second = np.concatenate([a[0], b[1]]), np.concatenate([a[1], b[0]])
    split = kernel.split(first, second, kernel.groups(first, second))
    ratio = kernel.log_ratio(first, second)
    assert (ratio[:200] >= split.high).all() and (ratio[200:] <= split.low).all()


@pytest.mark.parametrize("share", [0.002, 0.05, 0.15])
def test_cells_of_one_species_have_no_two_modes(share):
    first, second = drawn(np.random.default_rng(1), 500, share)
    assert kernel.groups(first, second) is None
    split = kernel.one_species(first, second)
    assert np.isnan(split.low)
    assert (kernel.log_ratio(first, second) >= split.high).mean() > 0.97
    mirrored = kernel.one_species(second, first)
    assert np.isnan(mirrored.high) and mirrored.low == pytest.approx(-split.high)


def test_what_leaks_is_the_pooled_share_with_its_interval():
    other, total = np.array([10.0, 30.0, 20.0]), np.array([1000.0, 1000.0, 1000.0])
    rate, low, high = kernel.leaked(other, total)
    assert rate == pytest.approx(0.02)
    se = np.sqrt((10**2 + 10**2) * 3 / 2) / 3000
    assert high == pytest.approx(0.02 * np.exp(1.96 * se / 0.02)) and low == pytest.approx(0.02**2 / high)


def test_intervals_of_what_leaks_cover_the_truth():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        own, other = drawn(rng, 120, 0.06)
        _, low, high = kernel.leaked(other, own + other)
        hits += low <= 0.06 <= high
    assert 0.9 < hits / 300 < 0.985


def test_nothing_leaks_or_nothing_is_known():
    assert kernel.leaked(np.zeros(5), np.full(5, 100.0)) == (0.0, 0.0, 3 / 500)
    assert np.isnan(kernel.leaked(np.zeros(1), np.ones(1))).all()
