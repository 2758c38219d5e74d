"""Totals and exponentials of the stored values of a row, in loops the processor runs several wide."""

from __future__ import annotations

import numpy as np
from numba import njit

_PER_OCTAVE = 1.4426950408889634
_OCTAVE, _OCTAVE_REST = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND = 6755399441055744.0
_MANTISSA, _ONE = 52, 1023 << 52


@njit(nogil=True, cache=True)
def total_of(values):  # pragma: no cover - compiled
    """Sum of some values, by eight interleaved partial sums."""
    a, b, c, d, e, f, g, h = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    size, k = np.uint64(values.size), np.uint64(0)
    while k + np.uint64(8) <= size:
        a += values[k]
        b += values[k + np.uint64(1)]
        c += values[k + np.uint64(2)]
        d += values[k + np.uint64(3)]
        e += values[k + np.uint64(4)]
        f += values[k + np.uint64(5)]
        g += values[k + np.uint64(6)]
        h += values[k + np.uint64(7)]
        k += np.uint64(8)
    while k < size:
        a += values[k]
        k += np.uint64(1)
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@njit(nogil=True, cache=True)
def fill_expm1(values, out):  # pragma: no cover
    """Fill ``out`` with ``exp(x) - 1`` of values in 0..700, within two units in the last place of ``exp``.

    x = n log 2 + r with |r| <= log(2) / 2; 2^n is made from its bits, exp(r) by its series to r^13.
    """
    bits = out.view(np.int64)
    for k in range(values.size):
        out[k] = np.float64(values[k]) * _PER_OCTAVE + _ROUND
    for k in range(values.size):
        bits[k] = (bits[k] << _MANTISSA) + _ONE
    for k in range(values.size):
        x = np.float64(values[k])
        n = (x * _PER_OCTAVE + _ROUND) - _ROUND
        r = (x - n * _OCTAVE) - n * _OCTAVE_REST
        r2 = r * r
        r4 = r2 * r2
        low = (1.0 + r) + r2 * (0.5 + r * (1 / 6))
        middle = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
        high = (1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800))
        series = low + r4 * (middle + r4 * (high + r4 * (1 / 479001600 + r * (1 / 6227020800))))
        out[k] = series * out[k] - 1.0
