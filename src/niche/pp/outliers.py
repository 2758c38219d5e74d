"""Thresholds of one sample from medians and median absolute deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

METRICS: dict[str, tuple[bool, bool]] = {
    "total_counts": (True, True),
    "n_genes_by_counts": (True, True),
    "pct_counts_in_top_20_genes": (False, False),
    "pct_counts_mt": (False, False),
}
"""Metric -> (judged on the log1p scale, judged both ways)."""


@dataclass(frozen=True)
class Thresholds:
    """Limits of one sample on the scale of the metrics; NaN where there is none.

    Attributes
    ----------
    low, high
        Metric -> limit; a value on the limit passes.
    status
        ``done`` or ``skipped: reason``.
    """

    low: dict[str, float]
    high: dict[str, float]
    status: str


def sample_thresholds(
    metrics: pd.DataFrame, *, n_mads: float, max_pct_mt: float | None, min_cells: int
) -> Thresholds:
    """Limits of the cells of one sample; a fixed ``max_pct_mt`` holds in samples of any size."""
    low = dict.fromkeys(METRICS, float("nan"))
    high = dict.fromkeys(METRICS, float("nan"))
    enough = len(metrics) >= min_cells
    for name, (logged, both) in METRICS.items():
        if not enough or name not in metrics.columns:
            continue
        below, above = _limits(metrics[name].to_numpy(dtype=np.float64), n_mads, logged=logged)
        low[name] = below if both else float("nan")
        high[name] = above
    if max_pct_mt is not None and "pct_counts_mt" in metrics.columns:
        high["pct_counts_mt"] = float(np.fmin(high["pct_counts_mt"], max_pct_mt))
    return Thresholds(low, high, "done" if enough else f"skipped: fewer than {min_cells} cells")


def _limits(values: np.ndarray, n_mads: float, *, logged: bool) -> tuple[float, float]:
    """Median -+ n MAD, NaN without spread. Cells without counts (NaN shares) are left out."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return float("nan"), float("nan")
    scaled = np.log1p(seen) if logged else seen
    middle = float(np.median(scaled))
    spread = float(np.median(np.abs(scaled - middle)))
    if spread == 0:
        return float("nan"), float("nan")
    below, above = middle - n_mads * spread, middle + n_mads * spread
    return (float(np.expm1(below)), float(np.expm1(above))) if logged else (below, above)
