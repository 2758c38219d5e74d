"""Tidy tables of what sublines selected for an organ have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche._stats.contrasts import OMNIBUS
from niche._stats.organ_tests import Models, Samples, family_tests
from niche.get._comparisons import DIRECTED, Comparisons, Names, is_wanted
from niche.get._subline_values import contrasts_stored, groups_stored, subline_values

RUN_FIRST = "niche.tl.compare_sublines"

COLUMNS = (
    "contrast", "organ", "gene", "log2fc", "ci_low", "ci_high", "statistic", "pval", "qval", "call", "reason",
    "n_sublines", "n_replicates", "sign_stability", "min_detectable_log2fc",
)  # fmt: skip
TABLES = ("genes", "held_out", "left_out", "sublines")


def compare_sublines(
    adata: ad.AnnData,
    *,
    what: Literal["genes", "held_out", "left_out", "sublines"] = "genes",
    contrast: Names = None,
    organ: Names = None,
    gene: Names = None,
    call: Names = None,
    qval: float | None = None,
    key: str = keys.COMPARE_SUBLINES,
) -> pd.DataFrame:
    """Return a table of :func:`niche.tl.compare_sublines`.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    what
        ``"genes"``: every gene and contrast. ``"held_out"``: signatures tried on sublines they were not built
        from. ``"left_out"``: effects of genes without each subline in turn. ``"sublines"``: the values that
        were tested, subline by subline.
    contrast
        Keep these contrasts: ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``,
        ``"<organ>_vs_parental"``.
    organ
        Keep contrasts that raise these organs.
    gene
        Keep these genes. Of ``"left_out"`` and ``"sublines"`` the default is genes with a call that names an
        organ.
    call
        Keep these calls.
    qval
        Keep rows with a q-value up to this.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        Of ``"genes"`` one row per contrast and gene: ``contrast, organ`` (the one that a positive log2fc
        raises; empty for omnibus), ``gene, log2fc`` with its 95 % interval ``ci_low, ci_high, statistic``
        (moderated t, F for omnibus), ``pval, qval, call`` (``enriched``, ``depleted``, ``specific``,
        ``shared``, ``differs``, ``undetermined``, ``not_testable``), ``reason, n_sublines`` and
        ``n_replicates`` (cultures) on both sides, ``sign_stability`` (share of sublines without whom the sign
        holds), ``min_detectable_log2fc`` (80 % power at 0.05).

        Of ``"held_out"`` one row per contrast and subline of its organ: ``contrast, organ, subline,
        reference`` (the sublines put aside with it), ``n_up, n_down`` (genes of the signature built without
        them), ``score, score_reference`` (mean log2 CPM of raised less lowered genes), ``difference,
        direction`` (``right``, ``wrong``, ``not_testable``), ``reason``.

        Of ``"left_out"`` one row per contrast, gene and subline on either side: ``contrast, organ, gene,
        left_out`` (empty for the row with all), ``log2fc``, NaN where it cannot be estimated without the
        subline.

        Of ``"sublines"`` one row per contrast, tested gene and subline, the parental line among them:
        ``contrast, organ, gene, subline, selected_for`` (the organ, or the parental level), ``n_replicates``
        (its cultures), ``side`` (``plus``, ``minus``, empty for neither), ``log2cpm`` (of all its cultures:
        what was tested), ``weight`` (precision; the scale is arbitrary) and ``log2fc``, the value less the
        mean of the minus side, which is the mean of its organs, each weighted by ``weight``; covariates are
        not taken out of it.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A name to keep does not exist, or an option is out of range.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_sublines(n_genes=600)
    >>> niche.tl.compare_sublines(adata)
    >>> table = niche.get.compare_sublines(adata, contrast="bone_vs_rest", call=["enriched", "specific"])
    >>> bool((table["log2fc"] >= 0.5).all() and (table["qval"] <= 0.1).all())
    True
    """
    validate.choice(what, "what", TABLES)
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    if what == "held_out":
        return _held_out(stored, contrast, organ)
    table = Comparisons(stored, np.zeros(len(stored["tested"]["gene"]), dtype=int), stored["tested"]["gene"])
    genes = list(adata.var_names)
    if what in ("left_out", "sublines") and gene is None and call is None:
        call = [name for name in DIRECTED if name in table.stored_calls]
    row, column = table.rows(
        is_wanted(gene, "gene", genes, genes)[table.feature], contrast, organ, call, qval
    )
    if what == "left_out":
        return _left_out(stored, table, genes, row, column)
    if what == "sublines":
        return subline_values(stored, table, genes, row, column)
    frame = pd.DataFrame(
        table.columns(row, column) | {"gene": pd.Categorical.from_codes(table.feature[row], genes)}
    )
    frame["call"] = frame["call"].cat.set_categories(table.stored_calls)
    return frame.rename(columns={"n_patients": "n_sublines", "n_samples": "n_replicates"})[list(COLUMNS)]


def _held_out(stored: Mapping[str, Any], contrast: Names, organ: Names) -> pd.DataFrame:
    columns = stored["held_out"]
    names, groups = read.strings(stored["contrasts"]["name"]), read.strings(stored["groups"]["name"])
    organ_of = {
        name: groups[int(g)] for name, g in zip(names, stored["contrasts"]["plus"], strict=True) if g >= 0
    }
    own = read.strings(columns["contrast"])
    organs = [organ_of[name] for name in own]
    kept = is_wanted(contrast, "contrast", own, names)
    kept &= is_wanted(organ, "organ", organs, sorted({*organ_of.values()}))
    frame = pd.DataFrame(
        {
            "contrast": own, "organ": organs,
            "subline": read.strings(columns["subline"]), "reference": read.strings(columns["reference"]),
            "n_up": np.asarray(columns["n_up"], dtype=np.int64),
            "n_down": np.asarray(columns["n_down"], dtype=np.int64),
            "score": np.asarray(columns["score"], dtype=float),
            "score_reference": np.asarray(columns["score_reference"], dtype=float),
        }
    )  # fmt: skip
    frame["difference"] = frame["score"] - frame["score_reference"]
    known = frame["difference"].notna()
    frame["direction"] = np.where(known, np.where(frame["difference"] > 0, "right", "wrong"), "not_testable")
    frame["reason"] = read.strings(columns["reason"])
    for name in ("contrast", "organ", "subline", "reference", "direction", "reason"):
        frame[name] = pd.Categorical(frame[name].astype(str))
    return frame[kept].reset_index(drop=True)


def _left_out(
    stored: Mapping[str, Any], table: Comparisons, genes: list[str], row: np.ndarray, column: np.ndarray
) -> pd.DataFrame:
    """Effects without each subline, from the values and weights that were tested."""
    wanted = contrasts_stored(stored)
    kinds = np.array([one.kind for one in wanted], dtype=object)
    sided = (row < table.n_tested) & (kinds[column] != OMNIBUS)
    row, column = row[sided], column[sided]
    tested, place = np.unique(row, return_inverse=True)
    values, weights = (np.asarray(stored[name])[tested].astype(float) for name in ("log2cpm", "weights"))
    usable, sublines = np.asarray(stored["usable"])[tested], read.strings(stored["units"]["subline"])
    samples, groups = _samples(stored), groups_stored(stored)

    def without(kept: np.ndarray) -> Any:
        models = Models(samples.take(np.flatnonzero(kept)), groups, wanted)
        return family_tests(values[:, kept], weights[:, kept], usable, models)

    whole = without(np.ones(len(sublines), dtype=bool))
    effect = whole.tests.effect[place, column]
    parts = [pd.DataFrame({"row": row, "column": column, "left_out": "", "log2fc": effect})]
    for u, name in enumerate(sublines):
        sides = np.array([(one.plus | one.minus)[:, samples.group[u]] for one in whole.comparisons])
        mine = sides[whole.pattern[place], column] if len(sides) else np.zeros(row.size, dtype=bool)
        effect = without(np.arange(len(sublines)) != u).tests.effect[place[mine], column[mine]]
        parts.append(
            pd.DataFrame({"row": row[mine], "column": column[mine], "left_out": name, "log2fc": effect})
        )
    frame = pd.concat(parts, ignore_index=True).sort_values(["column", "row", "left_out"], kind="stable")
    at, feature = frame["column"].to_numpy(), table.feature[frame["row"].to_numpy()]
    return pd.DataFrame(
        {
            "contrast": pd.Categorical.from_codes(at, table.contrasts),
            "organ": pd.Categorical([table.organ_of[c] for c in at]),
            "gene": pd.Categorical.from_codes(feature, genes),
            "left_out": pd.Categorical(frame["left_out"].astype(str)),
            "log2fc": frame["log2fc"].to_numpy(),
        }
    )


def _samples(stored: Mapping[str, Any]) -> Samples:
    units = stored["units"]
    group = np.asarray(units["group"], dtype=np.int64)
    covariates = np.asarray(units["covariates"], dtype=float).reshape(group.size, -1)
    return Samples(group, np.arange(group.size), covariates, tuple(read.strings(units["terms"])))
