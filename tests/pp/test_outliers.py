from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.pp.outliers import sample_thresholds


def frame(n=30, **columns):
    rng = np.random.default_rng(0)
    base = {
        "total_counts": rng.integers(900, 1100, n).astype(float),
        "n_genes_by_counts": rng.integers(450, 550, n).astype(float),
        "pct_counts_in_top_20_genes": rng.uniform(20, 30, n),
        "pct_counts_mt": rng.uniform(2, 6, n),
    }
    return pd.DataFrame(base | columns)


def test_by_hand():
    values = np.array([10.0, 20, 30, 40, 1000])
    metrics = frame(5, pct_counts_mt=values)
    found = sample_thresholds(metrics, n_mads=2, max_pct_mt=None, min_cells=5)
    # median 30, deviations 20 10 0 10 970: MAD 10
    assert found.high["pct_counts_mt"] == 50
    assert np.isnan(found.low["pct_counts_mt"])
    logged = np.log1p(metrics["total_counts"])
    middle = logged.median()
    spread = (logged - middle).abs().median()
    assert found.low["total_counts"] == pytest.approx(np.expm1(middle - 2 * spread))
    assert found.high["total_counts"] == pytest.approx(np.expm1(middle + 2 * spread))
    assert found.status == "done"


def test_small_samples_keep_only_the_fixed_limit():
    found = sample_thresholds(frame(5), n_mads=5, max_pct_mt=10, min_cells=20)
    assert found.status == "skipped: fewer than 20 cells"
    assert found.high["pct_counts_mt"] == 10
    assert all(np.isnan(limit) for name, limit in found.high.items() if name != "pct_counts_mt")


def test_the_stricter_mitochondrial_limit_holds():
    metrics = frame()
    free = sample_thresholds(metrics, n_mads=5, max_pct_mt=None, min_cells=20).high["pct_counts_mt"]
    for fixed in (free - 1, free + 1):
        found = sample_thresholds(metrics, n_mads=5, max_pct_mt=fixed, min_cells=20)
        assert found.high["pct_counts_mt"] == min(free, fixed)


def test_no_spread_no_limit():
    found = sample_thresholds(frame(pct_counts_mt=np.zeros(30)), n_mads=5, max_pct_mt=None, min_cells=20)
    assert np.isnan(found.high["pct_counts_mt"])


def test_missing_metrics_and_values():
    metrics = frame().drop(columns="total_counts")
    metrics.loc[0, "pct_counts_mt"] = np.nan
    found = sample_thresholds(metrics, n_mads=5, max_pct_mt=None, min_cells=20)
    assert np.isnan(found.low["total_counts"])
    assert np.isfinite(found.high["pct_counts_mt"])
