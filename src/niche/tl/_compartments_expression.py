"""The compartment of every cell from copy number, lineage markers and species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import malignant_call
from niche._kernels.row_tiles import Work
from niche._settings import settings
from niche._slots import compartment_codes as codes
from niche._slots import keys, matrix, passes, read, validate
from niche._slots.validate import Factor
from niche.errors import InputValueError
from niche.resources import gene_identity
from niche.tl import _compartments_copy_number as copy_number
from niche.tl._cnv_reference import Categories
from niche.tl._compartments_markers import GROUPS, REFERENCE_GROUPS, UNKNOWN, Lineages, lineages_of
from niche.tl._compartments_profile import (
    Stored,
    automatic_reference,
    given_reference,
    layer_of,
    profiles_of,
    too_few,
)

ALL_CELLS = "all cells"
SOURCE = "markers and copy number"
"""How the table says where these compartments come from."""

TRUSTED = 0.5
"""Weight of a cell's evidence from which it may be a seed of the tumor's profile; also what counts as a
doublet or of low quality when a reason is given."""

LIKELY = 0.5
"""Lineage probability from which a cell counts as of that lineage."""

_DETECTED = 0.02
"""Share of the cells of a species that must express a gene for it to be of its genome."""

_HOST_OF = {"epithelial": "epithelial_normal"}


@dataclass(frozen=True)
class Options:
    """Options of the call from expression (see :func:`niche.tl.call_compartments`)."""

    reference_key: str | None
    reference: Any
    organ_key: str | None
    species_key: str | None
    graft_species: str
    tumor_from: float
    host_below: float
    min_cells: int
    organism: str | None
    layer: str | None


@dataclass(frozen=True)
class Assessment:
    """What expression says about every cell and sample.

    Attributes
    ----------
    probability
        (n_obs,) of malignancy; NaN where nothing can be said.
    compartment
        (n_obs,) object.
    reason
        (n_obs,) uint8, see :mod:`niche._slots.compartment_codes`.
    confidence
        (n_obs,) weight of the evidence.
    lineages
        Evidence of the markers.
    copies
        Copy-number evidence.
    references
        Per sample: which reference, and how many cells.
    source
        Where the profile comes from.
    used
        Columns of ``obs`` it depends on.
    """

    probability: np.ndarray
    compartment: np.ndarray
    reason: np.ndarray
    confidence: np.ndarray
    lineages: Lineages
    copies: copy_number.Evidence
    references: pd.DataFrame
    source: str
    used: list[str]
    layer: str | None


def assess(
    adata: ad.AnnData, samples: Factor, stored: Stored | None, options: Options, threads: int
) -> Assessment:
    """Lineage by markers, copy number against the normal cells, and both together."""
    layer = layer_of(stored, options.layer)
    values = matrix.resolve(adata, layer, "lognorm")
    organs, organ_column = _organs(adata, samples, options.organ_key)
    graft, species_column = graft_or_host(adata, options.species_key, options.graft_species)
    doublet, passed, quality_columns = _quality(adata)
    organism, two_genomes = _genomes(values, adata.var, graft, options.organism, threads)
    two_genomes |= collapsed(adata)
    lineages = lineages_of(values, adata.var, samples, organs, organism)
    confidence = malignant_call.confidence(adata.n_obs, doublet, lineages.mixed, passed)
    reference = given_reference(adata, options.reference_key, options.reference, stored)
    named = reference is not None
    categories = automatic_reference(lineages, confidence) if reference is None else reference
    kinds = (
        lineages.of("epithelial", UNKNOWN),
        lineages.of("parenchymal"),
        lineages.of(*REFERENCE_GROUPS),
    )
    if not named and (too_few(categories) or (two_genomes and stored is None)):
        copies, table, source = _without_profile(adata.n_obs, samples, categories, two_genomes=two_genomes)
    else:
        profiles = profiles_of(adata, values, samples, categories, stored, organism, threads)
        copies = copy_number.evidence_of(
            profiles, samples, open_=kinds[0] >= LIKELY, parenchyma=kinds[1] >= LIKELY,
            trusted=confidence >= TRUSTED, min_cells=options.min_cells,
        )  # fmt: skip
        table, source = profiles.table, profiles.source
    log_odds = malignant_call.prior_log_odds(*kinds) + copies.log_odds
    log_odds += np.where(copies.state == copy_number.NO, malignant_call.NO_EVIDENCE, 0.0)[samples.codes]
    if graft is not None:
        log_odds += graft * malignant_call.SPECIES_ODDS
    probability = malignant_call.probability(log_odds * confidence)
    silent = (copies.state == copy_number.NOT_ASSESSED)[samples.codes] & (kinds[2] < LIKELY)
    if graft is None:
        probability[silent] = np.nan
    compartment = _compartment(probability, lineages, options)
    reason = _reason(compartment, probability, lineages, copies, samples, kinds[2], options, doublet, passed)
    used = [*organ_column, *species_column, *quality_columns, *([categories.key] if named else [])]
    return Assessment(
        probability, compartment, reason, confidence, lineages, copies, table, source, used, layer
    )


def _without_profile(
    n_obs: int, samples: Factor, categories: Categories, *, two_genomes: bool
) -> tuple[copy_number.Evidence, pd.DataFrame, str]:
    n = int((categories.codes >= 0).sum())
    why = (
        f"{n} cells are immune, stromal or endothelial by their markers, too few to compare with; "
        "name normal cells with reference="
    )
    if two_genomes:
        why = "graft and host express the genes of two genomes: no normal cell compares with the graft"
    table = pd.DataFrame(
        {
            "reference": np.full(len(samples.names), "none", dtype=object),
            "n_reference_cells": np.bincount(
                samples.codes[categories.codes >= 0], minlength=len(samples.names)
            ),
        }
    )
    return copy_number.nothing_assessed(n_obs, len(samples.names), why), table, "no profile"


def samples_of(adata: ad.AnnData, sample_key: str | None) -> Factor:
    """The sample of every cell; one sample where no column says otherwise."""
    if sample_key is None and settings.sample_key not in adata.obs.columns:
        return Factor("", np.zeros(adata.n_obs, dtype=np.int32), (ALL_CELLS,))
    return validate.factor(adata, sample_key, "sample_key")


def _organs(adata: ad.AnnData, samples: Factor, organ_key: str | None) -> tuple[list[str] | None, list[str]]:
    """The organ of each sample where it is known and one; else nothing is known about any."""
    if organ_key is None and settings.organ_key not in adata.obs.columns:
        return None, []
    organs = validate.factor(adata, organ_key, "organ_key")
    listed = []
    for k in range(len(samples.names)):
        here = np.unique(organs.codes[samples.codes == k])
        listed.append(organs.names[here[0]] if here.size == 1 else "")
    return listed, [organs.key]


def collapsed(adata: ad.AnnData) -> bool:
    """Whether graft and host share one gene space since :func:`niche.pp.collapse_orthologs`."""
    return keys.ORTHOLOGS in read.ours(adata)


def graft_or_host(
    adata: ad.AnnData, species_key: str | None, graft_species: str
) -> tuple[np.ndarray | None, list[str]]:
    """1 for cells of the graft's species, -1 for the host's, 0 for doublets and unresolved ones.

    None where the data hold one species only. Beside it the column that says so.
    """
    name = keys.SPECIES if species_key is None else species_key
    if species_key is None and name not in adata.obs.columns:
        return None, []
    species = validate.factor(adata, name, "species_key")
    undecided = (keys.DOUBLET, keys.UNRESOLVED)
    if len(set(species.names) - set(undecided)) < 2:
        return None, [species.key]
    if graft_species not in species.names:
        raise InputValueError(
            f"graft_species is {graft_species!r}, but adata.obs[{name!r}] holds "
            f"{validate.shown(species.names)}. Name the species of the tumor with graft_species=."
        )
    labels = species.labels
    side = np.where(labels == graft_species, 1.0, -1.0)
    return np.where(np.isin(labels, undecided), 0.0, side), [species.key]


def _genomes(
    values: matrix.Matrix, var: pd.DataFrame, graft: np.ndarray | None, organism: str | None, threads: int
) -> tuple[str | None, bool]:
    """The organism whose markers the host has, and whether graft and host express different genomes."""
    if graft is None:
        return organism, False
    seen = passes.totals(values, Work(_detected, (), (graft,)), threads)
    detected = seen >= _DETECTED * np.array([[(graft < 0).sum()], [(graft > 0).sum()]])
    if not detected.any(axis=1).all():
        return organism, False
    host, other = (gene_identity.best_organism(var[here])[0] for here in detected)
    return (host if organism is None and host != other else organism), host != other


def _detected(block: sparse.csr_matrix, first: int, last: int, graft: np.ndarray) -> np.ndarray:
    """Cells of the host and of the graft in which each gene is seen, (2, n_genes)."""
    tile, sides = block[first:last], (graft < 0, graft > 0)
    return np.stack([tile[cells].getnnz(axis=0) for cells in sides]).astype(np.int64)


def _quality(adata: ad.AnnData) -> tuple[np.ndarray | None, np.ndarray | None, list[str]]:
    """Doublet score and quality of :func:`niche.pp.qc`, where they are."""
    doublet, passed, used = None, read.passed_quality(adata), []
    if keys.DOUBLET_SCORE in adata.obs.columns:
        doublet = pd.to_numeric(adata.obs[keys.DOUBLET_SCORE], errors="coerce").to_numpy(dtype=float)
        used.append(keys.DOUBLET_SCORE)
    if passed is not None:
        used.append(keys.QC_PASS)
    return doublet, passed, used


def _compartment(probability: np.ndarray, lineages: Lineages, options: Options) -> np.ndarray:
    """Tumor, the host compartment of the likeliest lineage, or unresolved."""
    names = np.array([_HOST_OF.get(name, name) for name in GROUPS], dtype=object)
    known = lineages.groups[:, : len(GROUPS)]
    host = np.where(known.max(axis=1) >= LIKELY, names[known.argmax(axis=1)], "unresolved").astype(object)
    out = np.full(probability.size, "unresolved", dtype=object)
    below, above = probability <= options.host_below, probability >= options.tumor_from
    out[below] = host[below]
    out[above] = "tumor"
    return out


def _reason(
    compartment: np.ndarray,
    probability: np.ndarray,
    lineages: Lineages,
    copies: copy_number.Evidence,
    samples: Factor,
    reference: np.ndarray,
    options: Options,
    doublet: np.ndarray | None,
    passed: np.ndarray | None,
) -> np.ndarray:
    """Why a cell is unresolved; the first that holds."""
    n = probability.size
    none = np.zeros(n, dtype=bool)
    low_score = none if doublet is None else (1 - np.clip(np.nan_to_num(doublet), 0, 1)) ** 2 < TRUSTED
    cases = [
        (compartment != "unresolved", codes.DECIDED),
        (np.isnan(probability), codes.NOT_ASSESSED),
        (lineages.mixed > 1 - TRUSTED, codes.MIXED),
        (low_score, codes.DOUBLET),
        (none if passed is None else ~passed, codes.LOW_QUALITY),
        (probability <= options.host_below, codes.NO_LINEAGE),
        ((copies.state == copy_number.NO)[samples.codes] & (reference < LIKELY), codes.NO_EVIDENCE),
        ((reference >= LIKELY) & (copies.log_odds > 0), codes.DISAGREE),
    ]
    return np.select([c for c, _ in cases], [code for _, code in cases], codes.BETWEEN).astype(np.uint8)
