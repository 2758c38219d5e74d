"""Tidy table of the genes that differ between organs."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.get._ambient_result import largest_share, load
from niche.get._comparisons import Comparisons, Names, is_wanted, with_ambient

RUN_FIRST = "niche.tl.compare_expression"

COLUMNS = (
    "contrast", "organ", "cell_type", "gene", "log2fc", "ci_low", "ci_high", "statistic", "pval", "qval",
    "call", "reason", "n_samples", "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc",
)  # fmt: skip


def compare_expression(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    cell_type: Names = None,
    gene: Names = None,
    call: Names = None,
    qval: float | None = None,
    key: str = keys.COMPARE_EXPRESSION,
) -> pd.DataFrame:
    """Return the genes of :func:`niche.tl.compare_expression` as a long table.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts: ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``,
        ``"<organ>_vs_primary"``, ``"<organ>_vs_normal"``.
    organ
        Keep contrasts that raise these organs.
    cell_type
        Keep these cell types (lineages, where the run compared those).
    gene
        Keep these genes.
    call
        Keep these calls. All by default, so that nothing is absent without a word.
    qval
        Keep rows with a q-value up to this.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per contrast, cell type and gene: ``contrast, organ`` (the one that a positive log2fc raises;
        empty for omnibus), ``cell_type, gene, log2fc`` with its 95 % interval ``ci_low, ci_high``,
        ``statistic`` (moderated t, F for omnibus; with pydeseq2 the Wald z, and chi-square over its rank),
        ``pval, qval, call`` (``enriched``, ``depleted``, ``specific``, ``shared``, ``differs``,
        ``undetermined``, ``not_testable``, and ``ambient-suspect`` where one of the first three would rest
        on ambient molecules), ``reason, n_samples, n_patients, sign_stability`` (share of
        left-out patients without whom the sign holds; NaN with pydeseq2), ``ambient_share`` (of the
        difference; ``not_assessed`` where :func:`niche.pp.ambient` was not run, NaN where nothing can be
        said), ``min_detectable_log2fc`` (80 % power at 0.05).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A name to keep does not exist.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.compare_expression(adata, "cell_type")
    >>> table = niche.get.compare_expression(adata, contrast="liver_vs_rest", call="enriched")
    >>> bool((table["log2fc"] >= 0.5).all())
    True
    """
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    table = Comparisons(stored, stored["tested"]["cell_type"], stored["tested"]["gene"])
    types, genes = read.strings(stored["cell_types"]["name"]), list(adata.var_names)
    kept = is_wanted(cell_type, "cell_type", types, types)[table.owner]
    kept &= is_wanted(gene, "gene", genes, genes)[table.feature]
    row, column = table.rows(kept, contrast, organ, call, qval)
    frame = pd.DataFrame(
        table.columns(row, column)
        | {
            "cell_type": pd.Categorical.from_codes(table.owner[row], types),
            "gene": pd.Categorical.from_codes(table.feature[row], genes),
        }
    )
    share = _ambient(adata, table, frame, column)
    return with_ambient(frame, share, largest_share(adata), call)[list(COLUMNS)]


def _ambient(
    adata: ad.AnnData, table: Comparisons, frame: pd.DataFrame, column: np.ndarray
) -> np.ndarray | None:
    """Share of the difference that ambient molecules explain; None where it was not assessed."""
    if keys.AMBIENT not in adata.uns:
        return None
    found, against = load(adata), table.against()
    share = np.full(len(frame), np.nan)
    estimated = frame["log2fc"].notna().to_numpy()
    for c in np.unique(column):
        mine = np.flatnonzero((column == c) & estimated)
        if against[c] is None or not mine.size:
            continue
        part = frame.iloc[mine]
        genes, place = np.unique(part["gene"].cat.codes.to_numpy(), return_inverse=True)
        row = found.row_of(part["organ"].astype(str), part["cell_type"].astype(str))
        effect = found.shares(genes.astype(np.int64), against[c]).effect_share
        share[mine] = np.where(row >= 0, effect[row, place], np.nan)
    return share
