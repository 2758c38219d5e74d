"""The growth of every animal and organ: which measurements enter, and the line through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from niche._stats.line_fits import crossings, line_fits, quantiles_of_t
from niche._stats.plateau import plateau_starts
from niche.tl._growth_input import DAY0, Measurements

LEAST_POINTS = 3
BELOW, SATURATED, USED, UNKNOWN = 0, 1, 2, 3
USES = ("below", "saturated", "used", "unknown")
"""What a measurement is by its code; unknown where there is no background to compare it with."""
MEASUREMENT_COLUMNS = (
    "animal", "organ", "group", "day", "flux", "background", "threshold", "saturation", "use",
)  # fmt: skip
COLUMNS = (
    "animal", "organ", "group", "n_measured", "n_used", "n_below", "n_saturated", "first_day", "last_day",
    "slope", "slope_error", "ci_low", "ci_high", "doubling_time", "doubling_low", "doubling_high", "onset",
    "onset_low", "onset_high", "intercept", "residual_sd", "background", "threshold", "subtracted",
    "saturation", "status", "reason",
)  # fmt: skip


def animal_rows(
    data: Measurements,
    *,
    detection: float,
    subtract: bool,
    plateaus: bool,
    min_points: int,
    confidence: float,
) -> pd.DataFrame:
    """One row per animal and organ."""
    n = len(data.series)
    state = states(data, detection, plateaus=plateaus, subtract=subtract)
    used = state == USED
    fits = line_fits(data.day[used], signal(data, subtract=subtract)[used], data.code[used], n)
    enough = fits.n >= min_points
    level = _per_series(data.background, data.code, n, "median")
    with np.errstate(divide="ignore"):
        onset = crossings(fits, np.log((detection - 1 if subtract else detection) * level), confidence)
    half = quantiles_of_t(fits.n - 2.0, confidence) * fits.slope_error
    out = data.series.copy()
    out["n_measured"] = np.bincount(data.code, minlength=n)
    for name, code in (("n_used", USED), ("n_below", BELOW), ("n_saturated", SATURATED)):
        out[name] = np.bincount(data.code[state == code], minlength=n)
    out["first_day"] = _per_series(data.day[used], data.code[used], n, "min")
    out["last_day"] = _per_series(data.day[used], data.code[used], n, "max")
    out["slope"], out["slope_error"] = fits.slope, fits.slope_error
    out["ci_low"], out["ci_high"] = fits.slope - half, fits.slope + half
    out["doubling_time"], out["doubling_low"], out["doubling_high"] = doubling(
        fits.slope, fits.slope - half, fits.slope + half
    )
    finite = np.isfinite(onset[0])
    for name, value in zip(("onset", "onset_low", "onset_high"), onset, strict=True):
        out[name] = np.where(finite, value, np.nan)
    out["intercept"], out["residual_sd"] = fits.intercept, fits.residual_sd
    fitted = [
        "slope", "slope_error", "ci_low", "ci_high", "doubling_time", "doubling_low", "doubling_high",
        "onset", "onset_low", "onset_high", "intercept", "residual_sd",
    ]  # fmt: skip
    out.loc[~enough, fitted] = np.nan
    out["background"], out["threshold"] = level, detection * level
    out["subtracted"] = subtract
    out["saturation"] = _saturation(data, state, n)
    out["status"] = pd.Categorical.from_codes((~enough).astype(np.int64), ["tested", "not_testable"])
    out["reason"] = [_reason(row, min_points) for row in out.itertuples()]
    return out[list(COLUMNS)].reset_index(drop=True)


def measurement_rows(
    data: Measurements, *, detection: float, subtract: bool, plateaus: bool
) -> pd.DataFrame:
    """One row per measurement, with what it is in the fit."""
    out = data.series.iloc[data.code].reset_index(drop=True)
    out["day"], out["flux"], out["background"] = data.day, data.flux, data.background
    out["threshold"] = detection * data.background
    out["saturation"] = np.where(np.isfinite(data.saturation), data.saturation, np.nan)
    state = states(data, detection, plateaus=plateaus, subtract=subtract)
    out["use"] = pd.Categorical.from_codes(state, list(USES))
    return out[list(MEASUREMENT_COLUMNS)]


def doubling(slope: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, ...]:
    """Doubling time with its interval, in days: NaN without growth, without end where the slope may be 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        time = np.where(slope > 0, np.log(2) / slope, np.nan)
        shortest = np.where(high > 0, np.log(2) / high, np.nan)
        longest = np.where(low > 0, np.log(2) / low, np.where(high > 0, np.inf, np.nan))
    return time, shortest, longest


def signal(data: Measurements, *, subtract: bool) -> np.ndarray:
    """Natural log of the flux, above the background where it is subtracted; NaN where there is none."""
    above = data.flux - data.background if subtract else data.flux
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(above > 0, np.log(above), np.nan)


def states(data: Measurements, detection: float, *, plateaus: bool, subtract: bool) -> np.ndarray:
    """Whether a measurement is below the threshold, saturated, used, or without a threshold (n,)."""
    above = data.flux > detection * data.background
    state = np.where(above, np.where(data.flux >= data.saturation, SATURATED, USED), BELOW)
    state[np.isnan(data.background)] = UNKNOWN
    if plateaus:
        _mark_plateaus(state, data, signal(data, subtract=subtract))
    return state


def _mark_plateaus(state: np.ndarray, data: Measurements, y: np.ndarray) -> None:
    """Mark plateaus at the end of series as saturated; series with the same days at once."""
    used = np.flatnonzero(state == USED)
    alike: dict[bytes, list[np.ndarray]] = {}
    for rows in np.split(used, np.flatnonzero(np.diff(data.code[used])) + 1):
        alike.setdefault(data.day[rows].tobytes(), []).append(rows)
    for found in alike.values():
        rows = np.stack(found)
        for mine, start in zip(rows, plateau_starts(data.day[rows[0]], y[rows]), strict=True):
            state[mine[start:]] = SATURATED


def _per_series(values: np.ndarray, code: np.ndarray, n: int, what: str) -> np.ndarray:
    """Aggregate of the values of each series (n,), NaN where there are none."""
    return pd.Series(values).groupby(code).agg(what).reindex(range(n)).to_numpy(dtype=float)


def _saturation(data: Measurements, state: np.ndarray, n: int) -> np.ndarray:
    """Level of saturation of every series: the given or common one, or the lowest flux of its plateau."""
    given = _per_series(data.saturation, data.code, n, "min")
    high = state == SATURATED
    seen = _per_series(data.flux[high], data.code[high], n, "min")
    level = np.fmin(given, seen)
    return np.where(np.isfinite(level), level, np.nan)


def _reason(row: Any, min_points: int) -> str:
    if row.n_used >= min_points:
        return ""
    if row.n_measured == 0:
        return "no measurement"
    if np.isnan(row.background):
        return f"no measurement on the baseline day (background={DAY0!r})"
    if row.n_used + row.n_saturated == 0:
        return "never above the background"
    if row.n_used == 0:
        return "all measurements above the background are saturated"
    return f"{row.n_used} measurements between background and saturation, {min_points} needed"
