"""What programs are: genes, patients who have them, and known gene sets they resemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from niche._stats.fdr import benjamini_hochberg

PROGRAM, PRIVATE, BACKGROUND, UNSTABLE = "program", "patient-private", "background", "unstable"
KINDS = (PROGRAM, PRIVATE, BACKGROUND, UNSTABLE)

LEAST_SUPPORT = 0.5
PRESENT = 0.25
"""A patient has a program where its mean usage is this share of that of the patient who uses it most."""


def strength(coefficients: np.ndarray, usage: np.ndarray, weight: np.ndarray, n_top: int) -> np.ndarray:
    """Mean rise of the top genes, in standard deviations of each, per standard deviation of usage: (k,).

    Something like the correlation of a program with its genes: near 1 where it rules them, near 0 where
    thousands of genes move a little, or none.
    """
    share = weight / weight.sum()
    mean = share @ usage
    sd = np.sqrt(np.maximum(share @ usage**2 - mean**2, 0.0))
    return -np.sort(-coefficients, axis=1)[:, :n_top].mean(axis=1) * sd


def patient_means(usage: np.ndarray, patient: np.ndarray, n_patients: int) -> np.ndarray:
    """Mean usage (n_patients, k) of every patient's cells."""
    total = np.zeros((n_patients, usage.shape[1]))
    np.add.at(total, patient, usage)
    return total / np.maximum(np.bincount(patient, minlength=n_patients), 1)[:, None]


def kinds(
    means: np.ndarray, support: np.ndarray, strong: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Kind of each program, patients that have it, and the reason: from means (n_patients, k)."""
    most = means.max(axis=0)
    present = (means >= PRESENT * np.where(most > 0, most, np.inf)).sum(axis=0)
    kind, reason = np.full(most.size, PROGRAM, dtype=object), [""] * most.size
    for j in range(most.size):
        if support[j] < LEAST_SUPPORT:
            kind[j], reason[j] = UNSTABLE, f"found from {support[j]:.0%} of the starts"
        elif present[j] == 1 and len(means) > 2:
            kind[j], reason[j] = PRIVATE, "one patient"
        elif strong[j] < least:
            kind[j] = BACKGROUND
            reason[j] = f"weak: its genes rise {strong[j]:.2f} sd with it, least {least:g}"
    return kind, present, reason


def annotation(
    names: Sequence[str], top: np.ndarray, var_names: pd.Index, sets: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Gene sets that share more genes with a program than chance would: hypergeometric, BH over all pairs.

    ``top`` (k, n_top) holds gene codes. The universe are all genes of the data. Rows with one gene or more
    in common, by program and p.
    """
    universe = len(var_names)
    rows = []
    for label, genes in sets.items():
        codes = var_names.get_indexer(pd.Index(list(dict.fromkeys(genes))))
        codes = codes[codes >= 0]
        if not codes.size:
            continue
        for j, name in enumerate(names):
            common = top[j][np.isin(top[j], codes)]
            p = stats.hypergeom.sf(common.size - 1, universe, codes.size, top.shape[1])
            shared = ", ".join(var_names[common])
            rows.append((name, label, int(common.size), int(codes.size), float(p), shared))
    columns = ["program", "gene_set", "n_shared", "n_measured", "pval", "genes"]
    table = pd.DataFrame(rows, columns=columns)
    table["pval"] = np.clip(table["pval"].to_numpy(dtype=float), np.finfo(float).tiny, 1.0)
    table["qval"] = benjamini_hochberg(table["pval"].to_numpy()) if len(table) else []
    table = table[table["n_shared"] > 0]
    place = {name: i for i, name in enumerate(names)}
    order = np.lexsort((table["gene_set"], table["pval"], table["program"].map(place)))
    return table.iloc[order].reset_index(drop=True)[[*columns[:5], "qval", "genes"]]
