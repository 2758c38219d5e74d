"""What stands for a patient in a comparison of organs: all samples of the patient in an organ together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import validate
from niche._stats.contrasts import Groups
from niche._stats.organ_tests import Samples
from niche.errors import InputValueError, MissingKeyError


@dataclass(frozen=True)
class AnalysisUnits:
    """Patients in organs, and the samples they are made of.

    Attributes
    ----------
    of_sample
        (n_samples,) unit of each sample, -1 for samples that take no part.
    samples
        Group, patient and covariates of every unit.
    groups
        Organs, and primary and normal tissue.
    patient_names
        Name of each patient code.
    n_samples
        (n_units,) samples.
    """

    of_sample: np.ndarray
    samples: Samples
    groups: Groups
    patient_names: list[str]
    n_samples: np.ndarray


def groups_of(organs: list[str], organ_code: np.ndarray, organ: np.ndarray, tissue: np.ndarray) -> Groups:
    """Organ and tissue of every group, from the samples in it."""
    first = [int(np.flatnonzero(organ_code == g)[0]) for g in range(len(organs))]
    return Groups(list(organs), [str(organ[i]) for i in first], [str(tissue[i]) for i in first])


def analysis_units(
    groups: Groups, organ_code: np.ndarray, patient: np.ndarray, covariates: pd.DataFrame
) -> AnalysisUnits:
    """Join samples (n_samples,) of one patient in one organ that agree in every categorical covariate."""
    used = organ_code >= 0
    numeric = [name for name in covariates if is_numeric(covariates[name])]
    key = pd.DataFrame({"group": organ_code, "patient": patient})
    for name in covariates:
        if name not in numeric:
            key[f"covariate {name}"] = covariates[name].astype(str).to_numpy()
    number = np.full(used.size, -1, dtype=np.int64)
    number[used] = key[used].groupby(list(key), sort=True).ngroup().to_numpy()
    first = [int(np.flatnonzero(number == u)[0]) for u in range(number.max(initial=-1) + 1)]
    names = sorted(set(patient[used]))
    codes = np.searchsorted(np.array(names, dtype=object), patient[first]).astype(np.int64)
    columns, terms = [], []
    for name in covariates:
        if name in numeric:
            values = covariates[name].astype(float).groupby(number).mean().reindex(range(len(first)))
            spread = float(values.std(ddof=0))
            columns.append(((values - values.mean()) / (spread or 1.0)).to_numpy())
            terms.append(str(name))
            continue
        levels = covariates[name].astype(str).to_numpy()[first]
        for level in sorted(set(levels))[1:]:
            columns.append((levels == level).astype(float))
            terms.append(str(name))
    matrix = np.stack(columns, axis=1) if columns else np.zeros((len(first), 0))
    samples = Samples(organ_code[first].astype(np.int64), codes, matrix, tuple(terms))
    return AnalysisUnits(number, samples, groups, names, np.bincount(number[used], minlength=len(first)))


def is_numeric(values: pd.Series) -> bool:
    """Whether a covariate enters as a number."""
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def value_of_samples(adata: ad.AnnData, sample_key: str, name: str) -> tuple[pd.Series, pd.Series]:
    """A value of ``obs[name]`` of every sample, and whether the sample holds others; missing is one too."""
    samples = validate.factor(adata, sample_key, "sample_key")
    codes, values = pd.factorize(adata.obs[name], use_na_sentinel=False)
    one = np.zeros(len(samples.names), dtype=codes.dtype)
    one[samples.codes] = codes
    varies = np.zeros(len(samples.names), dtype=bool)
    varies[samples.codes[one[samples.codes] != codes]] = True
    found = values.take(one)
    found = found.astype(object) if isinstance(found.dtype, pd.CategoricalDtype) else found
    index = pd.Index(samples.names)
    return pd.Series(np.asarray(found), index=index), pd.Series(varies, index=index)


def sample_covariates(
    adata: ad.AnnData, sample_key: str, sample_names: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """One row per sample of columns of ``obs``; refuse what varies within a sample or is missing."""
    table = pd.DataFrame(index=pd.Index(sample_names))
    for name in names:
        if name not in adata.obs.columns:
            raise MissingKeyError(
                f"covariate {name!r} not found in adata.obs. Available: {validate.shown(adata.obs.columns)}."
            )
        first, varies = value_of_samples(adata, sample_key, name)
        bad = [sample for sample in sample_names if varies.get(sample, False)]
        if bad:
            raise InputValueError(
                f"covariate {name!r} must be one value per sample: it varies within {len(bad)} of "
                f"{len(sample_names)} samples, for example {bad[0]!r}. Summarise it per sample first."
            )
        table[name] = first.reindex(sample_names).to_numpy()
        missing = int(table[name].isna().sum())
        if missing:
            raise InputValueError(
                f"covariate {name!r} is missing in {missing} of {len(sample_names)} samples, for example "
                f"{table.index[table[name].isna()][0]!r}. Fill it in, or leave these samples out."
            )
    return table
