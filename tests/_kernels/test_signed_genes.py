"""Genes of a signed signature."""

from __future__ import annotations

import numpy as np

from niche._kernels.signed_genes import signed_genes

T = np.array([3.0, 9.0, -4.0, 5.0, -8.0, 5.0, 7.0, np.nan])
Q = np.array([0.2, 0.01, 0.05, 0.1, 0.001, 0.1, 0.01, 0.01])
EFFECT = np.array([2.0, 1.0, -1.0, 0.5, -0.6, 0.9, 0.4, 1.0])


def test_surest_first_up_to_a_q_value() -> None:
    up, down = signed_genes(T, Q, EFFECT, 10, 0.1, EFFECT)
    assert up.tolist() == [1, 3, 5, 7], "0 has too large a q, 6 too small an effect; ties by place, NaN last"
    assert down.tolist() == [4, 2]
    up, down = signed_genes(T, Q, EFFECT, 1, 0.1, EFFECT)
    assert (up.tolist(), down.tolist()) == ([1], [4])


def test_both_effects_point_the_same_way() -> None:
    beside = np.array([2.0, -1.0, -1.0, 0.4, -0.6, np.nan, 1.0, 1.0])
    up, down = signed_genes(T, Q, EFFECT, 10, 0.1, beside)
    assert (up.tolist(), down.tolist()) == ([7], [4, 2])


def test_nothing_passes() -> None:
    up, down = signed_genes(T, np.full(8, np.nan), EFFECT, 10, 0.1, EFFECT)
    assert (up.size, down.size) == (0, 0)
