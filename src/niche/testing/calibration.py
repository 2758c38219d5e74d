"""Whether p-values are uniform where nothing differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.testing import _edge_table
from niche.testing._contrast_names import KINDS, kind_of

_GRID = np.arange(1001) / 1000
COLUMNS = ("contrasts", "measure", "level", "value", "se", "n_data_sets", "n_pvals", "n_nan")


def calibration(
    tables: Iterable[pd.DataFrame], *, pval: str = "pval", levels: Sequence[float] = (0.05, 0.001)
) -> pd.DataFrame:
    r"""Measure type-I error and uniformity of p-values over data sets in which nothing differs.

    Parameters
    ----------
    tables
        One table of any tool per null data set, such as those of :func:`niche.testing.null_metastases`;
        a generator is read one table at a time. Needs ``contrast`` (``omnibus``, ``<organ>_vs_rest``,
        ``<a>_vs_<b>``, ``<organ>_vs_primary``, ``<organ>_vs_normal``) or ``organ``, which is read as
        that organ against the rest, and the p-values. One row per test: edges, genes or cell types.
    pval
        Column of the p-values; NaN where there was no test.
    levels
        Levels at which to count rejections.

    Returns
    -------
    DataFrame
        For each kind of contrast (``contrasts``: ``omnibus``, ``vs_rest``, ``pairwise``, ``vs_primary``,
        ``vs_normal``) one row per measure:

        - ``measure`` ``type_1_error`` at each ``level``: the share of p-values not above it;
        - ``liberal`` and ``conservative`` (``level`` NaN): how far the distribution of p lies above and
          below the uniform one at most; the greater is the Kolmogorov-Smirnov distance.

        ``value`` and its standard error ``se``, over ``n_data_sets`` with such p-values; ``n_pvals`` of
        these, and ``n_nan`` rows without. ``se`` is NaN for a single data set, ``value`` too where no
        data set has a p-value.

    Raises
    ------
    MissingKeyError
        A table lacks a column.
    InputValueError
        There is no table or no p-value at all, a p-value or level is not in [0, 1].
    InputTypeError
        A table is no DataFrame, the p-values are no numbers.

    Notes
    -----
    The tests of one data set share its patients and genes and are far from independent, so the data
    set is the replicate. With :math:`r_d` the share rejected in data set d of D,

    .. math::

        \hat\alpha = \bar r, \qquad se = \sqrt{\frac{1}{D (D - 1)} \sum_d (r_d - \bar r)^2}

    Distances are taken of the mean of the data sets' distribution functions, on a grid of 1,000 steps,
    with the standard error of the jackknife over data sets (doi:10.1214/aos/1176345462). They describe; as
    the tests depend on each other no p-value belongs to them. Even uniform p-values have distances
    above 0.

    Examples
    --------
    >>> import niche, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> tables = [pd.DataFrame({"contrast": "bone_vs_rest", "pval": rng.random(500)}) for _ in range(20)]
    >>> found = niche.testing.calibration(tables)
    >>> found["measure"].tolist()
    ['type_1_error', 'type_1_error', 'liberal', 'conservative']
    >>> found.loc[[0], ["contrasts", "level", "value", "se", "n_data_sets", "n_pvals"]].round(3)
      contrasts  level  value     se  n_data_sets  n_pvals
    0   vs_rest   0.05   0.05  0.002           20    10000
    """
    if isinstance(tables, pd.DataFrame):
        raise InputTypeError(
            "tables must be one table per data set. Got one DataFrame: pass [table] if it is one."
        )
    for level in levels:
        validate.number(level, "a level", low=0, high=1)
    found: dict[str, list[_DataSet]] = {}
    n_nan: dict[str, int] = {}
    for number, table in enumerate(tables):
        for kind, p in _by_kind(table, pval, number).items():
            tested = p[~np.isnan(p)]
            n_nan[kind] = n_nan.get(kind, 0) + p.size - tested.size
            sets = found.setdefault(kind, [])
            if tested.size:
                sets.append(_DataSet(tested, levels))
    if not any(found.values()):
        raise InputValueError(f"The tables hold no p-value in {pval!r}: nothing was tested.")
    rows = []
    for kind in [kind for kind in KINDS if kind in found]:
        sets = found[kind]
        counts = (len(sets), sum(one.size for one in sets), n_nan[kind])
        for place, level in enumerate(levels):
            rates = np.array([one.rates[place] for one in sets])
            rows.append((kind, "type_1_error", float(level), *_mean(rates), *counts))
        curves = np.array([one.curve for one in sets])
        for measure, sign in (("liberal", 1), ("conservative", -1)):
            rows.append((kind, measure, np.nan, *_distance(curves, sign), *counts))
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _DataSet:
    """What is kept of the p-values of one data set."""

    def __init__(self, p: np.ndarray, levels: Sequence[float]) -> None:
        self.size = p.size
        self.rates = [float((p <= level).mean()) for level in levels]
        self.curve = np.searchsorted(np.sort(p), _GRID, side="right") / p.size


def _by_kind(table: object, pval: str, number: int) -> dict[str, np.ndarray]:
    """Return the p-values of each kind of contrast of one table."""
    checked = _edge_table.columns(table, {pval: "pval= names the column of p-values."})
    p = _edge_table.numbers(checked, pval)
    if ((p < 0) | (p > 1)).any():
        raise InputValueError(
            f"Column {pval!r} of table {number} holds {p[(p < 0) | (p > 1)][0]:g}: no p-value."
        )
    if "contrast" in checked:
        contrast = checked["contrast"].astype(str)
    elif "organ" in checked:
        contrast = checked["organ"].astype(str) + "_vs_rest"
    else:
        raise MissingKeyError(
            f"Table {number} has neither 'contrast' nor 'organ'. Columns: {validate.shown(checked.columns)}."
        )
    kinds = contrast.map({name: kind_of(name) for name in contrast.unique()}).to_numpy()
    return {kind: p[kinds == kind] for kind in dict.fromkeys(kinds)}


def _mean(rates: np.ndarray) -> tuple[float, float]:
    """Return the mean over data sets and its standard error, NaN where they cannot be had."""
    if rates.size < 2:
        return float(rates[0]) if rates.size else float("nan"), float("nan")
    return float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(rates.size))


def _distance(curves: np.ndarray, sign: int) -> tuple[float, float]:
    """Return how far the mean curve lies above (1) or below (-1) the diagonal, and its standard error."""
    n, total = len(curves), curves.sum(axis=0)
    if n == 0:
        return float("nan"), float("nan")
    value = float(np.max(sign * (total / n - _GRID)))
    if n == 1:
        return value, float("nan")
    without = np.max(sign * ((total - curves) / (n - 1) - _GRID), axis=1)
    return value, float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
