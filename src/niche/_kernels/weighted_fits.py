"""Weighted least squares of many features on one design, for several within-patient correlations at once.

The covariance of a feature over samples is ``s2 W^(-1/2) R W^(-1/2)`` with W its precision weights and R
holding 1 on the diagonal and rho between samples of one patient. The inverse of R has closed form: from b
samples of a patient it takes ``rho / (1 + (b - 1) rho)`` times their sum, then divides by ``1 - rho``. So one
walk over the samples serves every rho, patients with equally many samples being summed beforehand.

Designs are narrow. So systems of one size are solved side by side, ``a[i, j]`` holding one number of each: a
feature at every rho, or without each patient. The inner loops then run over rows that lie together.

Kernels run on one thread and let go of the interpreter, so that families can be fitted side by side.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import njit

_SINGULAR = 1e-10
_ROUNDING = 1e-13
_SMALL, _LARGE = 1e-100, 1e100


@njit(cache=True, error_model="numpy")
def _eliminate(a, inverse, whole):
    """Eliminate all but the last row of ``n`` symmetric matrices in place, ``a`` (p + 1, p + 1, n).

    Only lower triangles count. ``A = L D L'``: below the diagonal ``L D`` is left, in its last row also the
    right side solved forward, in its corner the corner less what the others explain. Fills ``inverse``
    (p, n) of D, 0 where a column is empty or told by those before it, which leaves it out; ``whole`` (p, n)
    is room for the diagonal.
    """
    last, n = a.shape[0] - 1, a.shape[2]
    for i in range(last):
        for r in range(n):
            whole[i, r] = a[i, i, r]
    for i in range(last):
        for r in range(n):
            inverse[i, r] = 0.0 if a[i, i, r] <= _SINGULAR * whole[i, r] else 1.0 / a[i, i, r]
        for j in range(i + 1, last + 1):
            for k in range(i + 1, j + 1):
                for r in range(n):
                    a[j, k, r] -= a[j, i, r] * inverse[i, r] * a[k, i, r]


@njit(cache=True)
def _solved(a, inverse, r, right, out):
    """Solve ``L out = right`` (p, n_columns) of the eliminated matrix ``r``."""
    for i in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[i, c] = right[i, c]
        for k in range(i):
            factor = a[i, k, r] * inverse[k, r]
            if factor != 0.0:  # most groups share no patient
                for c in range(out.shape[1]):
                    out[i, c] -= factor * out[k, c]


@njit(cache=True)
def _solved_back(a, inverse, out):
    """Solve every eliminated system for its right side, ``out`` (p, n)."""
    last, n = out.shape
    for i in range(last - 1, -1, -1):
        for r in range(n):
            out[i, r] = a[last, i, r]
        for k in range(i + 1, last):
            for r in range(n):
                out[i, r] -= a[k, i, r] * out[k, r]
        for r in range(n):
            out[i, r] *= inverse[i, r]


@njit(cache=True)
def _columns_met(design):
    """Columns (n_samples, p) that are not 0 in each sample, and how many (n_samples,): few are of groups."""
    column, number = np.zeros(design.shape, dtype=np.int64), np.zeros(design.shape[0], dtype=np.int64)
    for i in range(design.shape[0]):
        for a in range(design.shape[1]):
            if design[i, a] != 0.0:
                column[i, number[i]] = a
                number[i] += 1
    return column, number


@njit(cache=True)
def _add_sample(y, w, design, i, column, number, whole, total):
    """Add weighted (design, y) of sample ``i`` to ``total``, and their products to the triangle ``whole``."""
    p, root = design.shape[1], sqrt(w)
    value = root * y
    for s in range(number[i]):
        a = column[i, s]
        x = root * design[i, a]
        total[a] += x
        whole[p, a] += value * x
        for t in range(s + 1):
            whole[a, column[i, t]] += x * (root * design[i, column[i, t]])
    total[p] += value
    whole[p, p] += value * value


@njit(cache=True)
def _moments(y, w, e, design, start, column, number, total, whole, within):
    """Fill cross products over all samples, and those of sums over patients with 1, 2, ... samples."""
    whole[:] = 0.0
    within[:] = 0.0
    for j in range(start.size - 1):
        total[:] = 0.0
        for i in range(start[j], start[j + 1]):
            _add_sample(y[e, i], w[e, i], design, i, column, number, whole, total)
        size = start[j + 1] - start[j]
        for a in range(total.size):
            for b in range(a + 1):
                within[size - 1, a, b] += total[a] * total[b]


@njit(cache=True)
def _inverse_correlations(rho, largest):
    """What ``V^-1`` keeps (n_rho,), and takes of patients with 1, 2, ... samples (largest, n_rho)."""
    kept, taken = 1.0 / (1.0 - rho), np.empty((largest, rho.size))
    for k in range(largest):
        taken[k] = kept * rho / (1.0 + k * rho)
    return kept, taken


@njit(cache=True)
def _normal_equations(whole, within, kept, taken, out):
    """Fill the lower triangles of ``Z' V^-1 Z`` (p + 1, p + 1, n_rho)."""
    for a in range(whole.shape[0]):
        for b in range(a + 1):
            for r in range(kept.size):
                out[a, b, r] = kept[r] * whole[a, b]
            for k in range(within.shape[0]):
                if within[k, a, b] != 0.0:
                    for r in range(kept.size):
                        out[a, b, r] -= taken[k, r] * within[k, a, b]


@njit(cache=True)
def _log_determinant(a, inverse, r):
    """Log determinant of the eliminated matrix ``r`` without its last row; one logarithm does for many."""
    volume, product = 0.0, 1.0
    for i in range(inverse.shape[0]):
        if inverse[i, r] != 0.0:
            product *= a[i, i, r]
            if not _SMALL < product < _LARGE:
                volume, product = volume + log(product), 1.0
    return volume + log(product)


@njit(cache=True)
def _effects(a, inverse, right, rows, estimate, scale, small):
    """Estimate contrasts, the first columns of ``right`` (p, n_columns), at every rho of eliminated systems.

    The other columns are the joint hypothesis: fills its normal equations ``small`` (q + 1, q + 1, n_rho).
    ``rows``, of the shape of ``right``, is room.
    """
    p, n_contrasts, q = right.shape[0], estimate.shape[1], small.shape[0] - 1
    for r in range(estimate.shape[0]):
        _solved(a, inverse, r, right, rows)
        small[:, :, r] = 0.0
        for c in range(n_contrasts):
            estimate[r, c] = scale[r, c] = 0.0
        for i in range(p):
            weight = inverse[i, r]
            solved = a[p, i, r] * weight
            for c in range(n_contrasts):
                estimate[r, c] += rows[i, c] * solved
                scale[r, c] += rows[i, c] * rows[i, c] * weight
            for h in range(q):
                row = rows[i, n_contrasts + h]
                small[q, h, r] += row * solved
                for k in range(h + 1):
                    small[h, k, r] += row * rows[i, n_contrasts + k] * weight
        for c in range(n_contrasts):
            scale[r, c] = sqrt(scale[r, c])


@njit(nogil=True, cache=True)
def fit_features(
    y, w, design, start, rho, contrasts, joint, estimate, scale, rss, log_det, wald
):  # pragma: no cover - compiled
    """Fit every feature at every rho.

    ``y``, ``w`` (n_features, n_samples), samples sorted by patient, those of patient j being
    ``start[j]..start[j + 1]``; ``design`` (n_samples, p) of full rank; ``rho`` (n_rho,); ``contrasts``
    (n_contrasts, p), ``joint`` (q, p), both may be empty. Fills ``estimate`` and ``scale``
    (n_features, n_rho, n_contrasts), the standard error being ``scale * s``; ``rss`` and ``log_det``
    (n_features, n_rho), of the residuals and of ``X' V^-1 X``; ``wald`` (n_features, n_rho), the joint
    hypothesis' quadratic form over q, to be divided by ``s2``.
    """
    p, q, n_rho = design.shape[1], joint.shape[0], rho.size
    kept, taken = _inverse_correlations(rho, np.diff(start).max())
    column, number = _columns_met(design)
    total = np.empty(p + 1)
    whole, within = np.empty((p + 1, p + 1)), np.empty((taken.shape[0], p + 1, p + 1))
    a, inverse, diagonal = np.empty((p + 1, p + 1, n_rho)), np.empty((p, n_rho)), np.empty((p, n_rho))
    small, over, squares = np.empty((q + 1, q + 1, n_rho)), np.empty((q, n_rho)), np.empty((q, n_rho))
    right = np.ascontiguousarray(np.concatenate((contrasts, joint)).T)
    rows = np.empty(right.shape)
    for e in range(y.shape[0]):
        _moments(y, w, e, design, start, column, number, total, whole, within)
        _normal_equations(whole, within, kept, taken, a)
        for r in range(n_rho):
            rss[e, r] = a[p, p, r]
        _eliminate(a, inverse, diagonal)
        for r in range(n_rho):
            rss[e, r] = a[p, p, r] if a[p, p, r] > _ROUNDING * rss[e, r] else 0.0
            log_det[e, r] = _log_determinant(a, inverse, r)
        if right.size:
            _effects(a, inverse, right, rows, estimate[e], scale[e], small)
            _eliminate(small, over, squares)
            for r in range(n_rho):
                wald[e, r] = (0.0 - small[q, q, r]) / max(q, 1)


@njit(nogil=True, cache=True)
def fit_without_each_patient(
    y, w, design, start, rho, at, contrasts, estimable, estimate, same
):  # pragma: no cover - compiled
    """Count how often the sign of ``estimate`` (n_features, n_contrasts) holds when a patient is left out.

    As :func:`fit_features`, each feature at the rho of index ``at`` (n_features,); ``estimable``
    (n_patients, n_contrasts) says which contrasts can be had without the patient. Fills ``same``
    (n_features, n_contrasts). Signs do not ask for the factor ``1 / (1 - rho)`` of ``V^-1``.
    """
    p, n_patients = design.shape[1], start.size - 1
    column, number = _columns_met(design)
    total, effect = np.empty(p + 1), np.empty(n_patients)
    mine, whole = np.empty((p + 1, p + 1)), np.empty((p + 1, p + 1))
    a, inverse = np.empty((p + 1, p + 1, n_patients)), np.empty((p, n_patients))
    diagonal, beta = np.empty((p, n_patients)), np.empty((p, n_patients))
    counted = np.ascontiguousarray(estimable.T)
    for e in range(y.shape[0]):
        value = rho[at[e]]
        whole[:] = 0.0
        for j in range(n_patients):
            mine[:], total[:] = 0.0, 0.0
            for i in range(start[j], start[j + 1]):
                _add_sample(y[e, i], w[e, i], design, i, column, number, mine, total)
            taken = value / (1.0 + (start[j + 1] - start[j] - 1) * value)
            for i in range(p + 1):
                for k in range(i + 1):
                    a[i, k, j] = mine[i, k] - taken * total[i] * total[k]
                    whole[i, k] += a[i, k, j]
        for i in range(p + 1):
            for k in range(i + 1):
                full, nothing = whole[i, k], 1e-12 * abs(whole[i, k])
                for j in range(n_patients):
                    left = full - a[i, k, j]
                    a[i, k, j] = 0.0 if abs(left) <= nothing else left
        _eliminate(a, inverse, diagonal)
        _solved_back(a, inverse, beta)
        for c in range(contrasts.shape[0]):
            effect[:] = 0.0
            for i in range(p):
                factor = contrasts[c, i] * estimate[e, c]
                if factor != 0.0:
                    for j in range(n_patients):
                        effect[j] += factor * beta[i, j]
            for j in range(n_patients):
                same[e, c] += counted[c, j] & (effect[j] > 0.0)
