"""Codes of edges against the plain rule."""

from __future__ import annotations

import numpy as np

from niche._kernels.sided_codes import sided_codes
from niche._slots import communication_codes as codes


def test_codes_say_which_side():
    rng = np.random.default_rng(0)
    left, right = rng.random((2, 7, 5)) < 0.5
    left_unit, right_unit = rng.integers(0, 5, (2, 40))
    found = sided_codes(left, right, left_unit, right_unit, codes.EXPRESSION)
    expected = codes.sided(codes.EXPRESSION, left[:, left_unit], right[:, right_unit])
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) == {0, 1, 2, 3}
