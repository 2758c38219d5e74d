"""What a comparison of organs reads of a stored communication result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.units import Units
from niche._slots import read, validate
from niche._stats.contrasts import Contrast, Groups, contrasts_of
from niche._stats.organ_tests import Method
from niche.errors import InputValueError, warn
from niche.tl._compare_sides import Side, complexes, side_of
from niche.tl._compare_units import (
    CONFOUNDERS,
    AnalysisUnits,
    analysis_units,
    check_covariates,
    confounding,
    groups_of,
    sample_covariates,
)

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
) -> Study:
    """Read the design and refuse one in which nothing can be compared."""
    listed = [covariates] if isinstance(covariates, str) else list(covariates)
    table = sample_covariates(adata, sample_key, names, listed)
    seen = [name for name in CONFOUNDERS if name in adata.obs.columns and name not in listed]
    other = sample_covariates(
        adata, sample_key, names, [n for n in seen if _one_per_sample(adata, sample_key, n)]
    )
    groups = groups_of(organs, organ_code, organ, tissue)
    wanted = contrasts_of(groups)
    if not wanted:
        raise InputValueError(
            f"nothing to compare: {validate.shown(organs)} is the only organ. Give primary or normal tissue to "
            "the communication run with tissues=, or add an organ."
        )
    units = analysis_units(groups, organ_code, patient, table)
    if method == "fixed" and not _complete(units):
        raise InputValueError(
            "patients='fixed' needs complete pairing: every patient in every organ. Here some patients lack an "
            "organ; use patients='averaged', which takes incomplete pairs."
        )
    check_covariates(units, wanted)
    hidden = confounding(units, organ_code, patient, pd.concat([table, other], axis=1), wanted)
    silent = hidden[hidden["confounded"] & ~hidden["term"].isin(listed)]
    for term, part in silent.groupby("term", sort=True):
        warn(
            f"{term!r} cannot be told apart from the organs in {validate.shown(part['contrast'])}: a difference "
            "there may be one of it. It is no covariate of this comparison."
        )
    return Study(units, wanted, hidden)


def _one_per_sample(adata: ad.AnnData, sample_key: str, name: str) -> bool:
    per_sample = adata.obs.groupby(adata.obs[sample_key].astype(str), observed=True)[name]
    return bool((per_sample.nunique(dropna=False) <= 1).all()) and not bool(adata.obs[name].isna().any())


def _complete(units: AnalysisUnits) -> bool:
    table = pd.crosstab(units.samples.patient, units.samples.group)
    return bool((table > 0).all(axis=None))


def study_of_stored(
    adata: ad.AnnData, stored: Mapping[str, Any], covariates: Sequence[str], method: Method
) -> Study:
    """The study of a communication result; refuse one that pooled its samples."""
    convention = str(stored["params"]["convention"])
    if convention != "niche":
        raise InputValueError(
            f"the communication result follows convention={convention!r}, which pools the samples of an organ: "
            "patients cannot be told apart. Run niche.tl.communication with convention='niche'."
        )
    samples = stored["samples"]
    name, patient, organ, tissue = (
        np.array(read.strings(samples[key]), dtype=object) for key in ("name", "patient", "organ", "tissue")
    )
    return study_of(
        adata, covariates, str(stored["params"]["sample_key"]), list(name), patient, organ, tissue,
        read.strings(stored["organs"]), np.asarray(samples["organ_code"]), method,
    )  # fmt: skip


class SidesOfTypes:
    """Ligands and receptors of every cell type over the units, made when they are asked for."""

    def __init__(self, stored: Mapping[str, Any], units: AnalysisUnits, lr_units: Units) -> None:
        aggregate = stored["aggregate"]
        self._aggregate = {
            name: np.asarray(aggregate[name])
            for name in ("sample", "cell_type", "n", "nonzero", "pseudobulk", "library")
        }
        self._has_counts = str(aggregate["pseudobulk_kind"]) == "counts"
        self._min_cells = int(stored["params"]["min_cells"])
        self._units, self._lr_units = units, lr_units
        self._made: dict[int, Side] = {}

    def of(self, cell_type: int) -> Side:
        """The sides of a cell type."""
        if cell_type not in self._made:
            a = self._aggregate
            mine = (a["cell_type"] == cell_type) & (a["n"] >= self._min_cells)
            mine &= self._units.of_sample[a["sample"]] >= 0
            side = side_of(
                a["pseudobulk"][mine], a["library"][mine], a["n"][mine], a["nonzero"][mine], a["sample"][mine],
                self._units, has_counts=self._has_counts,
            )  # fmt: skip
            self._made[cell_type] = complexes(side, self._lr_units)
        return self._made[cell_type]

    def units_with(self, source: int, target: int) -> np.ndarray:
        """Units in which a sample holds enough cells of both types."""
        a = self._aggregate
        big = a["n"] >= self._min_cells
        samples = [set(a["sample"][big & (a["cell_type"] == t)]) for t in (source, target)]
        found = self._units.of_sample[sorted(samples[0] & samples[1])].astype(np.int64)
        return np.unique(found[found >= 0])

    def cells(self, cell_type: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells of a type in every group (n_groups,), and in the largest sample of it."""
        a, n_groups = self._aggregate, len(self._units.groups.name)
        unit = self._units.of_sample[a["sample"]]
        mine = (a["cell_type"] == cell_type) & (unit >= 0)
        group = self._units.samples.group[unit[mine]]
        largest = np.zeros(n_groups, dtype=np.int64)
        np.maximum.at(largest, group, a["n"][mine])
        return np.bincount(group, weights=a["n"][mine], minlength=n_groups), largest
