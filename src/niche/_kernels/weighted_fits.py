"""Weighted least squares of many features on one design, for several within-patient correlations at once.

The covariance of a feature over samples is ``s2 W^(-1/2) R W^(-1/2)`` with W its precision weights and R
holding 1 on the diagonal and rho between samples of one patient. The inverse of R has closed form, so one
walk over the samples serves every rho.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import njit, prange

_SINGULAR = 1e-10
_ROUNDING = 1e-13


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
def _moments(y, w, design, start, whole, patient):
    """Fill weighted cross products of (design, y) over all samples, and root-weighted sums over patients."""
    p = design.shape[1]
    whole[:] = 0.0
    patient[:] = 0.0
    z = np.empty(p + 1)
    for j in range(start.size - 1):
        for i in range(start[j], start[j + 1]):
            root = sqrt(w[i])
            for a in range(p):
                z[a] = root * design[i, a]
            z[p] = root * y[i]
            for a in range(p + 1):
                patient[j, a] += z[a]
                for b in range(a + 1):
                    whole[a, b] += z[a] * z[b]


@njit(cache=True)
def _normal_equations(whole, patient, shared, rho, out):
    """Fill the lower triangle of ``Z' V^-1 Z``; ``shared`` (n_patients,) is rho / (1 + (b - 1) rho)."""
    n = whole.shape[0]
    for a in range(n):
        for b in range(a + 1):
            value = whole[a, b]
            if rho != 0.0:
                for j in range(patient.shape[0]):
                    value -= shared[j] * patient[j, a] * patient[j, b]
                value /= 1.0 - rho
            out[a, b] = value


@njit(parallel=True, cache=True)
def fit_features(
    y, w, design, start, rho, shared, contrasts, joint, estimate, scale, rss, log_det, wald
):  # pragma: no cover - compiled
    """Fit every feature at every rho.

    ``y``, ``w`` (n_features, n_samples), samples sorted by patient, those of patient j being
    ``start[j]..start[j + 1]``; ``design`` (n_samples, p) of full rank; ``rho`` (n_rho,), ``shared``
    (n_rho, n_patients); ``contrasts`` (n_contrasts, p), ``joint`` (q, p). Fills ``estimate`` and ``scale``
    (n_features, n_rho, n_contrasts), the standard error being ``scale * s``; ``rss`` and ``log_det``
    (n_features, n_rho), of the residuals and of ``X' V^-1 X``; ``wald`` (n_features, n_rho), the joint
    hypothesis' quadratic form over q, to be divided by ``s2``.
    """
    p, q = design.shape[1], joint.shape[0]
    for e in prange(y.shape[0]):
        whole, patient = np.empty((p + 1, p + 1)), np.empty((start.size - 1, p + 1))
        a, v = np.empty((p + 1, p + 1)), np.empty(p)
        rows, small, effect = np.empty((q, p)), np.empty((q, q)), np.empty(q)
        _moments(y[e], w[e], design, start, whole, patient)
        for r in range(rho.size):
            _normal_equations(whole, patient, shared[r], rho[r], a)
            _factor(a, p)
            residual, total = a[p, p], 0.0
            noise = _ROUNDING * residual
            _solved(a, a[p].copy(), a[p], p)
            for i in range(p):
                residual -= a[p, i] * a[p, i]
                total += 2.0 * log(a[i, i])
            rss[e, r], log_det[e, r] = residual if residual > noise else 0.0, total
            for c in range(contrasts.shape[0]):
                _solved(a, contrasts[c], v, p)
                estimate[e, r, c], scale[e, r, c] = np.dot(v, a[p, :p]), sqrt(np.dot(v, v))
            for h in range(q):
                _solved(a, joint[h], rows[h], p)
                effect[h] = np.dot(rows[h], a[p, :p])
                for k in range(h + 1):
                    small[h, k] = np.dot(rows[h], rows[k])
            _factor(small, q)
            _solved(small, effect.copy(), effect, q)
            wald[e, r] = np.dot(effect, effect) / max(q, 1)


@njit(parallel=True, cache=True)
def fit_without_each_patient(
    y, w, design, start, rho, shared, at, contrasts, estimable, estimate, same, used
):  # pragma: no cover - compiled
    """Count how often the sign of ``estimate`` (n_features, n_contrasts) holds when a patient is left out.

    As :func:`fit_features`, each feature at the rho of index ``at`` (n_features,); ``estimable``
    (n_patients, n_contrasts) says which contrasts can be had without the patient. Fills ``same`` and
    ``used`` (n_features, n_contrasts).
    """
    p, n_patients = design.shape[1], start.size - 1
    for e in prange(y.shape[0]):
        whole, own = np.empty((p + 1, p + 1)), np.empty((p + 1, p + 1))
        patient, one = np.empty((n_patients, p + 1)), np.empty((1, p + 1))
        full, a, v = np.empty((p + 1, p + 1)), np.empty((p + 1, p + 1)), np.empty(p)
        r = at[e]
        _moments(y[e], w[e], design, start, whole, patient)
        _normal_equations(whole, patient, shared[r], rho[r], full)
        for j in range(n_patients):
            part = slice(start[j], start[j + 1])
            ends = np.array([0, start[j + 1] - start[j]])
            _moments(y[e, part], w[e, part], design[part], ends, own, one)
            _normal_equations(own, one, shared[r, j : j + 1], rho[r], a)
            for i in range(p + 1):
                for k in range(i + 1):
                    a[i, k] = full[i, k] - a[i, k]
                    if abs(a[i, k]) <= 1e-12 * abs(full[i, k]):
                        a[i, k] = 0.0
            _factor(a, p)
            _solved(a, a[p].copy(), a[p], p)
            for c in range(contrasts.shape[0]):
                if estimable[j, c]:
                    _solved(a, contrasts[c], v, p)
                    used[e, c] += 1
                    same[e, c] += np.dot(v, a[p, :p]) * estimate[e, c] > 0.0
