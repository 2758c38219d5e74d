"""The same programs at the numbers of programs tried next to the one that was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import nmf, program_genes
from niche._kernels.row_tiles import Work
from niche._settings import settings
from niche._slots import keys, matrix, passes, write
from niche.tl._programs_input import COUNTS, Input
from niche.tl._programs_samples import shares

LEAST_SHARED = 0.7
"""Share of the top genes from which a program is there again: 35 of 50, as within one tumor (Gavish 2023)."""


def near_programs(
    given: Input, spectra: Mapping[int, np.ndarray], top: np.ndarray, names: list[str]
) -> dict[str, Any]:
    """What is stored of them: a table with one row per program and number, and their spectra.

    ``top`` (k, n_top) holds the genes of the ``names``; the table has ``program, k, match`` (row of the
    spectra with most of these genes), ``n_shared``.
    """
    rows, first = [], 0
    for k, found in spectra.items():
        usage = shares(nmf.usage_of(given.x, found))
        scores = program_genes.regressed_genes(given.log, usage, given.weight)
        genes = program_genes.top_genes(np.where(given.ranked, scores, 0.0), top.shape[1])
        shared = np.array([[np.isin(mine, other).sum() for other in genes] for mine in top])
        best = shared.argmax(axis=1)
        rows += [
            (name, k, first + int(best[j]), int(shared[j, best[j]])) for j, name in enumerate(names)
        ]
        first += k
    table = pd.DataFrame(rows, columns=["program", "k", "match", "n_shared"]).astype(
        {"program": object, "k": np.int64, "match": np.int64, "n_shared": np.int64}
    )
    every = np.concatenate([np.zeros((0, given.x.shape[1])), *spectra.values()])
    return {
        "near": table, "near_spectra": every.astype(np.float32),
        "near_k": np.repeat(list(spectra), list(spectra)).astype(np.int64),
    }  # fmt: skip


def near_usage(
    adata: ad.AnnData, stored: Mapping[str, Any], usage: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Usage (n_obs, n_programs) of what each program is at another ``k``, and whether it is there at all.

    Cells are those of the ``usage`` (n_obs, n_programs) that is stored; others are NaN.
    """
    cells = np.isfinite(usage[:, 0])
    params = stored["params"]
    if str(params["values"]) == COUNTS:
        value = matrix.resolve(adata, keys.COUNTS, "counts")
    else:
        layer = str(params["layer"])
        value = matrix.resolve(adata, None if layer == write.NONE else layer, "lognorm")
    genes = adata.var_names.get_indexer(pd.Index(np.asarray(stored["genes"], dtype=object)))
    mine = np.flatnonzero(np.asarray(stored["near_k"]) == k)
    spectra = np.asarray(stored["near_spectra"], dtype=np.float64)[mine]
    sd = np.asarray(stored["sd"], dtype=np.float64)
    work = Work(_usage_of_tile, (genes, sd, spectra), (cells,))
    found = np.concatenate(passes.rows(value, work, settings.threads(None)))
    table = stored["near"][np.asarray(stored["near"]["k"]) == k]
    column = table["match"].to_numpy() - mine[0]
    there = table["n_shared"].to_numpy() >= LEAST_SHARED * np.asarray(stored["top_genes"]).shape[1]
    out = np.full(usage.shape, np.nan)
    out[cells] = np.where(there, found[:, column], 0.0)
    return out, there


def _usage_of_tile(
    block: sparse.csr_matrix, first: int, last: int, genes: np.ndarray, sd: np.ndarray, spectra: np.ndarray,
    cells: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Shares of usage (n_chosen, k) of the chosen cells of a tile, spectra fixed."""
    x = block[first + np.flatnonzero(cells)][:, genes].astype(np.float64)
    return shares(nmf.usage_of(sparse.csr_matrix(x @ sparse.diags(1.0 / sd)), spectra, parallel=False))
