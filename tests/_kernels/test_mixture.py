from __future__ import annotations

import numpy as np
import pytest

from niche._kernels.mixture import fit

NONE = np.zeros(200, dtype=bool)


def two(n_low, n_high, distance, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, n_low), rng.normal(distance, 1.5, n_high)])


def test_parameters_are_found():
    found = fit(two(1200, 800, 8), np.zeros(2000, dtype=bool))
    assert found.mean == pytest.approx([0, 8], abs=0.2)
    assert found.sd == pytest.approx([1, 1.5], abs=0.1)
    assert found.weight == pytest.approx(0.4, abs=0.02)
    assert found.bimodal


@pytest.mark.parametrize("seed", range(20))
def test_one_component_is_not_split(seed):
    rng = np.random.default_rng(seed)
    assert not fit(rng.normal(size=200), NONE).bimodal
    assert not fit(np.log(rng.gamma(4, size=200)), NONE).bimodal


def test_overlapping_components_are_not_two_modes():
    found = fit(two(2000, 2000, 1.5), np.zeros(4000, dtype=bool))
    assert found.separation < 2 and not found.bimodal


def test_known_cells_tell_what_is_low_where_all_others_are_high():
    values = two(30, 170, 10)
    known = np.arange(200) < 30
    found = fit(values, known)
    assert found.bimodal and found.weight == pytest.approx(1.0)
    assert found.n_upper == pytest.approx(170, abs=1)


def test_all_low_beside_known_cells_is_not_bimodal():
    assert not fit(np.random.default_rng(1).normal(size=200), np.arange(200) < 60).bimodal


def test_the_ratio_rises_with_the_value_and_is_bounded():
    found = fit(two(100, 100, 6), NONE)
    ratio = found.log_ratio(np.linspace(-30, 40, 500), 4.0)
    assert (np.diff(ratio) >= -1e-12).all()
    assert ratio[0] == -4 and ratio[-1] == 4
    assert found.probability(np.array([-5.0, 12.0]), 4.0) == pytest.approx([0.018, 0.982], abs=0.001)


def test_a_cell_in_the_middle_of_narrow_components_is_undecided():
    rng = np.random.default_rng(2)
    found = fit(np.concatenate([rng.normal(0, 0.1, 100), rng.normal(5, 0.1, 100)]), NONE)
    assert abs(found.log_ratio(np.array([2.5]), 4.0)[0]) < 0.5


@pytest.mark.parametrize(
    ("values", "known"),
    [
        (np.arange(5.0), np.zeros(5, dtype=bool)),
        (np.ones(50), np.zeros(50, dtype=bool)),
        (np.arange(50.0), np.ones(50, dtype=bool)),
        (np.zeros(0), np.zeros(0, dtype=bool)),
    ],
    ids=["few", "constant", "all known", "empty"],
)
def test_nothing_to_fit(values, known):
    assert fit(values, known) is None


def test_a_few_outliers_are_no_component():
    values = np.concatenate([np.random.default_rng(3).normal(size=198), [15.0, 15.2]])
    assert not fit(values, NONE).bimodal
