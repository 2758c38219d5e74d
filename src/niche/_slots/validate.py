"""The one door check: what every public function asks of its input before it does anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import keys, lazy
from niche.errors import InputTypeError, InputValueError, MissingKeyError

_SHOWN = 12


@dataclass(frozen=True)
class Factor:
    """A column of labels as integer codes.

    Attributes
    ----------
    key
        The obs column.
    codes
        (n_obs,) int32, never negative.
    names
        The label of each code; every label is used at least once.
    """

    key: str
    codes: np.ndarray
    names: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """The label of every cell, (n_obs,) object."""
        return np.array(self.names, dtype=object)[self.codes]


@dataclass(frozen=True)
class Samples:
    """The study design: one row per sample.

    Attributes
    ----------
    cells
        Factor of the sample of each cell.
    patient, organ, tissue
        Label of each sample, object arrays of length n_samples.
    tissue_given
        Whether the tissue column exists; without it every sample counts as a metastasis.
    """

    cells: Factor
    patient: np.ndarray
    organ: np.ndarray
    tissue: np.ndarray
    tissue_given: bool


def anndata(adata: Any) -> None:
    """Refuse what is not an AnnData with cells and unique, non-missing gene names."""
    filled(adata)
    gene_names(adata)


def filled(adata: Any) -> None:
    """Refuse what is not an AnnData with cells and genes, whatever these are called.

    Annotation that was read lazily is brought into memory; matrices are left as they are.
    """
    if not isinstance(adata, ad.AnnData):
        raise InputTypeError(
            f"adata must be an AnnData. Got {type(adata).__module__}.{type(adata).__name__}. "
            "Read a file with anndata.read_h5ad(path)."
        )
    if adata.n_obs == 0 or adata.n_vars == 0:
        raise InputValueError(
            f"adata is empty: {adata.n_obs} cells x {adata.n_vars} genes. Check the filters applied before."
        )
    lazy.hold_annotation(adata)


def gene_names(adata: ad.AnnData) -> None:
    """Refuse missing or duplicated gene names."""
    missing_gene_names(adata)
    names = adata.var_names
    if not names.is_unique:
        twice = names[names.duplicated()].unique()
        raise InputValueError(
            f"{len(twice)} gene names in adata.var_names occur more than once, for example "
            f"{shown(twice[:3])}. Run niche.pp.harmonize_genes(adata), which sums their counts."
        )


def missing_gene_names(adata: ad.AnnData) -> None:
    """Refuse gene names that are missing."""
    names = adata.var_names
    missing = np.asarray(names.isna()) | np.isin(np.asarray(names, dtype=str), ("", "nan", "NaN", "None"))
    if missing.any():
        raise InputValueError(
            f"{int(missing.sum())} of {len(names)} gene names in adata.var_names are missing. "
            "Remove these genes or name them before."
        )


def obs_key(adata: ad.AnnData, key: str | None, setting: str) -> str:
    """Resolve a column name (argument, else settings) and refuse one that does not exist."""
    name = getattr(settings, setting) if key is None else key
    if not isinstance(name, str):
        raise InputTypeError(f"{setting} must be the name of an obs column. Got {name!r}.")
    if name not in adata.obs.columns:
        raise MissingKeyError(
            f"column {name!r} not found in adata.obs.{meant(name, adata.obs.columns)} "
            f"Available: {shown(adata.obs.columns)}. Name yours with {setting}=, or once with "
            f"niche.settings.{setting} = ..."
        )
    return name


def factor(adata: ad.AnnData, key: str | None, setting: str) -> Factor:
    """Return a column of labels as codes; refuse missing labels."""
    name = obs_key(adata, key, setting)
    values = adata.obs[name]
    if isinstance(values, pd.DataFrame):
        raise InputValueError(f"adata.obs has {values.shape[1]} columns named {name!r}. Keep one.")
    n_missing = int(values.isna().sum())
    if n_missing:
        raise InputValueError(
            f"{n_missing} of {len(values)} cells have no label in adata.obs[{name!r}]. "
            f"Label them, or leave them out: adata[adata.obs[{name!r}].notna()].copy()."
        )
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        names = values.cat.categories.astype(str)
        codes = values.cat.codes.to_numpy()
    else:
        codes, names = pd.factorize(values.astype(str), sort=True)
    if any(not label.strip() for label in names):
        raise InputValueError(f"adata.obs[{name!r}] has an empty label. Give these cells a name.")
    return Factor(name, codes.astype(np.int32), tuple(str(label) for label in names))


def samples(
    adata: ad.AnnData,
    sample_key: str | None,
    patient_key: str | None,
    organ_key: str | None,
    tissue_key: str | None,
) -> Samples:
    """Return the design, refusing a sample that lies in two organs, patients or tissues."""
    cells = factor(adata, sample_key, "sample_key")
    patient = _per_sample(adata, cells, patient_key, "patient_key")
    organ = _per_sample(adata, cells, organ_key, "organ_key")
    name = settings.tissue_key if tissue_key is None else tissue_key
    if tissue_key is None and name not in adata.obs.columns:
        tissue = np.full(len(cells.names), "metastasis", dtype=object)
        return Samples(cells, patient, organ, tissue, tissue_given=False)
    tissue = _per_sample(adata, cells, tissue_key, "tissue_key")
    unknown = sorted(set(tissue) - set(keys.TISSUES))
    if unknown:
        raise InputValueError(
            f"adata.obs[{name!r}] must hold only {shown(keys.TISSUES)}. Found {shown(unknown)}. "
            f"Rename them, for example adata.obs[{name!r}].replace({{{unknown[0]!r}: 'normal'}})."
        )
    return Samples(cells, patient, organ, tissue, tissue_given=True)


def _per_sample(adata: ad.AnnData, cells: Factor, key: str | None, setting: str) -> np.ndarray:
    labels = factor(adata, key, setting)
    found = np.zeros(len(cells.names), dtype=np.int32)
    found[cells.codes] = labels.codes
    elsewhere = found[cells.codes] != labels.codes
    if elsewhere.any():
        twice = pd.unique(cells.codes[elsewhere])
        first = pd.unique(labels.codes[cells.codes == twice[0]])
        raise InputValueError(
            f"a sample must lie in one {labels.key}: {len(twice)} of {len(cells.names)} samples do not, for "
            f"example sample {cells.names[twice[0]]!r} is in {shown(labels.names[i] for i in first)}. "
            f"Give each biopsy its own label in adata.obs[{cells.key!r}]."
        )
    return np.array(labels.names, dtype=object)[found]


def compartments(adata: ad.AnnData, compartment_key: str | None, *, run_first: str) -> np.ndarray:
    """Return the compartment of each cell; refuse unknown ones."""
    return compartment_factor(adata, compartment_key, run_first=run_first).labels


def compartment_factor(adata: ad.AnnData, compartment_key: str | None, *, run_first: str) -> Factor:
    """Return the compartment of each cell as codes; refuse unknown ones."""
    name = settings.compartment_key if compartment_key is None else compartment_key
    if name not in adata.obs.columns:
        raise MissingKeyError(
            f"column {name!r} not found in adata.obs. Run {run_first} first, or name yours with "
            f"compartment_key=. Available: {shown(adata.obs.columns)}."
        )
    labels = factor(adata, name, "compartment_key")
    unknown = sorted(set(labels.names) - set(keys.COMPARTMENTS_ALL))
    if unknown:
        raise InputValueError(
            f"adata.obs[{name!r}] must hold only {shown(keys.COMPARTMENTS_ALL)}. Found {shown(unknown)}."
        )
    return labels


def number(
    value: Any,
    name: str,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    integer: bool = False,
    open_low: bool = False,
) -> None:
    """Refuse a number out of its range, with one wording everywhere."""
    kind = "an integer" if integer else "a number"
    types: tuple[type, ...] = (int, np.integer) if integer else (int, float, np.integer, np.floating)
    fits = isinstance(value, types) and not isinstance(value, bool)
    if not fits or not (low < value if open_low else low <= value) or not value <= high:
        raise InputValueError(
            f"{name} must be {kind} in {'(' if open_low else '['}{low:g}, {high:g}]. Got {value!r}."
        )


def choice(value: Any, name: str, options: Sequence[Any]) -> None:
    """Refuse a value that is not one of the options."""
    if not any(value is option or (type(value) is type(option) and value == option) for option in options):
        raise InputValueError(f"{name} must be one of {', '.join(map(repr, options))}. Got {value!r}.")


def flag(value: Any, name: str) -> None:
    """Refuse what is not True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputTypeError(f"{name} must be True or False. Got {value!r}.")


def generator(rng: Any) -> np.random.Generator:
    """Return a numpy Generator from an integer seed or a Generator."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise InputTypeError(f"rng must be a non-negative integer or a numpy Generator. Got {rng!r}.")


def shown(names: Iterable[Any]) -> str:
    """List names for a message, cut after a dozen."""
    listed = [str(name) for name in names]
    text = ", ".join(repr(name) for name in listed[:_SHOWN])
    return f"{text}, and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else text


def meant(name: str, known: Iterable[Any]) -> str:
    """A question for a message: the known names that are nearly this one; empty where none is."""
    small = {str(item).casefold(): str(item) for item in known}
    near = [small[one] for one in get_close_matches(str(name).casefold(), list(small), cutoff=0.7)]
    return f" Did you mean {shown(near)}?" if near else ""
