"""What is questionable about the values and the gene names of a data set."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np

from niche._slots import keys
from niche.pp.design_issues import Issues
from niche.pp.matrix_values import Values
from niche.resources import gene_identity

_MINIMUM_SHARE = 0.2
_LOW_SHARE = 0.5


def check_values(issues: Issues, found: Sequence[Values]) -> str:
    """Report the kinds of values; returns where counts are: a layer's name, X, or ``unavailable``."""
    counts = [values.name for values in found if values.kind == "counts"]
    logs = [values for values in found if values.kind == "lognorm"]
    for values in found:
        if values.kind == "unusable":
            stored = values.layer == keys.COUNTS
            advice = (
                "remove the layer or put raw counts there"
                if stored
                else "run niche.pp.normalize(adata), which starts from layers['counts']"
            )
            issues.error("values", values.name, values.problem, advice)
            continue
        issues.note("values", values.name, values.scale)
        if values.scale.startswith("log2"):
            issues.error(
                "values", values.name, "base 2, niche works with natural logarithms", "multiply by ln 2"
            )
        elif values.kind == "lognorm" and np.isnan(values.target_sum):
            issues.warning(
                "values",
                values.name,
                "the cells were not scaled to one total, or genes were removed after",
                "start from counts with niche.pp.normalize(adata)",
            )
    if not counts:
        issues.warning(
            "counts",
            "X and layers",
            "counts: unavailable",
            "doublets and ambient RNA are not assessed; weights come from cell numbers only",
        )
    elif not logs:
        issues.note("values", counts[0], "no log values yet", "run niche.pp.normalize(adata)")
    _check_empty(issues, found)
    return counts[-1] if counts else "unavailable"


def _check_empty(issues: Issues, found: Sequence[Values]) -> None:
    usable = [values for values in found if values.kind != "unusable"]
    values = usable[-1]
    n_empty = int((values.totals == 0).sum())
    if n_empty:
        issues.warning(
            "cells", values.name, f"{n_empty} cells have no counts", "leave them out: niche.pp.qc finds them"
        )
    n_silent = int((values.expressed == 0).sum())
    if n_silent:
        issues.note(
            "genes", values.name, f"{n_silent} of {len(values.expressed)} genes are zero in every cell"
        )


def check_genes(issues: Issues, adata: ad.AnnData, organism: str) -> float:
    """Report whether the gene names are known; returns the share known for the organism."""
    best, shares = gene_identity.best_organism(adata.var)
    share = shares[organism]
    named_by_id = float((gene_identity.ensembl_ids(adata.var_names) != "").mean())
    if share < _MINIMUM_SHARE:
        advice = (
            f"organism={best!r} fits better ({100 * shares[best]:.0f} % known)"
            if shares[best] >= _MINIMUM_SHARE
            else "names must be gene symbols or Ensembl gene ids, without prefixes"
        )
        issues.error("genes", "var_names", f"only {100 * share:.1f} % are known genes of {organism}", advice)
        return share
    if named_by_id > _LOW_SHARE:
        issues.error(
            "genes",
            "var_names",
            f"{100 * named_by_id:.0f} % are Ensembl ids",
            "run niche.pp.harmonize_genes(adata)",
        )
        return share
    text = f"{100 * share:.1f} % are known genes of {organism}"
    how = gene_identity.identify(adata.var, organism)
    renamed = int((how["how"] != "unknown").mul(how["name"] != how["symbol"]).sum())
    if share < _LOW_SHARE:
        issues.warning("genes", "var_names", text, "check the organism and how genes are named")
    else:
        issues.note("genes", "var_names", text)
    if renamed:
        issues.warning(
            "genes",
            "var_names",
            f"{renamed} genes have another name today",
            "run niche.pp.harmonize_genes(adata), or their ligand-receptor pairs are missed",
        )
    return share
