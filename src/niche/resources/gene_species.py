"""Which species each gene of a combined reference belongs to: by a column, a prefix, or its Ensembl id."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from niche._slots import keys, validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.resources.gene_identity import ensembl_ids

_GENOMES = {
    "human": r"GRCh\d+(?:\.p\d+)?|hg\d+|T2T-CHM13|CHM13|human|homo_sapiens|hsapiens|hs",
    "mouse": r"GRCm\d+(?:\.p\d+)?|mm\d+|mouse|mus_musculus|mmusculus",
}
_ID_OF = {"human": "ENSG", "mouse": "ENSMUSG"}
_EXAMPLES = "GRCh38_CXCR4 and mm10___Cxcr4"


@dataclass(frozen=True)
class SpeciesGenes:
    """Genes of two species.

    Attributes
    ----------
    species
        (n_vars,) object: ``human`` or ``mouse``.
    name
        (n_vars,) object: the gene name without prefix.
    ensembl_id
        (n_vars,) object without prefix and version; empty where unknown.
    source
        Where the species was read: ``var_names``, or a column of ``var``.
    """

    species: np.ndarray
    name: np.ndarray
    ensembl_id: np.ndarray
    source: str


def genes_of_species(var: pd.DataFrame, species_key: str | None = None) -> SpeciesGenes:
    """Tell the genes of human and mouse apart; refuse what is not a combined reference of both.

    ``species_key`` names a column of ``var`` with ``human`` and ``mouse``, or names of genomes.
    """
    names = pd.Series(np.asarray(var.index, dtype=object)).astype(str)
    if species_key is not None:
        species, build, source = _by_column(var, species_key)
    else:
        species, build, source = _by_names(var, names)
    _refuse_builds(species, build, source)
    _refuse_one(species, source)
    bare = _without_prefix(names)
    return SpeciesGenes(species, bare.to_numpy(dtype=object), _ids(var, bare), source)


def _by_column(var: pd.DataFrame, key: str) -> tuple[np.ndarray, np.ndarray, str]:
    if not isinstance(key, str):
        raise InputTypeError(f"species_key must be the name of a column of var. Got {key!r}.")
    if key not in var.columns:
        raise MissingKeyError(
            f"column {key!r} not found in adata.var. Available: {validate.shown(var.columns)}. species_key= "
            "names the column that holds 'human' and 'mouse'."
        )
    values = var[key].astype(object).map(lambda value: "" if pd.isna(value) else str(value).strip())
    build = values.str.rstrip("_").to_numpy(dtype=object)
    species = _genome_of(pd.Series(build), r"^(?:{})$")
    unknown = species == ""
    if unknown.any():
        raise InputValueError(
            f"adata.var[{key!r}] must hold 'human' and 'mouse', or names of genomes such as GRCh38 and mm10. "
            f"Found {validate.shown(sorted(set(build[unknown])))} for {int(unknown.sum())} of {len(var)} "
            "genes."
        )
    return species, build, f"var[{key!r}]"


def _by_names(var: pd.DataFrame, names: pd.Series) -> tuple[np.ndarray, np.ndarray, str]:
    """Species by gene names, else by the column of ``var`` that tells the species of every gene."""
    found = [(*_read(names), "var_names")]
    for column in var.columns:
        values = var[column]
        if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype):
            text = pd.Series(np.asarray(values.astype(object), dtype=object)).astype(str)
            found.append((*_read(text), f"var[{column!r}]"))
    complete = [one for one in found if (one[0] != "").all()]
    if complete:
        return complete[0]
    species, _, source = max(found, key=lambda one: int((one[0] != "").sum()))
    lacking = names[species == ""]
    if len(lacking) > len(names) / 2:
        raise InputValueError(
            f"the species of {len(lacking)} of {len(names)} genes cannot be told (names such as "
            f"{validate.shown(lacking[:3])}). Genes of a combined reference need a prefix ({_EXAMPLES}) or "
            "Ensembl ids (ENSG, ENSMUSG), in adata.var_names or a column of adata.var; or name a column that "
            "holds 'human' and 'mouse' with species_key=."
        )
    raise InputValueError(
        f"{len(lacking)} of {len(names)} genes have no species by {source}, for example "
        f"{validate.shown(lacking[:3])}, while the others do. Remove them (antibodies, spike-ins, "
        "transgenes), or name a column of adata.var that holds the species of every gene with species_key=."
    )


def _read(names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Species and genome build (empty by Ensembl id) of every name; empty where it says nothing."""
    build = names.str.extract(rf"^({'|'.join(_GENOMES.values())})_+", flags=re.IGNORECASE, expand=False)
    build = build.fillna("")
    species = _genome_of(build, r"^(?:{})$")
    ids = pd.Series(ensembl_ids(_without_prefix(names)))
    for name, start in _ID_OF.items():
        species[(species == "") & ids.str.startswith(start).to_numpy()] = name
    return species, build.to_numpy(dtype=object)


def _genome_of(text: pd.Series, pattern: str) -> np.ndarray:
    out = np.full(len(text), "", dtype=object)
    for species, genomes in _GENOMES.items():
        out[text.str.match(pattern.format(genomes), case=False).to_numpy(dtype=bool)] = species
    return out


def _without_prefix(names: pd.Series) -> pd.Series:
    return names.str.replace(rf"^(?:{'|'.join(_GENOMES.values())})_+", "", regex=True, flags=re.IGNORECASE)


def _ids(var: pd.DataFrame, bare: pd.Series) -> np.ndarray:
    """Ensembl ids, from the names or the column that holds most of them."""
    best = ensembl_ids(bare)
    for column in var.columns:
        values = var[column]
        if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype):
            text = pd.Series(np.asarray(values.astype(object), dtype=object)).astype(str)
            ids = ensembl_ids(_without_prefix(text))
            best = ids if (ids != "").sum() > (best != "").sum() else best
    return best


def _refuse_builds(species: np.ndarray, build: np.ndarray, source: str) -> None:
    for name in keys.ORGANISMS:
        builds = sorted(set(build[species == name]) - {""})
        if len(builds) > 1:
            raise InputValueError(
                f"{name} genes come from {len(builds)} genomes by {source}: {validate.shown(builds)}. Every "
                "molecule must be counted once: align to one genome of each species."
            )


def _refuse_one(species: np.ndarray, source: str) -> None:
    present = [name for name in keys.ORGANISMS if (species == name).any()]
    if len(present) < 2:
        other = next(name for name in keys.ORGANISMS if name not in present)
        raise InputValueError(
            f"all {len(species)} genes are {present[0]} by {source}: without {other} genes no cell can be "
            "told "
            "to be of either species. Count reads on a combined reference of both genomes."
        )
