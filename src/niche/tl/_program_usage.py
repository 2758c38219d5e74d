"""Usage of programs by patients, tested between organs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niche._stats import averaged_tests
from niche._stats.contrasts import PAIR, REST
from niche._stats.organ_tests import Method
from niche.tl._compare_input import Study
from niche.tl._organ_results import OrganResults, few_tests, precision_weights

OFFSET = 0.05
"""Added to usage before the logarithm, as a share of its mean over all patients."""

EQUIVALENT = 1.0
"""Organs are alike where every 90 % interval of a pair lies within so many log2 units."""

_LN2 = np.log(2.0)


@dataclass(frozen=True)
class UnitUsage:
    """Usage of programs in every unit, a patient in an organ, that has enough cells.

    Attributes
    ----------
    rows
        (n_rows,) units.
    n
        (n_rows,) cells.
    mean
        (n_programs, n_rows) mean usage.
    value, variance
        (n_programs, n_rows) log2 usage and what the number of cells adds to its variance.
    """

    rows: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    value: np.ndarray
    variance: np.ndarray


def unit_usage(usage: np.ndarray, unit: np.ndarray, n_units: int, min_cells: int) -> UnitUsage:
    """Means of cells (n_cells, n_programs) by ``unit`` (n_cells,; -1 takes no part).

    The variance of a mean is that of cells relative to their mean, pooled over all units, so that a
    precision does not depend on the value it belongs to.
    """
    used = (unit >= 0) & np.isfinite(usage[:, 0])
    n = np.bincount(unit[used], minlength=n_units).astype(float)
    total, square = np.zeros((2, n_units, usage.shape[1]))
    np.add.at(total, unit[used], usage[used])
    np.add.at(square, unit[used], usage[used] ** 2)
    rows = np.flatnonzero(n >= max(min_cells, 2))
    mean = total[rows] / n[rows, None]
    spread = np.maximum(square[rows] / n[rows, None] - mean**2, 0.0) * (n[rows] / (n[rows] - 1))[:, None]
    offset = OFFSET * np.maximum(mean.mean(axis=0), 1e-12) if rows.size else np.ones(usage.shape[1])
    relative = (spread / (mean + offset) ** 2).mean(axis=0) if rows.size else offset
    value = np.log2(mean + offset)
    variance = np.maximum(relative, 1e-8)[None] / n[rows, None] / _LN2**2
    return UnitUsage(rows, n[rows], mean.T.copy(), value.T.copy(), variance.T.copy())


def compare_usage(
    found: UnitUsage, kept: np.ndarray, refused: dict[int, str], study: Study, method: Method, whose: str
) -> OrganResults:
    """Test the programs ``kept`` (n,); ``refused`` says why others are not."""
    out = OrganResults(study, len(found.value), more=("ci90_low", "ci90_high"))
    for k, why in refused.items():
        out.refuse([k], why)
    group = study.units.samples.group[found.rows]
    missing = [
        "" if (group == g).any() else f"no patient with enough {whose} in {name}"
        for g, name in enumerate(study.groups.name)
    ]
    usable = np.array([not text for text in missing])
    if usable.sum() < 2:
        out.refuse(kept, "; ".join(text for text in missing if text))
        return out
    if not kept.size:
        return out
    masks = np.tile(usable, (kept.size, 1))
    value = np.ascontiguousarray(found.value[kept])
    weights = precision_weights(value, found.variance[kept], study.units.samples.take(found.rows), masks)
    family = few_tests(value, weights, masks, found.rows, study, method)
    out.record(kept, family, found.rows, [missing] * kept.size)
    low, high = averaged_tests.interval(family.tests, 0.9)
    for name, side in (("ci90_low", low), ("ci90_high", high)):
        out.values[name][kept] = np.where(np.isnan(family.tests.effect), np.nan, side)
    return out


def alike(results: OrganResults) -> np.ndarray:
    """(n_programs,) whether every pair of organs is equivalent; False where one cannot be told."""
    pairs = np.array([c.kind == PAIR for c in results.study.wanted], dtype=bool)
    low, high = (results.values[name][:, pairs] for name in ("ci90_low", "ci90_high"))
    if not pairs.any():
        return np.zeros(len(low), dtype=bool)
    with np.errstate(invalid="ignore"):
        inside = (low > -EQUIVALENT) & (high < EQUIVALENT)
    return np.asarray(inside.all(axis=1))


def rest_columns(results: OrganResults) -> dict[int, int]:
    """Column of each organ's contrast against the rest, by group."""
    return {c.plus: i for i, c in enumerate(results.study.wanted) if c.kind == REST}


def variance_shares(usage: np.ndarray, unit: np.ndarray, group: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Shares of the variance of usage within tumors, between patients, between organs: (n_programs, 3).

    Moments of a nested design in which every unit counts alike: cells in units (n_cells,), units ``rows`` in
    groups (n_units,). Components below 0 are 0. NaN where nothing varies; without two units in an organ the
    part of patients cannot be told from that of organs, and both are NaN.
    """
    n_programs = usage.shape[1]
    cells = [usage[unit == u] for u in rows]
    mean = np.array([c.mean(axis=0) for c in cells]).reshape(len(rows), n_programs)
    spread = np.array([c.var(axis=0, ddof=1) for c in cells]).reshape(len(rows), n_programs)
    error = spread / np.array([len(c) for c in cells])[:, None] if len(rows) else spread
    within = spread.mean(axis=0) if len(rows) else np.full(n_programs, np.nan)
    names, place, size = np.unique(group[rows], return_inverse=True, return_counts=True)
    centre = np.array([mean[place == g].mean(axis=0) for g in range(len(names))]).reshape(-1, n_programs)
    spare = len(rows) - len(names)
    if len(names) < 2 or spare < 1:
        return np.full((n_programs, 3), np.nan)
    residual = ((mean - centre[place]) ** 2).sum(axis=0) / spare
    patients = np.maximum(residual - error.mean(axis=0), 0.0)
    organs = np.maximum(centre.var(axis=0, ddof=1) - residual * (1 / size).mean(), 0.0)
    parts = np.stack([within, patients, organs], axis=1)
    total = parts.sum(axis=1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1.0), np.nan)
