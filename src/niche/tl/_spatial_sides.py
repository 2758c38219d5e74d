"""On which side of the border every spot lies: tumor, host or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import keys, validate
from niche.errors import InputTypeError, InputValueError, MissingKeyError

TUMOR, HOST, NEITHER = 0, 1, -1


@dataclass(frozen=True)
class SpotSides:
    """Sides of all spots.

    Attributes
    ----------
    side
        (n_obs,) TUMOR, HOST or NEITHER.
    fraction
        (n_obs,) share of tumor in every spot where proportions were given, else empty.
    name
        What they were read from; empty where there are none.
    obs, obsm
        Columns and tables they depend on.
    """

    side: np.ndarray
    fraction: np.ndarray
    name: str = ""
    obs: list[str] = field(default_factory=list)
    obsm: list[str] = field(default_factory=list)


def spot_sides(
    adata: ad.AnnData, interface_key: str | None, tumor: str | Sequence[str] | None, threshold: float
) -> SpotSides:
    """Read sides from compartments, other labels, a share of tumor per spot, or a table of proportions."""
    name = settings.compartment_key if interface_key is None else interface_key
    if not isinstance(name, str):
        raise InputTypeError(f"interface_key must name an obs column or obsm table. Got {name!r}.")
    listed = None if tumor is None else [tumor] if isinstance(tumor, str) else [str(t) for t in tumor]
    if name in adata.obs.columns:
        values = adata.obs[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            return SpotSides(*_of_fraction(values.to_numpy(float), name, threshold), name, [name])
        return SpotSides(_of_labels(values, name, listed), np.zeros(0), name, [name])
    if name in adata.obsm:
        return SpotSides(
            *_of_fraction(_summed(adata.obsm[name], name, listed), name, threshold), name, [], [name]
        )
    if interface_key is None:
        if listed is not None:
            raise MissingKeyError(
                f"tumor={listed} names labels, but adata.obs has no column {name!r}. Name theirs with "
                f"interface_key=. Available: {validate.shown(adata.obs.columns)}."
            )
        return SpotSides(np.full(adata.n_obs, NEITHER), np.zeros(0))
    raise MissingKeyError(
        f"interface_key {name!r} found neither in adata.obs nor in adata.obsm. Columns: "
        f"{validate.shown(adata.obs.columns)}; tables: {validate.shown(adata.obsm) or 'none'}."
    )


def _of_labels(values: pd.Series, name: str, tumor: list[str] | None) -> np.ndarray:
    missing = values.isna().to_numpy()
    labels = values.astype(str).to_numpy(dtype=object)
    met = sorted(set(labels[~missing]))
    if tumor is not None:
        unknown = [label for label in tumor if label not in met]
        if unknown:
            raise InputValueError(
                f"tumor: {validate.shown(unknown)} not in adata.obs[{name!r}]. Labels: {validate.shown(met)}."
            )
        side = np.where(np.isin(labels, tumor), TUMOR, HOST)
    else:
        strange = [label for label in met if label not in keys.COMPARTMENTS_ALL and label != "host"]
        if strange:
            raise InputValueError(
                f"adata.obs[{name!r}] must hold compartments, 'host', or numbers (the share of tumor). Found "
                f"{validate.shown(strange)}. Say which labels are tumor with tumor=."
            )
        side = np.where(labels == keys.COMPARTMENTS_ALL[0], TUMOR, HOST)
        side[labels == keys.COMPARTMENTS_ALL[-1]] = NEITHER
    side[missing] = NEITHER
    return side


def _of_fraction(fraction: np.ndarray, name: str, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    known = fraction[np.isfinite(fraction)]
    if known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise InputValueError(
            f"{name!r} must hold the share of tumor in every spot, from 0 to 1. Found {known.min():.3g} to "
            f"{known.max():.3g}."
        )
    side = np.where(fraction >= threshold, TUMOR, HOST)
    side[~np.isfinite(fraction)] = NEITHER
    return side, fraction


def _summed(table: object, name: str, tumor: list[str] | None) -> np.ndarray:
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(
            f"adata.obsm[{name!r}] must be a DataFrame of proportions with named columns. "
            f"Got {type(table).__name__}."
        )
    columns = [str(column) for column in table.columns]
    unknown = [label for label in tumor or [] if label not in columns]
    if not tumor or unknown:
        raise InputValueError(
            f"say with tumor= which columns of adata.obsm[{name!r}] are tumor. Columns: "
            f"{validate.shown(columns)}{f'; not there: {validate.shown(unknown)}' if unknown else ''}."
        )
    return table[tumor].sum(axis=1, skipna=False).to_numpy(float)
