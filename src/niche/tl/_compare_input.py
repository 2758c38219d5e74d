"""What a comparison of organs reads of a stored communication result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import read, validate
from niche._stats.contrasts import Contrast, Groups, contrasts_of
from niche._stats.organ_tests import Method
from niche.errors import InputValueError, warn
from niche.get._compare_units import (
    AnalysisUnits,
    analysis_units,
    groups_of,
    sample_covariates,
    value_of_samples,
)
from niche.tl._compare_confounding import CONFOUNDERS, check_covariates, confounding

RUN_FIRST = "niche.tl.communication"
METHODS = ("averaged", "consensus", "fixed")


@dataclass(frozen=True)
class Study:
    """Patients in organs, the comparisons between organs, and which columns are confounded with them."""

    units: AnalysisUnits
    wanted: list[Contrast]
    confounding: pd.DataFrame

    @property
    def groups(self) -> Groups:
        """Organs, and primary and normal tissue."""
        return self.units.groups


def study_of(
    adata: ad.AnnData,
    covariates: Sequence[str],
    sample_key: str,
    names: Sequence[str],
    patient: np.ndarray,
    organ: np.ndarray,
    tissue: np.ndarray,
    organs: list[str],
    organ_code: np.ndarray,
    method: Method,
    groups: Groups | None = None,
) -> Study:
    """Read the design and refuse one in which nothing can be compared; ``groups`` follow from it else."""
    taking_part = [name for name, code in zip(names, organ_code, strict=True) if code >= 0]
    table = sample_covariates(adata, sample_key, taking_part, covariates).reindex(names)
    seen = [name for name in CONFOUNDERS if name in adata.obs.columns and name not in covariates]
    known = [name for name in seen if _one_per_sample(adata, sample_key, name)]
    other = sample_covariates(adata, sample_key, names, known)
    groups = groups or groups_of(organs, organ_code, organ, tissue)
    wanted = contrasts_of(groups)
    if not wanted:
        raise InputValueError(
            f"nothing to compare: {validate.shown(organs)} is the only organ. Take primary or normal tissue "
            "along with tissues= of the run that is compared, or add an organ."
        )
    units = analysis_units(groups, organ_code, patient, table)
    if method == "fixed" and not _complete(units):
        raise InputValueError(
            "patients='fixed' needs complete pairing: every patient in every organ. Here some patients lack "
            "an organ; use patients='averaged', which takes incomplete pairs."
        )
    check_covariates(units, wanted)
    hidden = confounding(units, organ_code, patient, pd.concat([table, other], axis=1), wanted)
    silent = hidden[hidden["confounded"] & ~hidden["term"].isin(covariates)]
    for term, part in silent.groupby("term", sort=True):
        warn(
            f"{term!r} cannot be told apart from the organs in {validate.shown(part['contrast'])}: what "
            "differs there may be due to it. It is no covariate of this comparison."
        )
    return Study(units, wanted, hidden)


def _one_per_sample(adata: ad.AnnData, sample_key: str, name: str) -> bool:
    value, varies = value_of_samples(adata, sample_key, name)
    return not varies.any() and not value.isna().any()


def _complete(units: AnalysisUnits) -> bool:
    table = pd.crosstab(units.samples.patient, units.samples.group)
    return bool((table > 0).all(axis=None))


def study_of_samples(
    adata: ad.AnnData, covariates: Sequence[str], samples: validate.Samples, organs: list[str],
    organ_code: np.ndarray, method: Method,
) -> Study:  # fmt: skip
    """The design of data whose samples were read at the door."""
    return study_of(
        adata, covariates, samples.cells.key, samples.cells.names, samples.patient, samples.organ,
        samples.tissue, organs, organ_code, method,
    )  # fmt: skip


def study_of_stored(
    adata: ad.AnnData, stored: Mapping[str, Any], covariates: Sequence[str], method: Method
) -> Study:
    """The study of a communication result; refuse one that pooled its samples."""
    convention = str(stored["params"]["convention"])
    if convention != "niche":
        raise InputValueError(
            f"the communication result follows convention={convention!r}, which pools the samples of an "
            "organ: patients cannot be told apart. Run niche.tl.communication with convention='niche'."
        )
    samples = stored["samples"]
    name, patient, organ, tissue = (
        np.array(read.strings(samples[key]), dtype=object) for key in ("name", "patient", "organ", "tissue")
    )
    return study_of(
        adata, covariates, str(stored["params"]["sample_key"]), list(name), patient, organ, tissue,
        read.strings(stored["organs"]), np.asarray(samples["organ_code"]), method,
    )  # fmt: skip
