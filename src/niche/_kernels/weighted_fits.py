"""Weighted least squares of many features on one design, for several within-patient correlations at once.

The covariance of a feature over samples is ``s2 W^(-1/2) R W^(-1/2)`` with W its precision weights and R
holding 1 on the diagonal and rho between samples of one patient. The inverse of R has closed form: from b
samples of a patient it takes ``rho / (1 + (b - 1) rho)`` times their sum, then divides by ``1 - rho``. So one
walk over the samples serves every rho, patients with equally many samples being summed beforehand.

Kernels run on one thread and let go of the interpreter, so that families can be fitted side by side.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import njit

_SINGULAR = 1e-10
_ROUNDING = 1e-13
_SMALL, _LARGE = 1e-100, 1e100


@njit(cache=True)
def _factor(a, n):
    """Cholesky factor of the leading ``n`` rows of ``a``, in place; an empty column is left out."""
    for i in range(n):
        whole = a[i, i]
        for k in range(i):
            a[i, i] -= a[i, k] * a[i, k]
        if a[i, i] <= _SINGULAR * whole or whole <= 0.0:
            a[i, i] = 1.0
            for j in range(i + 1, n):
                a[j, i] = 0.0
            continue
        a[i, i] = sqrt(a[i, i])
        for j in range(i + 1, n):
            for k in range(i):
                a[j, i] -= a[j, k] * a[i, k]
            a[j, i] /= a[i, i]


@njit(cache=True)
def _solved(factor, right, out, n):
    """Solve ``factor out = right`` for the leading ``n`` rows."""
    for i in range(n):
        value = right[i]
        for k in range(i):
            value -= factor[i, k] * out[k]
        out[i] = value / factor[i, i]


@njit(cache=True)
def _dot(left, right, n):
    """Sum of products of the leading ``n``; they are too few for a call of BLAS."""
    total = 0.0
    for i in range(n):
        total += left[i] * right[i]
    return total


@njit(cache=True)
def _solved_back(factor, right, out, n):
    """Solve ``factor' out = right`` for the leading ``n`` rows."""
    for i in range(n - 1, -1, -1):
        value = right[i]
        for k in range(i + 1, n):
            value -= factor[k, i] * out[k]
        out[i] = value / factor[i, i]


@njit(cache=True)
def _add_samples(y, w, design, begin, end, z, whole, total):
    """Add weighted cross products of (design, y) over some samples; fill ``total`` with the weighted sum."""
    p = design.shape[1]
    total[:] = 0.0
    for i in range(begin, end):
        root = sqrt(w[i])
        for a in range(p):
            z[a] = root * design[i, a]
        z[p] = root * y[i]
        for a in range(p + 1):
            if z[a] == 0.0:  # most samples are in one group of several
                continue
            total[a] += z[a]
            for b in range(a + 1):
                whole[a, b] += z[a] * z[b]


@njit(cache=True)
def _moments(y, w, design, start, z, total, whole, within):
    """Fill cross products over all samples, and those of sums over patients with 1, 2, ... samples."""
    whole[:] = 0.0
    within[:] = 0.0
    for j in range(start.size - 1):
        _add_samples(y, w, design, start[j], start[j + 1], z, whole, total)
        size = start[j + 1] - start[j]
        for a in range(total.size):
            for b in range(a + 1):
                within[size - 1, a, b] += total[a] * total[b]


@njit(cache=True)
def _normal_equations(whole, within, rho, out):
    """Fill the lower triangle of ``Z' V^-1 Z``."""
    kept = 1.0 / (1.0 - rho)
    for a in range(whole.shape[0]):
        for b in range(a + 1):
            out[a, b] = kept * whole[a, b]
    for k in range(within.shape[0]):
        taken = kept * rho / (1.0 + k * rho)
        for a in range(whole.shape[0]):
            for b in range(a + 1):
                out[a, b] -= taken * within[k, a, b]


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
    p, q = design.shape[1], joint.shape[0]
    z, total, v = np.empty(p + 1), np.empty(p + 1), np.empty(p)
    whole, a = np.empty((p + 1, p + 1)), np.empty((p + 1, p + 1))
    within = np.empty((np.diff(start).max(), p + 1, p + 1))
    rows, small, effect = np.empty((q, p)), np.empty((q, q)), np.empty(q)
    for e in range(y.shape[0]):
        _moments(y[e], w[e], design, start, z, total, whole, within)
        for r in range(rho.size):
            _normal_equations(whole, within, rho[r], a)
            _factor(a, p)
            residual, volume, product = a[p, p], 0.0, 1.0
            noise = _ROUNDING * residual
            _solved(a, a[p], a[p], p)
            for i in range(p):
                residual -= a[p, i] * a[p, i]
                product *= a[i, i]
                if not _SMALL < product < _LARGE:  # one logarithm does for many columns
                    volume, product = volume + log(product), 1.0
            rss[e, r] = residual if residual > noise else 0.0
            log_det[e, r] = 2.0 * (volume + log(product))
            for c in range(contrasts.shape[0]):
                _solved(a, contrasts[c], v, p)
                estimate[e, r, c], scale[e, r, c] = _dot(v, a[p], p), sqrt(_dot(v, v, p))
            for h in range(q):
                _solved(a, joint[h], rows[h], p)
                effect[h] = _dot(rows[h], a[p], p)
                for k in range(h + 1):
                    small[h, k] = _dot(rows[h], rows[k], p)
            _factor(small, q)
            _solved(small, effect, effect, q)
            wald[e, r] = _dot(effect, effect, q) / max(q, 1)


@njit(nogil=True, cache=True)
def fit_without_each_patient(
    y, w, design, start, rho, at, contrasts, estimable, estimate, same
):  # pragma: no cover - compiled
    """Count how often the sign of ``estimate`` (n_features, n_contrasts) holds when a patient is left out.

    As :func:`fit_features`, each feature at the rho of index ``at`` (n_features,); ``estimable``
    (n_patients, n_contrasts) says which contrasts can be had without the patient. Fills ``same``
    (n_features, n_contrasts).
    """
    p, n_patients = design.shape[1], start.size - 1
    z, total, beta = np.empty(p + 1), np.empty(p + 1), np.empty(p)
    own = np.empty((n_patients, p + 1, p + 1))
    full, a = np.empty((p + 1, p + 1)), np.empty((p + 1, p + 1))
    for e in range(y.shape[0]):
        value = rho[at[e]]
        full[:] = 0.0
        own[:] = 0.0
        for j in range(n_patients):
            _add_samples(y[e], w[e], design, start[j], start[j + 1], z, own[j], total)
            kept = 1.0 / (1.0 - value)
            taken = kept * value / (1.0 + (start[j + 1] - start[j] - 1) * value)
            for i in range(p + 1):
                for k in range(i + 1):
                    own[j, i, k] = kept * own[j, i, k] - taken * total[i] * total[k]
                    full[i, k] += own[j, i, k]
        for j in range(n_patients):
            for i in range(p + 1):
                for k in range(i + 1):
                    a[i, k] = full[i, k] - own[j, i, k]
                    if abs(a[i, k]) <= 1e-12 * abs(full[i, k]):
                        a[i, k] = 0.0
            _factor(a, p)
            _solved(a, a[p], a[p], p)
            _solved_back(a, a[p], beta, p)
            for c in range(contrasts.shape[0]):
                if estimable[j, c]:
                    same[e, c] += _dot(contrasts[c], beta, p) * estimate[e, c] > 0.0
