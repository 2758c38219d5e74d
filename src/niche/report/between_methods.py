"""Methods of the comparison of organs in words, with the works to cite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche.report import formats
from niche.report.findings import Findings

BETWEEN_REFERENCES = {
    "squair": (
        "Squair JW et al. Confronting false discoveries in single-cell differential expression. Nat Commun "
        "2021;12:5692",
        "10.1038/s41467-021-25960-2",
    ),
    "tmm": (
        "Robinson MD, Oshlack A. A scaling normalization method for differential expression analysis of "
        "RNA-seq data. Genome Biol 2010;11:R25",
        "10.1186/gb-2010-11-3-r25",
    ),
    "voom": (
        "Law CW et al. voom: precision weights unlock linear model analysis tools for RNA-seq read counts. "
        "Genome Biol 2014;15:R29",
        "10.1186/gb-2014-15-2-r29",
    ),
    "smyth": (
        "Smyth GK. Linear models and empirical Bayes methods for assessing differential expression in "
        "microarray experiments. Stat Appl Genet Mol Biol 2004;3:3",
        "10.2202/1544-6115.1027",
    ),
    "phipson": (
        "Phipson B et al. Robust hyperparameter estimation protects against hypervariable genes and improves "
        "power to detect differential expression. Ann Appl Stat 2016;10:946-63",
        "10.1214/16-AOAS920",
    ),
    "stagewise": (
        "Van den Berge K et al. stageR: a general stage-wise method for controlling the gene-level false "
        "discovery rate in differential expression and differential transcript usage. Genome Biol "
        "2017;18:151",
        "10.1186/s13059-017-1277-0",
    ),
}
"""Name -> what to cite, DOI."""

_PATIENTS = {
    "averaged": (
        "samples of one patient in several organs are correlated by an amount that differs between {many}, "
        "and p-values were averaged over what the data leave possible"
    ),
    "consensus": ("samples of one patient in several organs are correlated by one amount for all {many}{of}"),
    "fixed": "patients, all of whom have a sample in every organ, were a factor of the model",
}


def models(params: Mapping[str, Any]) -> str:
    """What the models of a comparison of organs hold."""
    listed = [str(name) for name in np.atleast_1d(np.asarray(params["covariates"], dtype=object))]
    return f"organ and {formats.listed(listed)}" if listed else "organ, without covariates"


def several_sites(params: Mapping[str, Any], many: str, of: str = "") -> str:
    """How samples of one patient in several organs were treated."""
    return _PATIENTS[str(params["patients"])].format(many=many, of=of)


def told(found: Findings) -> tuple[list[str], list[str]]:
    """Paragraphs, and the references they need."""
    if not found.compare.there:
        return [], []
    stored = found.compare.value
    params = stored["params"]
    repeated = several_sites(params, "edges", " of a pair of cell types")
    sizes = stored["families"]
    families = formats.listed(
        [f"{name} {int(n):,}" for name, n in zip(sizes["name"], sizes["n_tests"], strict=True)]
    )
    n_permuted = max(0, len(pd.DataFrame(stored["calibration"])) - 1)
    checked = (
        f" The check exchanges organs between patients who have one, and within patients who have several, "
        f"{formats.plural(n_permuted, 'time')}."
        if n_permuted
        else ""
    )
    words = (
        "Edges were compared between organs with patients as the replicates (Squair et al. 2021). All "
        "cells of a type in all samples of a patient in an organ were summed; ligand and receptor are log2 "
        "counts per million, libraries scaled by TMM (Robinson and Oshlack 2010), a complex its lowest "
        "subunit, and the edge is the mean of both. A gene is used in an organ when three molecules are "
        "expected there from all samples together, whatever was observed in that organ. Precision weights "
        f"follow voom (Law et al. 2014) with a variance factor per organ; the models hold {models(params)}; "
        f"{repeated}. Variances were moderated (Smyth 2004; Phipson et al. 2016) "
        "over the edges of a pair of cell types, not below 50 edges. q-values against the other organs and "
        "between pairs of organs are stage-wise: edges are screened over all organs at once, then "
        f"confirmed (Van den Berge et al. 2017). Tests by family: {families}. “q, both sides” is the "
        "Benjamini-Hochberg q of the larger one-sided p of ligand and receptor, doubled for the two "
        f"directions.{checked}"
    )
    return [words], list(BETWEEN_REFERENCES)
