"""Resolve the columns a recipe works with before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import anndata as ad

from niche._settings import settings
from niche._slots import keys, read, validate, write
from niche.errors import InputValueError, MissingKeyError
from niche.recipes.config import InputConfig
from niche.recipes.tissues import read_tissues

TISSUE_MAPPED = "tissue_mapped"
"""Column of tissues in niche's words, when the given one has others."""

BY_LABELS = "author labels"
"""How ``uns["compartments"]["method"]`` calls a call from labels."""

_TRUE_FALSE = ("true", "false", "1", "0", "1.0", "0.0")


@dataclass(frozen=True)
class Columns:
    """Columns of ``obs``, all of them there.

    Attributes
    ----------
    sample, patient, organ
        Names of columns.
    cell_type, tissue, compartment, malignant
        Names of columns, or None.
    notes
        What was mapped or assumed.
    """

    sample: str
    patient: str
    organ: str
    cell_type: str | None
    tissue: str | None
    compartment: str | None
    malignant: str | None
    notes: tuple[str, ...]

    @property
    def design(self) -> dict[str, Any]:
        """Arguments of every function that reads the design."""
        return {
            "sample_key": self.sample,
            "patient_key": self.patient,
            "organ_key": self.organ,
            "tissue_key": self.tissue,
        }


def resolve(adata: ad.AnnData, config: InputConfig, *, named_cells: bool = True) -> Columns:
    """Check that every column is there and usable; put tissues in niche's words.

    ``adata`` gets ``obs["tissue_mapped"]`` when labels have to be renamed; nothing else is changed. Without
    ``named_cells`` the column of the cell types may be missing, and names that niche gave do not count.
    """
    notes: list[str] = []
    names: dict[str, Any] = {
        "sample": _column(adata, config, "sample", settings.sample_key),
        "patient": _column(adata, config, "patient", settings.patient_key),
        "organ": _column(adata, config, "organ", settings.organ_key),
        "cell_type": _column(adata, config, "cell_type", settings.groupby)
        if named_cells
        else _authors_cell_types(adata, config),
    }
    tissue = _tissue(adata, config, notes)
    compartment = _compartment(adata, config)
    malignant = None
    if compartment is None and config.malignant is not None:
        malignant = _malignant(adata, _column(adata, config, "malignant", ""))
    if compartment is not None and (config.malignant is not None or config.compartments):
        notes.append(
            f"compartments are those of obs[{compartment!r}]; input.malignant and input.compartments are not "
            "used"
        )
    if compartment is None:
        _given_compartments(adata, config, names["cell_type"])
    validate.samples(adata, names["sample"], names["patient"], names["organ"], tissue)
    if names["cell_type"] is not None:
        validate.factor(adata, names["cell_type"], "groupby")
    if compartment is not None:
        validate.compartments(adata, compartment, run_first="niche.tl.call_compartments")
    return Columns(**names, tissue=tissue, compartment=compartment, malignant=malignant, notes=tuple(notes))


def _column(adata: ad.AnnData, config: InputConfig, name: str, default: str) -> str:
    column = getattr(config, name) or default
    if column not in adata.obs.columns:
        flag = name.replace("_", "-")
        raise MissingKeyError(
            f"column {column!r} not found in adata.obs.{validate.meant(column, adata.obs.columns)} "
            f"Available: {validate.shown(adata.obs.columns)}. Name yours with input.{name} in the config "
            f"(--{flag} on the command line)."
        )
    return str(column)


def _optional(adata: ad.AnnData, config: InputConfig, name: str, default: str) -> str | None:
    """A named column must be there; the default one is used where it exists."""
    if getattr(config, name) is None and default not in adata.obs.columns:
        return None
    return _column(adata, config, name, default)


def called_from_expression(adata: ad.AnnData) -> bool:
    """Whether compartments were called from copy number and lineage markers, and still fit the data."""
    known = {"compartment_key": settings.compartment_key}
    if not read.is_current(adata, keys.COMPARTMENTS, known):
        return False
    return (
        str(adata.uns[keys.COMPARTMENTS]["method"]) != BY_LABELS
        and settings.compartment_key in adata.obs.columns
    )


def written_by_niche(adata: ad.AnnData) -> list[str]:
    """Columns of compartments and cell types that niche wrote in an earlier run."""
    stored = read.ours(adata)
    found = []
    if keys.COMPARTMENTS in stored:
        found.append(str(adata.uns[keys.COMPARTMENTS]["params"]["compartment_key"]))
    if keys.ANNOTATE in stored:
        found += read.strings(adata.uns[keys.ANNOTATE]["params"]["columns"])
    return found


def with_names(adata: ad.AnnData, columns: Columns) -> Columns:
    """Take cell types that niche gave in an earlier run, where there are no others and they still fit."""
    if columns.cell_type is not None or not read.is_current(adata, keys.ANNOTATE, {}):
        return columns
    given = read.strings(adata.uns[keys.ANNOTATE]["params"]["columns"])
    return replace(columns, cell_type=settings.groupby) if settings.groupby in given else columns


def _authors_cell_types(adata: ad.AnnData, config: InputConfig) -> str | None:
    """The column of cell types, unless there is none or niche named the cells itself."""
    name = _optional(adata, config, "cell_type", settings.groupby)
    return None if config.cell_type is None and name in written_by_niche(adata) else name


def _compartment(adata: ad.AnnData, config: InputConfig) -> str | None:
    """The given column; one that niche called itself in an earlier run is not given."""
    name = _optional(adata, config, "compartment", settings.compartment_key)
    return None if config.compartment is None and name in written_by_niche(adata) else name


def _tissue(adata: ad.AnnData, config: InputConfig, notes: list[str]) -> str | None:
    name = _optional(adata, config, "tissue", settings.tissue_key)
    if name is None:
        notes.append("no tissue column was given: every sample is taken as a metastasis")
        return None
    values = adata.obs[name]
    n_missing = int(values.isna().sum())
    if n_missing:
        raise InputValueError(
            f"{n_missing} of {len(values)} cells have no label in adata.obs[{name!r}]. Label them, or leave "
            f"them out: adata[adata.obs[{name!r}].notna()].copy()."
        )
    read = read_tissues(values, config.tissue_map)
    if read.unknown:
        raise InputValueError(
            f"adata.obs[{name!r}] must say {validate.shown(keys.TISSUES)}. Found "
            f"{validate.shown(read.unknown)}. Say what they mean in the config: [input.tissue_map] then "
            f"{read.unknown[0]!r} = 'normal', for example."
        )
    if not read.renamed:
        return name
    labels = values.astype(str)
    for label, tissue in read.renamed.items():
        notes.append(f"tissue: {name} = {label} is read as {tissue} ({int((labels == label).sum())} cells)")
    write.obs(adata, {TISSUE_MAPPED: read.values.to_numpy()})
    return TISSUE_MAPPED


def _malignant(adata: ad.AnnData, name: str) -> str:
    """Refuse a column that is not true or false before anything is computed."""
    values = adata.obs[name]
    odd = sorted(set(values.astype(str).str.lower()) - set(_TRUE_FALSE))
    if values.isna().any() or odd:
        raise InputValueError(
            f"adata.obs[{name!r}] must say True or False for every cell (input.malignant). Found "
            f"{validate.shown(odd or ['missing values'])}. Give malignant cell types by input.compartments "
            "instead."
        )
    return name


def _given_compartments(adata: ad.AnnData, config: InputConfig, cell_type: str | None) -> None:
    if cell_type is None:
        if config.compartments:
            raise InputValueError(
                "input.compartments names cell types, and there is no column of cell types. Name it with "
                "input.cell_type (--cell-type on the command line)."
            )
        return
    names = set(adata.obs[cell_type].astype(str))
    unknown = [name for name in config.compartments if name not in names]
    if unknown:
        raise InputValueError(
            f"input.compartments names cell types that are not in adata.obs[{cell_type!r}]: "
            f"{validate.shown(unknown)}. Found there: {validate.shown(sorted(names))}."
        )
