"""Totals and exponentials against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from niche._kernels import row_values


@pytest.mark.parametrize("n", [0, 1, 3, 4, 17, 1_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_total(n, dtype):
    values = np.random.default_rng(n).gamma(1.0, 2.0, n).astype(dtype)
    assert row_values.total_of(values) == pytest.approx(values.sum(dtype=np.float64), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_expm1_is_exact_to_the_rounding_of_exp(dtype):
    rng = np.random.default_rng(0)
    values = np.concatenate([[0.0, 1e-8, 0.3465, 0.3466, 30.0, 300.0], rng.uniform(0, 30, 20_000)]).astype(
        dtype
    )
    out = np.empty(values.size)
    row_values.fill_expm1(values, out)
    exact = np.expm1(values.astype(np.longdouble))
    assert (np.abs(out - exact) <= 2 * np.spacing(np.exp(values.astype(float)))).all()
    assert out[0] == 0.0


def test_every_value_has_the_same_bits_wherever_it_stands():
    values = np.random.default_rng(1).uniform(0, 9, 37)
    whole, one = np.empty(37), np.empty(1)
    row_values.fill_expm1(values, whole)
    for i, value in enumerate(values):
        row_values.fill_expm1(np.array([value]), one)
        assert one[0] == whole[i]
