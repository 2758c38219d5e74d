"""Copy-number profiles to call compartments from: the stored one, or one against marker-confident cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import copy_number
from niche._kernels.row_tiles import Reader
from niche._slots import keys, passes, read
from niche._slots.lazy import held
from niche._slots.matrix import Matrix
from niche._slots.validate import Factor
from niche.tl import _cnv_defaults as defaults
from niche.tl._cnv_genome import Candidates, candidates_of, excluded_names, genome_of
from niche.tl._cnv_reference import (
    MINIMUM_OF_CATEGORY,
    Categories,
    categories_of,
    references_by_sample,
)
from niche.tl._compartments_markers import REFERENCE_GROUPS, Lineages

CONFIDENT = 0.9
"""Lineage probability from which a cell serves as normal reference."""

LEAST_CONFIDENCE = 0.5
"""Weight of the evidence (doublets, low quality) a reference cell must have."""

LEAST_REFERENCE = MINIMUM_OF_CATEGORY
"""Normal cells without which no profile is made: one category of :func:`niche.tl.infer_cnv`."""


@dataclass(frozen=True)
class Stored:
    """A profile of :func:`niche.tl.infer_cnv` in the AnnData.

    Attributes
    ----------
    values
        (n_obs, n_windows) csr.
    params
        What it was made with.
    """

    values: sparse.csr_matrix
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Profiles:
    """Profiles, the reference they are against, and the genes in the order of the genome.

    Attributes
    ----------
    values
        (n_obs, n_windows) csr.
    is_reference
        (n_obs,) bool: normal cells the profile was made against.
    table
        Frame with a row per sample: ``reference``, ``n_reference_cells``.
    gene, chromosome
        Genes in the order of the genome (numbered as in ``gene_of_column``), and the chromosome of each.
    lower, upper
        Bounds of the means of the reference categories over all samples, in that order.
    gene_of_column
        (n_vars,) int32.
    reader
        The expression.
    source
        Where the profile comes from, in words.
    """

    values: sparse.csr_matrix
    is_reference: np.ndarray
    table: pd.DataFrame
    gene: np.ndarray
    chromosome: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    gene_of_column: np.ndarray
    reader: Reader
    source: str

    def means(self, group: np.ndarray, n_groups: int) -> np.ndarray:
        """(n_groups, n_genes) mean expression of groups of cells, genes in the order of the genome."""
        none = np.full(group.size, -1, dtype=np.int32)
        found = copy_number.survey(self.reader, self.gene_of_column, group.astype(np.int32), none, n_groups)
        return found.means[:, self.gene]


def stored_profile(adata: ad.AnnData, key: str) -> tuple[Stored | None, str]:
    """The stored profile, or None and why there is none."""
    name = f"X_{key}"
    if key not in read.ours(adata) or name not in adata.obsm:
        return None, f"no profile in adata.obsm[{name!r}]"
    if not read.is_current(adata, key, {}):
        return None, f"the profile in adata.obsm[{name!r}] no longer fits the data"
    return Stored(sparse.csr_matrix(held(adata.obsm[name])), adata.uns[key]["params"]), ""


def automatic_reference(lineages: Lineages, confidence: np.ndarray) -> Categories:
    """Immune, stromal and endothelial cells by their markers."""
    names = list(REFERENCE_GROUPS)
    groups = lineages.groups[:, : len(names)]
    codes = np.where(groups.max(axis=1) >= CONFIDENT, groups.argmax(axis=1), -1)
    codes[confidence < LEAST_CONFIDENCE] = -1
    return Categories("markers", names, codes.astype(np.int32))


def given_reference(
    adata: ad.AnnData, reference_key: str | None, reference: Any, stored: Stored | None
) -> Categories | None:
    """The reference the user named here or when the stored profile was made."""
    if reference is not None:
        return categories_of(adata, reference_key, reference)
    named = None if stored is None else stored.params.get("reference")
    if stored is None or named is None or (isinstance(named, str) and named == "None"):
        return None
    return categories_of(adata, str(stored.params["reference_key"]), read.strings(named))


def too_few(categories: Categories) -> bool:
    """Whether there are too few reference cells for any profile."""
    n = np.bincount(categories.codes[categories.codes >= 0], minlength=len(categories.names))
    return int(n[n >= MINIMUM_OF_CATEGORY].sum()) < LEAST_REFERENCE


def profiles_of(
    adata: ad.AnnData,
    values: Matrix,
    samples: Factor,
    categories: Categories,
    stored: Stored | None,
    organism: str | None,
    threads: int,
) -> Profiles:
    """Take the stored profile or infer one, with everything coherence needs."""
    options = _options(stored, organism)
    candidates = candidates_of(
        adata.var, positions=options["positions"], organism=options["organism"],
        excluded=excluded_names(defaults.EXCLUDED_CHROMOSOMES), strict=True,
    )  # fmt: skip
    reader = passes.reader(values, threads)
    references = references_by_sample(categories, samples, LEAST_REFERENCE)
    found = copy_number.survey(
        reader, candidates.gene_of_column, references.first, references.second, references.n_groups
    )
    if stored is not None:
        profile, source = stored.values, "stored profile"
    else:
        seen = found.detected >= defaults.MIN_DETECTED * adata.n_obs
        genome, used = genome_of(
            candidates, adata.var, seen, window=defaults.WINDOW_SIZE, step=defaults.STEP, strict=True
        )
        lower, upper = references.lower_and_upper(found.means[:, used])
        profile = copy_number.infer(
            reader, genome.windows, lower, upper, references.of_cell, clip=defaults.LFC_CLIP,
            sds=defaults.DYNAMIC_THRESHOLD, noise_from=references.is_reference,
        ).values  # fmt: skip
        source = "profile made here"
    gene, chromosome = _in_genome_order(candidates, adata.var)
    kept = np.unique(references.first[references.first >= 0])
    means = found.means[kept][:, gene]
    return Profiles(
        profile, references.is_reference, references.table, gene, chromosome, means.min(axis=0),
        means.max(axis=0), candidates.gene_of_column, reader, source,
    )  # fmt: skip


def _options(stored: Stored | None, organism: str | None) -> dict[str, Any]:
    if stored is None:
        return {"positions": "auto", "organism": organism}
    named = str(stored.params["organism"])
    return {
        "positions": str(stored.params["positions"]),
        "organism": named if named in keys.ORGANISMS else organism,
    }


def _in_genome_order(candidates: Candidates, var: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Candidate genes by chromosome and place, and the number of the chromosome of each."""
    columns = np.flatnonzero(candidates.gene_of_column >= 0)
    placement = candidates.placement
    number = np.unique(placement.chromosome[columns].astype(str), return_inverse=True)[1].ravel()
    names = np.asarray(var.index, dtype=str)[columns]
    order = np.lexsort((names, placement.end[columns], placement.start[columns], number))
    return candidates.gene_of_column[columns][order], number[order]


def layer_of(stored: Stored | None, layer: str | None) -> str | None:
    """The layer to read expression from: the one asked for, else the one of the stored profile."""
    if layer is not None or stored is None:
        return layer
    named = stored.params["layer"]
    return None if str(named) == "None" else str(named)
