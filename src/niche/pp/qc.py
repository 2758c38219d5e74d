"""Judge every cell by its own sample: outliers, mitochondrial share, doublets. Nothing is removed."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels.cell_totals import row_sums, top_share
from niche._kernels.row_tiles import Work
from niche._log import logger
from niche._settings import settings
from niche._slots import keys, matrix, passes, validate, write
from niche.pp.doublets import score_doublets
from niche.pp.outliers import METRICS, Thresholds, sample_thresholds

PASSED = "passed"
NOT_ASSESSED = "not_assessed"
_TOP = 20
_LOGGED = ("n_genes_by_counts", "total_counts", "total_counts_mt")
_ORDER = (
    "n_genes_by_counts", "log1p_n_genes_by_counts", "total_counts", "log1p_total_counts", "total_counts_mt",
    "log1p_total_counts_mt", "pct_counts_mt", f"pct_counts_in_top_{_TOP}_genes",
)  # fmt: skip


def qc(
    adata: ad.AnnData,
    *,
    sample_key: str | None = None,
    layer: str | None = None,
    n_mads: float = 5.0,
    max_pct_mt: float | None = None,
    expected_doublet_rate: float = 0.06,
    min_cells_mads: int = 20,
    min_cells_scrublet: int = 100,
    rng: int | np.random.Generator = 0,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Quality metrics of every cell, outliers within its sample, and doublet scores.

    Cells are judged, never removed: filter with ``adata[adata.obs["qc_pass"]].copy()``.

    Parameters
    ----------
    adata
        Annotated data: numpy, csr, csc, dask or backed. Run it before filtering genes.
    sample_key
        Column of ``obs`` with samples. ``None`` takes ``settings.sample_key``.
    layer
        Matrix to judge by. ``None`` takes ``layers["counts"]`` where it exists, else X.
    n_mads
        Median absolute deviations beyond which a cell is an outlier of its sample, greater than 0.
    max_pct_mt
        Also fail cells with more than this percentage of mitochondrial counts, in [0, 100].
    expected_doublet_rate
        Share of doublets expected per sample, in (0, 0.5].
    min_cells_mads, min_cells_scrublet
        Samples with fewer cells are not judged by outliers, or not searched for doublets.
    rng
        Seed or generator; every sample draws from its own stream.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores in ``obs`` the metrics of
        :func:`scanpy.pp.calculate_qc_metrics` under its names (``n_genes_by_counts, total_counts,
        pct_counts_in_top_20_genes, pct_counts_mt`` and their ``log1p_``), ``doublet_score`` (NaN where not
        assessed), ``qc_pass``, ``qc_reason`` (``passed``; what failed, joined by ``"; "``; or
        ``not_assessed`` where the sample is too small to judge and nothing failed); in ``var`` ``mt``; in
        ``uns["qc"]`` ``params``, ``kind``, ``skipped`` (metric, reason) and ``table`` with one row per
        sample: ``sample, n_cells, n_pass, n_empty``, ``n_low_*`` and ``n_high_*`` per metric,
        ``n_doublet``, ``low_*`` and ``high_*`` thresholds (NaN: none), ``outliers`` and ``scrublet``
        (``done`` or ``skipped: reason``).

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, no cells, values that are not finite or negative, missing sample labels, or an
        option out of range.
    MissingKeyError
        The sample column or the layer does not exist.

    Notes
    -----
    A cell is an outlier where :math:`|x - \mathrm{median}| > n\,\mathrm{MAD}` within its sample: both
    ways for log1p total counts and genes, upwards for the share of the 20 top genes and mitochondrial
    counts; a metric without spread (MAD 0) is not judged. Doublets: Scrublet per sample (Wolock 2019,
    DOI 10.1016/j.cels.2018.11.005) at its automatic threshold. Data without counts have no totals and
    no doublet scores; genes and shares are read from the unlogged values. The result describes the cells
    it was run on and stays valid after the failing ones are removed.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.qc(adata, min_cells_scrublet=10_000)
    >>> adata.uns["qc"]["table"]["scrublet"].iloc[0]
    'skipped: fewer than 10000 cells'
    """
    validate.anndata(adata)
    _check_options(n_mads, max_pct_mt, expected_doublet_rate, min_cells_mads, min_cells_scrublet)
    validate.flag(copy, "copy")
    streams = validate.generator(rng)
    samples = validate.factor(adata, sample_key, "sample_key")
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    kind = "counts" if source == keys.COUNTS else matrix.detect_kind(adata, source)
    values, threads = matrix.resolve(adata, source, kind), settings.threads(None)

    mt = _mitochondrial(adata)
    parts = passes.rows(values, Work(_metrics, (mt, kind)), threads)
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    empty = found.pop("empty")
    metrics = pd.DataFrame(found)
    limits = [
        sample_thresholds(
            metrics[samples.codes == code], n_mads=n_mads, max_pct_mt=max_pct_mt, min_cells=min_cells_mads
        )
        for code in range(len(samples.names))
    ]
    doublets = score_doublets(
        passes.picker(values, threads) if kind == "counts" else None,
        samples.codes,
        samples.names,
        expected_rate=expected_doublet_rate,
        min_cells=min_cells_scrublet,
        rng=streams,
    )
    failed = _failures(metrics, samples.codes, limits)
    failed.insert(0, "empty", empty)
    failed["doublet"] = doublets.called
    passed = ~failed.any(axis=1).to_numpy()

    adata = adata.copy() if copy else adata
    judged = np.array([limit.status == "done" for limit in limits])[samples.codes]
    columns = {name: metrics[name].to_numpy() for name in metrics.columns}
    columns |= {
        keys.DOUBLET_SCORE: doublets.score,
        keys.QC_PASS: passed,
        keys.QC_REASON: _reasons(failed, judged),
    }
    write.obs(adata, columns)
    write.var(adata, {"mt": mt})
    table = _table(samples, metrics, failed, passed, limits, doublets.status)
    write.result(
        adata,
        keys.QC,
        params={
            "sample_key": samples.key,
            "layer": layer,
            "n_mads": float(n_mads),
            "max_pct_mt": max_pct_mt,
            "expected_doublet_rate": float(expected_doublet_rate),
            "min_cells_mads": int(min_cells_mads),
            "min_cells_scrublet": int(min_cells_scrublet),
            "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
        },
        payload={"kind": kind, "skipped": _skipped(kind, has_mt=bool(mt.any())), "table": table},
        fingerprint={"names": np.array([], dtype=object), "digests": np.array([], dtype=object)},
    )
    logger.info("qc: %d of %d cells pass; none was removed", int(passed.sum()), len(passed))
    return adata if copy else None


def _check_options(
    n_mads: float,
    max_pct_mt: float | None,
    expected_doublet_rate: float,
    min_cells_mads: int,
    min_cells_scrublet: int,
) -> None:
    validate.number(n_mads, "n_mads", low=0, high=1000, open_low=True)
    if max_pct_mt is not None:
        validate.number(max_pct_mt, "max_pct_mt", low=0, high=100)
    validate.number(expected_doublet_rate, "expected_doublet_rate", low=0, high=0.5, open_low=True)
    validate.number(min_cells_mads, "min_cells_mads", low=3, high=1e9, integer=True)
    validate.number(min_cells_scrublet, "min_cells_scrublet", low=30, high=1e9, integer=True)


def _mitochondrial(adata: ad.AnnData) -> np.ndarray:
    """Which genes are mitochondrial, (n_vars,)."""
    names = pd.Series(np.asarray(adata.var_names, dtype=object)).astype(str)
    mt = names.str.upper().str.startswith("MT-").to_numpy()
    if not mt.any() and keys.SYMBOL in adata.var.columns:
        mt = adata.var[keys.SYMBOL].astype(str).str.upper().str.startswith("MT-").to_numpy()
    return mt


def _metrics(
    block: sparse.csr_matrix, first: int, last: int, mt: np.ndarray, kind: str
) -> dict[str, np.ndarray]:
    """Metrics of cells with scanpy's names, without totals where there are no counts; and which are empty."""
    values = block[first:last].astype(np.float32)
    cells = values if kind == "counts" else values.expm1()
    cells.eliminate_zeros()
    found = {"n_genes_by_counts": cells.getnnz(axis=1)}
    totals = row_sums(cells)
    if kind == "counts":
        found["total_counts"] = totals
    if mt.any():
        of_mt = row_sums(cells[:, mt])
        if kind == "counts":
            found["total_counts_mt"] = of_mt
        with np.errstate(invalid="ignore"):
            found["pct_counts_mt"] = of_mt / totals * 100
    if mt.size > _TOP:
        found[f"pct_counts_in_top_{_TOP}_genes"] = top_share(cells, _TOP)
    logs = {f"log1p_{name}": np.log1p(found[name]) for name in _LOGGED if name in found}
    ordered = {name: (found | logs)[name] for name in _ORDER if name in found | logs}
    return ordered | {"empty": row_sums(values) == 0}


def _failures(metrics: pd.DataFrame, codes: np.ndarray, limits: list[Thresholds]) -> pd.DataFrame:
    """One boolean column per way to fail, for metrics that exist."""
    failed: dict[str, np.ndarray] = {}
    for metric, (_, both) in METRICS.items():
        if metric not in metrics.columns:
            continue
        values = metrics[metric].to_numpy()
        low = np.array([limit.low[metric] for limit in limits])[codes]
        high = np.array([limit.high[metric] for limit in limits])[codes]
        if both:
            failed[f"low {metric}"] = values < low
        failed[f"high {metric}"] = values > high
    return pd.DataFrame(failed)


def _reasons(failed: pd.DataFrame, judged: np.ndarray) -> np.ndarray:
    """Why each cell fails; ``passed``, or ``not_assessed`` in samples too small to judge."""
    reasons = np.where(judged, PASSED, NOT_ASSESSED).astype(object)
    flags = failed.to_numpy()
    names = np.array(failed.columns, dtype=object)
    for row in np.flatnonzero(flags.any(axis=1)):
        reasons[row] = "; ".join(names[flags[row]])
    return reasons


def _table(
    samples: validate.Factor,
    metrics: pd.DataFrame,
    failed: pd.DataFrame,
    passed: np.ndarray,
    limits: list[Thresholds],
    scrublet: list[str],
) -> pd.DataFrame:
    codes, n = samples.codes, len(samples.names)
    columns: dict[str, Any] = {
        "sample": np.array(samples.names, dtype=object),
        "n_cells": np.bincount(codes, minlength=n),
        "n_pass": np.bincount(codes[passed], minlength=n),
    }
    for name in failed.columns:
        columns[f"n_{name.replace(' ', '_')}"] = np.bincount(codes[failed[name].to_numpy()], minlength=n)
    for metric, (_, both) in METRICS.items():
        if metric not in metrics.columns:
            continue
        if both:
            columns[f"low_{metric}"] = np.array([limit.low[metric] for limit in limits])
        columns[f"high_{metric}"] = np.array([limit.high[metric] for limit in limits])
    columns["outliers"] = np.array([limit.status for limit in limits], dtype=object)
    columns["scrublet"] = np.array(scrublet, dtype=object)
    return pd.DataFrame(columns)


def _skipped(kind: str, *, has_mt: bool) -> pd.DataFrame:
    rows = []
    if kind != "counts":
        reason = "no raw counts: log values only"
        rows += [("total_counts", reason), ("doublet_score", reason)]
    if not has_mt:
        rows.append(("pct_counts_mt", "no gene named MT-... (human) or mt-... (mouse)"))
    return pd.DataFrame(rows, columns=["metric", "reason"], dtype=object)
