"""Compare what lies next to each other in tissue between organs, with patients as the replicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np

from niche._slots import fingerprint, keys, read, tables, validate, write
from niche._slots import spatial_codes as codes
from niche._stats import proportions
from niche._stats.contrasts import Groups
from niche._stats.fdr import benjamini_hochberg
from niche._stats.organ_tests import PATIENTS_CALL, PATIENTS_TEST
from niche._stats.weighted_means import weighted_means
from niche.get._compare_units import groups_of, sample_covariates
from niche.get.spatial import RUN_FIRST
from niche.tl._communication_pass import organ_names
from niche.tl._compare_calls import LARGEST_Q
from niche.tl._compare_input import METHODS, Study, study_of_samples
from niche.tl._compare_reasons import Reasons
from niche.tl._organ_results import CALLS, VALUES, OrganResults, few_tests, precision_weights
from niche.tl._spatial_values import SectionValues, section_values, unit_values

MEAN = "mean"
CONSISTENT = "consistent"
CALLS_OF_PAIRS = (*CALLS, CONSISTENT)


def compare_spatial(
    adata: ad.AnnData,
    *,
    key: str = keys.SPATIAL_COMMUNICATION,
    statistic: Literal["section", "tumor_to_host", "host_to_tumor"] = "section",
    covariates: str | Sequence[str] | None = (),
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    tissues: Sequence[str] = ("metastasis",),
    key_added: str = keys.COMPARE_SPATIAL,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Ask of every pair whether patients agree on it, and whether organs differ in it.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.spatial_communication` was run.
    key
        The ``key_added`` of that run.
    statistic
        ``"section"``: bivariate Moran's R of whole sections. ``"tumor_to_host"``, ``"host_to_tumor"``: the
        correlation across the border, with the ligand on the side named first.
    covariates
        Columns of ``obs``, one value per sample.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    tissues
        Tissues whose sections are used. Only metastases enter contrasts between organs; primary and normal
        tissue is compared with each organ.
    key_added
        Where the result goes.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compare_spatial`: ``pairs``, ``contrasts``,
        ``groups``, ``values`` (n_pairs x n_contrasts arrays), ``status``, ``call``, ``reason``, ``families``,
        ``confounding``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        No such run, or a covariate that does not exist.
    StaleResultError
        The run no longer fits the data.
    InputValueError
        No section of the tissues wanted, a covariate that varies within a sample or hides every comparison,
        or an option that cannot be worked with.

    Notes
    -----
    A patient's value in an organ is the mean of :math:`\operatorname{artanh}` of the statistic over its
    sections, with the precision :math:`1 / (\tau^2 + SE^2)`: the spread between patients of this pair, and
    the standard deviation of the statistic when permuted. The scale of both is estimated again from the
    residuals and tested with t. How many spots a section has therefore weighs, but is no evidence by itself.

    ``mean_in_<organ>``: is the mean over patients different from 0? This needs one organ only, and is the
    consensus over sections; called ``consistent`` at q <= 0.1 above 0 with 3 patients. All other contrasts,
    refusals and numbers of patients are those of :func:`niche.tl.compare_communication`; variances are not
    moderated. Likelihood-ratio tests, as in SpatialDM's differential test, reject a true null in 10-20 % at
    these numbers of patients.

    References
    ----------
    Weights with the scale estimated again: Knapp & Hartung 2003, doi:10.1002/sim.1482. Correlation within
    patients: Smyth et al. 2005, doi:10.1093/bioinformatics/bti270. SpatialDM: Li et al. 2023,
    doi:10.1038/s41467-023-39608-w.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=3, side=12)
    >>> niche.pp.normalize(adata)
    >>> niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    >>> niche.tl.compare_spatial(adata, statistic="tumor_to_host")
    >>> table = niche.get.compare_spatial(adata, contrast="mean_in_liver")
    >>> int(table["n_patients"].max())
    3
    """
    validate.choice(statistic, "statistic", codes.STATISTICS)
    validate.choice(patients, "patients", METHODS)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    given = stored["params"]
    names = {name: str(given[name]) for name in ("sample_key", "patient_key", "organ_key")}
    tissue_key = str(given["tissue_key"])
    samples = validate.samples(
        adata, names["sample_key"], names["patient_key"], names["organ_key"],
        tissue_key if tissue_key in adata.obs.columns else None,
    )  # fmt: skip
    organs, organ_of_sample = organ_names(samples, tissues)
    listed = list(tables.names(covariates, "covariates"))
    values = section_values(stored, statistic, samples.cells.names)
    tested = np.flatnonzero(np.isfinite(values.value[organ_of_sample >= 0]).any(axis=0))
    found: dict[str, Any] = {}
    if len(organs) > 1:
        study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
        found = _between(study, values, tested, patients).payload()
    means = _Means(values, samples.patient, organ_of_sample, organs)
    groups = groups_of(organs, organ_of_sample, samples.organ, samples.tissue)
    payload = _joined(found, means, groups) | {
        "pairs": {name: read.strings(labels) for name, labels in stored["pairs"].items()},
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "sections_value": values.value, "sections_variance": values.variance,
    }  # fmt: skip
    if len(organs) < 2 and listed:
        sample_covariates(adata, samples.cells.key, samples.cells.names, listed)
    params: dict[str, Any] = {
        "key": key, "run": read.identity(adata, key), "statistic": statistic, "covariates": listed,
        "patients": patients, "tissues": [tissues] if isinstance(tissues, str) else list(tissues), **names,
        "tissue_key": tissue_key,
    }  # fmt: skip
    columns = [*names.values(), *listed] + ([tissue_key] if tissue_key in adata.obs.columns else [])
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, payload=payload,
        fingerprint=fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=[]),
    )  # fmt: skip
    return target if copy else None


def _between(study: Study, values: SectionValues, tested: np.ndarray, method: Any) -> OrganResults:
    """Tests between organs; pairs that were tested in the same patients make a family."""
    units, groups = study.units, study.groups
    out = OrganResults(study, values.value.shape[1])
    y, variance = unit_values(values, units.of_sample, units.n_samples.size)
    organ = np.append(units.samples.group, -1)[units.of_sample]
    for k in np.setdiff1d(np.arange(len(y)), tested):
        out.refuse([k], why_not(values.reason[organ >= 0, k]))
    known = np.isfinite(y)
    patterns, which = np.unique(known[tested], axis=0, return_inverse=True)
    for i, there in enumerate(patterns):
        mine, rows = tested[which.ravel() == i], np.flatnonzero(there)
        group = units.samples.group[rows]
        usable = np.isin(np.arange(len(groups.name)), group)
        missing = [
            [
                "" if usable[g] else f"{name}: {why_not(values.reason[organ == g, k])}"
                for g, name in enumerate(groups.name)
            ]
            for k in mine
        ]  # fmt: skip
        if usable.sum() < 2:
            for k, texts in zip(mine, missing, strict=True):
                out.refuse([k], "; ".join(text for text in texts if text))
            continue
        masks = np.tile(usable, (mine.size, 1))
        block, se2 = np.ascontiguousarray(y[mine][:, rows]), variance[mine][:, rows]
        weights = precision_weights(block, se2, units.samples.take(rows), masks)
        out.record(mine, few_tests(block, weights, masks, rows, study, method), rows, missing)
    return out


def why_not(reasons: np.ndarray) -> str:
    """The reason met most often among codes of sections."""
    met, counts = np.unique(reasons[reasons > 0], return_counts=True)
    return codes.REASONS[int(met[counts.argmax()])] if met.size else "no section"


class _Means:
    """Whether the mean over the patients of every organ is 0, for all pairs (n_pairs, n_organs)."""

    def __init__(
        self, values: SectionValues, patient: np.ndarray, organ: np.ndarray, organs: list[str]
    ) -> None:
        n_pairs = values.value.shape[1]
        shape = (n_pairs, len(organs))
        self.values = {name: np.full(shape, np.nan) for name in (*VALUES, "qval")}
        self.n_samples, self.n_patients = np.zeros((2, *shape), dtype=np.int64)
        self.why: list[list[str]] = [["" for _ in organs] for _ in range(n_pairs)]
        for g in range(len(organs)):
            mine = np.flatnonzero(organ == g)
            unit = np.full(organ.size, -1)
            unit[mine] = np.unique(patient[mine].astype(str), return_inverse=True)[1]
            y, variance = unit_values(values, unit, int(unit.max(initial=-1)) + 1)
            known = np.isfinite(y)
            found = weighted_means(y, _weights(y, variance))
            self.n_patients[:, g] = known.sum(axis=1)
            self.n_samples[:, g] = np.isfinite(values.value[mine]).sum(axis=0)
            few = self.n_patients[:, g] < PATIENTS_TEST
            for name, column in found.items():
                self.values[name][:, g] = column if name == "effect" else np.where(few, np.nan, column)
            self.values["qval"][:, g] = benjamini_hochberg(self.values["pval"][:, g])
            for k in range(n_pairs):
                self.why[k][g] = _why_no_mean(int(self.n_patients[k, g]), organs[g], values.reason[mine, k])

    def calls(self) -> np.ndarray:
        """Codes of calls."""
        call = np.full(self.n_patients.shape, CALLS_OF_PAIRS.index("undetermined"))
        with np.errstate(invalid="ignore"):
            sure = (self.values["qval"] <= LARGEST_Q) & (self.values["effect"] > 0)
        call[sure] = CALLS_OF_PAIRS.index(CONSISTENT)
        call[(self.n_patients < PATIENTS_CALL) | np.isnan(self.values["pval"])] = 0
        return call


def _weights(y: np.ndarray, variance: np.ndarray) -> np.ndarray:
    out = np.ones(y.shape)
    for k in range(len(y)):
        there = np.flatnonzero(np.isfinite(y[k]))
        if there.size > 1:
            out[k, there] = proportions.weights(y[k, there], variance[k, there], np.ones((there.size, 1)))
    return out


def _why_no_mean(n: int, organ: str, reasons: np.ndarray) -> str:
    if n == 0:
        return f"{organ}: {why_not(reasons)}"
    if n < PATIENTS_CALL:
        told = f"{n} patient{'s' if n > 1 else ''} in {organ}"
        return told if n < PATIENTS_TEST else f"a call needs {PATIENTS_CALL} patients: {told}"
    return ""


def _joined(found: Mapping[str, Any], means: _Means, groups: Groups) -> dict[str, Any]:
    """What is stored of the means, and behind them of the contrasts between organs where there are any."""
    n_pairs, n_organs = means.n_patients.shape
    reasons = Reasons()
    code = np.array([[reasons.code(text) for text in row] for row in means.why]).reshape(n_pairs, n_organs)
    status = (means.n_patients < PATIENTS_TEST).astype(np.int64)
    contrasts: dict[str, Any] = {
        "name": [f"mean_in_{name}" for name in groups.name], "kind": [MEAN] * n_organs,
        "plus": np.arange(n_organs), "minus": np.full(n_organs, -1),
    }  # fmt: skip
    own: dict[str, Any] = {
        "values": means.values, "n_samples": means.n_samples, "n_patients": means.n_patients,
        "status": status, "call": means.calls(), "reason": code,
    }  # fmt: skip
    sizes = {
        name: int(np.isfinite(means.values["pval"][:, g]).sum()) for g, name in enumerate(contrasts["name"])
    }
    out: dict[str, Any] = {
        "groups": {"name": groups.name, "organ": groups.organ, "tissue": groups.tissue},
        "status_names": ["tested", "not_testable"], "call_names": list(CALLS_OF_PAIRS),
    }  # fmt: skip
    if found:
        other = [reasons.code(text) for text in found["reason_names"]]
        then = {**found, "reason": np.array(other, dtype=np.int64)[np.asarray(found["reason"])]}
        for name in ("n_samples", "n_patients", "status", "call", "reason"):
            own[name] = np.concatenate([own[name], np.asarray(then[name], dtype=np.int64)], axis=1)
        own["values"] = {
            name: np.concatenate([values, found["values"][name]], axis=1)
            for name, values in means.values.items()
        }
        contrasts = {
            name: np.concatenate([first, found["contrasts"][name]])
            if isinstance(first, np.ndarray)
            else [*first, *found["contrasts"][name]]
            for name, first in contrasts.items()
        }
        sizes |= dict(zip(found["families"]["name"], found["families"]["n_tests"].tolist(), strict=True))
        out["confounding"] = found["confounding"]
    own |= {"status": own["status"].astype(np.uint8), "call": own["call"].astype(np.uint8)}
    own["reason"] = own["reason"].astype(np.uint16)
    return out | own | {
        "contrasts": contrasts, "reason_names": reasons.names,
        "families": {"name": list(sizes), "n_tests": np.array(list(sizes.values()), dtype=np.int64)},
    }  # fmt: skip
