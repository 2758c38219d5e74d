"""What a communication result stores, and what it depends on."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.cell_pairs import CellPairs
from niche._slots import fingerprint, keys
from niche._slots.validate import Samples
from niche.tl._cell_types import CellTypes
from niche.tl._communication_pass import PassData
from niche.tl._cross_species import TypeSpecies
from niche.tl._pairs_of_genes import GenePairs


def resource_name(table: pd.DataFrame) -> str:
    about = table.attrs
    name, version = about.get("name", "user table"), about.get("version", "")
    return f"{name} {version} ({len(table)} pairs, sha256 {about.get('sha256', 'unknown')})"


def payload(
    samples: Samples,
    organs: list[str],
    organ_of_sample: np.ndarray,
    types: CellTypes,
    genes: GenePairs,
    data: PassData,
    pairs: CellPairs,
    reasons: np.ndarray,
    columns: dict[str, np.ndarray],
    pooled: dict[str, np.ndarray],
    species: TypeSpecies | None,
    no_cross_reaction: pd.DataFrame | None,
) -> dict[str, Any]:
    """Everything stored but parameters and fingerprint; ``pooled`` says what a pool was made of.

    ``species`` of every cell type, where there are two, and the pairs that do not react across them.
    """
    n_samples, n_patients = pairs.n_samples, pairs.n_patients
    if pooled:
        n_samples = np.where(n_samples > 0, pooled["n_samples"][pairs.organ], 0)
        n_patients = np.where(n_patients > 0, pooled["n_patients"][pairs.organ], 0)
    tested = np.bincount(pairs.organ[columns["cell_pair"]], minlength=len(organs))
    return {
        "organs": organs,
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient), "organ": list(samples.organ),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "cell_types": {"name": types.names, "compartment": types.compartment}
        | ({} if species is None else {"species": species.names, "n_other_species": species.n_other}),
        **({} if no_cross_reaction is None else {"no_cross_reaction": no_cross_reaction}),
        "n_unresolved": types.n_unresolved,
        "tissue_given": samples.tissue_given,
        "genes": genes.genes,
        "pairs": {
            "ligand_complex": genes.table["ligand"].to_numpy(dtype=object),
            "receptor_complex": genes.table["receptor"].to_numpy(dtype=object),
            "pathway": genes.table["pathway"].fillna("").to_numpy(dtype=object),
            "ligand_unit": genes.ligand, "receptor_unit": genes.receptor,
        },
        "units": {"start": genes.units.start, "gene": genes.units.gene},
        "aggregate": {
            "sample": data.sample_of_group, "cell_type": data.type_of_group, "n": data.aggregate.n,
            "sums": data.aggregate.sums, "nonzero": data.aggregate.nonzero.astype(np.int32),
            "pseudobulk": data.pseudobulk, "library": data.library,
            "pseudobulk_kind": "counts" if data.has_counts else "expm1",
        },
        "cell_pairs": {
            "organ": pairs.organ, "source": pairs.source, "target": pairs.target,
            "n_samples": n_samples, "n_patients": n_patients,
        },
        "reasons": reasons,
        "edges": columns,
        "families": {"organ": organs, "n_tests": tested},
    }  # fmt: skip


def fingerprint_of(adata: ad.AnnData, params: dict[str, Any], *, has_counts: bool) -> dict[str, np.ndarray]:
    layers = [params["layer"], *([keys.COUNTS] if has_counts else [])]
    return fingerprint.compute(adata, obs=columns_read(adata, params), layers=layers)


def columns_read(adata: ad.AnnData, params: dict[str, Any]) -> list[str]:
    """Columns of ``obs`` that say which cells are summed together, by the parameters that name them."""
    columns = [params[name] for name in ("groupby", "sample_key", "patient_key", "organ_key")]
    for name in ("tissue_key", "compartment_key"):
        if params[name] in adata.obs.columns:
            columns.append(params[name])
    if str(params.get("species_key")) == keys.SPECIES:
        columns.append(keys.SPECIES)
    if params["level"] == "lineage" and "lineage" in adata.obs.columns:
        columns.append("lineage")
    return list(dict.fromkeys(columns))
