"""Guess from names and values which column of a data set says what; every guess is spelled out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anndata as ad
import pandas as pd

from niche import resources
from niche._settings import settings
from niche._slots import keys, validate
from niche.recipes.columns import written_by_niche
from niche.recipes.config import CommunicationConfig, RecipeConfig
from niche.recipes.load import AnyConfig
from niche.recipes.programs_config import ProgramsConfig
from niche.recipes.spatial_config import SpatialConfig
from niche.recipes.tissues import is_boolean, read_tissues
from niche.recipes.xenograft_config import XenograftConfig

_NAMES = {
    "sample": "sample sample_id biopsy biopsy_id specimen library library_id",
    "patient": "patient patient_id donor donor_id individual subject subject_id case_id animal mouse_id",
    "organ": "organ site metastatic_site metastasis_site met_site biopsy_site anatomical_site location "
    "tissue",
    "tissue": "tissue tissue_type tissue_origin sample_type origin lesion_type is_metastasis metastasis "
    "is_metastatic",
    "cell_type": "cell_type celltype cell_types annotation cell_annotation cell_label",
    "compartment": "compartment",
    "malignant": "malignant is_malignant is_tumor is_tumour tumor_cell is_cancer",
}
_PREFIXES = {"cell_type": ("cell_type", "celltype"), "malignant": ("malignant",)}
_SETTINGS = {"cell_type": "groupby"}
_REQUIRED = ("sample", "patient", "organ")
_COVARIATES = ("study", "assay", "platform", "batch", "subtype", "primarytype", "histology")
_MOST_LABELS, _MOST_TISSUES = 300, 6

Column = Callable[[pd.Series], bool]


@dataclass(frozen=True)
class Guess:
    """What could be read from a data set.

    Attributes
    ----------
    config
        Settings with the guessed columns filled in.
    notes
        One line per guess.
    missing
        Required fields for which no column was found.
    unrecognised
        Cell types whose name does not say their compartment, with their number of cells.
    """

    config: AnyConfig
    notes: tuple[str, ...]
    missing: tuple[str, ...]
    unrecognised: dict[str, int]


def guess_config(adata: ad.AnnData, config: AnyConfig | None = None) -> Guess:
    """Fill in the columns a config does not name, from the names and values of ``obs``.

    Parameters
    ----------
    adata
        The data; may be backed, only ``obs`` and the gene names are read.
    config
        What is known already, and so the recipe; it is never changed and never overruled.

    Returns
    -------
    Guess
        ``config`` (a new one), ``notes``, ``missing`` and ``unrecognised``.

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData.
    InputValueError
        It has no cells or no genes.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> adata.obs = adata.obs.rename(columns={"organ": "site"})
    >>> niche.recipes.guess_config(adata).config.input.organ
    'site'
    """
    validate.filled(adata)  # the recipe sums genes of one name
    found: AnyConfig = CommunicationConfig() if config is None else config.model_copy(deep=True)
    given = {name for name in _NAMES if getattr(found.input, name) is not None}
    own = written_by_niche(adata)
    notes: list[str] = []
    unlabelled: dict[str, str] = {}
    for name in _NAMES:
        if name in given or (name == "malignant" and found.input.compartment is not None):
            continue
        taken = [getattr(found.input, other) for other in _NAMES]
        if name == "compartment" or (name == "cell_type" and not _needs_names(found)):
            taken += own
        column = _find(adata.obs, name, taken)
        if column is None:
            unlabelled |= _without_labels(adata.obs, name, taken)
            continue
        setattr(found.input, name, column)
        if column != _default(name):
            notes.append(f"{name.replace('_', ' ')} taken from obs[{column!r}]")
    notes += unlabelled.values()
    _guess_tissues(adata, found, notes, tissue_given="tissue" in given)
    if "organism" not in found.model_fields_set and not isinstance(found, XenograftConfig):
        _guess_organism(adata, found, notes)
    if isinstance(found, CommunicationConfig | ProgramsConfig | SpatialConfig):
        notes += _possible_covariates(adata.obs, found)
    required = (*_REQUIRED, "cell_type") if _needs_names(found) else _REQUIRED
    missing = tuple(name for name in required if getattr(found.input, name) is None)
    return Guess(found, tuple(notes), missing, _unrecognised(adata.obs, found))


def _needs_names(config: AnyConfig) -> bool:
    """Whether the recipe works with cell types that were given only."""
    return isinstance(config, CommunicationConfig) and not isinstance(config, XenograftConfig)


def _default(name: str) -> str:
    return getattr(settings, _SETTINGS.get(name, f"{name}_key"), name)


def _find(obs: pd.DataFrame, name: str, taken: Sequence[str | None]) -> str | None:
    """The first column whose name is known for this role and whose values can play it."""
    fits = _FITS.get(name, _is_label)
    for column in _named_so(obs, name):
        if column not in taken and not obs[column].isna().any() and fits(obs[column]):
            return column
    return None


def _named_so(obs: pd.DataFrame, name: str) -> list[str]:
    """Columns whose name is known for a role, the likeliest first."""
    wanted = dict.fromkeys((_default(name), *_NAMES[name].split()))
    plain: dict[str, str] = {}
    for column in obs.columns:
        plain.setdefault(_plain(str(column)), str(column))
    candidates = [plain[_plain(item)] for item in wanted if _plain(item) in plain]
    for prefix in _PREFIXES.get(name, ()):
        candidates += [column for key, column in plain.items() if key.startswith(_plain(prefix))]
    return list(dict.fromkeys(candidates))


def _without_labels(obs: pd.DataFrame, name: str, taken: Sequence[str | None]) -> dict[str, str]:
    """A note on the first column that would play a role if all cells had a label."""
    fits = _FITS.get(name, _is_label)
    for column in _named_so(obs, name):
        n = int(obs[column].isna().sum())
        if column not in taken and 0 < n < len(obs) and fits(obs[column].dropna()):
            role = name.replace("_", " ")
            return {
                name: f"no {role}: obs[{column!r}] may be it, but {n} of {len(obs)} cells have no label "
                "there. Label them, or leave them out"
            }
    return {}


def _unread_tissue(obs: pd.DataFrame, taken: Sequence[str | None]) -> str:
    """What to do about a column that may hold the tissue in words that are not known; empty without one."""
    for column in _named_so(obs, "tissue"):
        if column in taken or not _is_label(obs[column]):
            continue
        unknown = read_tissues(obs[column], {}).unknown
        if 0 < len(unknown) <= _MOST_TISSUES:
            return (
                f". If obs[{column!r}] says it, name it with input.tissue and say in [input.tissue_map] what "
                f"it means by {validate.shown(unknown)}"
            )
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_label(values: pd.Series) -> bool:
    return not pd.api.types.is_float_dtype(values.dtype) and values.nunique() <= max(
        _MOST_LABELS, len(values) // 10
    )


def _is_organ(values: pd.Series) -> bool:
    """Labels, but not those of a tissue column."""
    return not is_boolean(values) and _is_label(values) and bool(read_tissues(values, {}).unknown)


def _is_tissue(values: pd.Series) -> bool:
    if is_boolean(values) and "metasta" not in str(values.name).lower():
        return False
    return not read_tissues(values, {}).unknown


def _is_compartment(values: pd.Series) -> bool:
    return set(values.astype(str)) <= set(keys.COMPARTMENTS_ALL)


_FITS: dict[str, Column] = {
    "organ": _is_organ,
    "tissue": _is_tissue,
    "malignant": lambda values: is_boolean(values),
    "compartment": _is_compartment,
    "cell_type": lambda values: (
        _is_label(values) and not is_boolean(values) and 2 <= values.nunique() <= _MOST_LABELS
    ),
}


def _guess_tissues(adata: ad.AnnData, found: AnyConfig, notes: list[str], *, tissue_given: bool) -> None:
    """Say how tissue is read; with one metastatic organ, look at the primary tumors beside it."""
    name = found.input.tissue
    if name is None:
        taken = [getattr(found.input, other) for other in _NAMES]
        notes.append(
            "no column says primary, metastasis or normal: every sample is taken as a metastasis"
            f"{_unread_tissue(adata.obs, taken)}"
        )
        return
    organ = found.input.organ
    if name not in adata.obs.columns or organ not in adata.obs.columns:
        return
    if not isinstance(found, CommunicationConfig):
        return
    tissue = read_tissues(adata.obs[name], found.input.tissue_map).values
    organs = adata.obs.loc[(tissue == "metastasis").to_numpy(), organ].nunique()
    if organs == 1 and (tissue == "primary").any() and "tissues" not in found.communication.model_fields_set:
        found.communication.tissues = ["metastasis", "primary"]
        notes.append(
            "one metastatic organ only: primary tumors are analysed beside it (communication.tissues)"
        )


def _guess_organism(adata: ad.AnnData, found: RecipeConfig, notes: list[str]) -> None:
    names = adata.var_names.astype(str)
    mouse = names.str.match(r"ENSMUSG\d|[A-Z][a-z]+[a-z0-9]*$").mean()
    if mouse > 0.5:
        found.organism = "mouse"
        notes.append(f"organism taken as mouse ({mouse:.0%} of the gene names look like mouse genes)")


def _possible_covariates(
    obs: pd.DataFrame, found: CommunicationConfig | ProgramsConfig | SpatialConfig
) -> list[str]:
    """Columns that usually differ between samples for another reason than the organ; named, never used."""
    sample = found.input.sample
    decided = "covariates" in found.compare.model_fields_set
    if sample not in obs.columns or not found.compare.run or decided:
        return []
    named = []
    for column in obs.columns:
        if _plain(str(column)) in _COVARIATES and obs[column].nunique() > 1:
            per_sample = obs.groupby(obs[sample].astype(str), observed=True)[column].nunique(dropna=False)
            named += [str(column)] if (per_sample <= 1).all() else []
    if not named:
        return []
    listed = ", ".join(named)
    return [f"no covariates of the comparison; compare.covariates can name them: {listed}"]


def _unrecognised(obs: pd.DataFrame, found: RecipeConfig) -> dict[str, int]:
    name = found.input.cell_type
    if found.input.compartment is not None or name not in obs.columns:
        return {}
    counts = obs[name].astype(str).value_counts()
    return {
        str(label): int(n)
        for label, n in counts.items()
        if n and label not in found.input.compartments and resources.classify_cell_type(str(label)) is None
    }
