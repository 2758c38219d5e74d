"""The design report: whether a study is usable, and what it can answer."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche.errors import InputTypeError, MissingKeyError
from niche.get.design import with_object_labels
from niche.pp import design_issues, design_tables, matrix_values, value_issues
from niche.pp.design_report import DesignReport

COVARIATES = ("study", "assay", "subtype")
"""Columns checked against organ where they exist."""


def check(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    organism: str = "human",
    layer: str | None = None,
    min_cells: int = 10,
    covariates: Sequence[str] | None = None,
    key_added: str = keys.DESIGN,
) -> DesignReport:
    r"""Check values, genes, labels and design of a study, and say what it can answer.

    What cannot be worked with raises; what is questionable becomes an issue. Patients are the
    replicates: an organ with at least 3 can be tested and called, with 2 tested, with 1 described.

    Parameters
    ----------
    adata
        Annotated data; X numpy, csr, csc, dask or backed.
    groupby
        Column of ``obs`` with cell types. ``None`` takes ``settings.groupby`` where it exists.
    sample_key, patient_key, organ_key
        Columns of ``obs``; a sample is one biopsy. ``None`` takes those of :data:`niche.settings`.
    tissue_key
        Column with ``primary``, ``metastasis`` or ``normal``. ``None`` takes ``settings.tissue_key``
        where it exists; without it every sample counts as a metastasis, and the report says so.
    compartment_key
        Column with compartments. ``None`` takes ``settings.compartment_key`` where it exists.
    organism
        ``"human"`` or ``"mouse"``: which genes and markers are expected.
    layer
        Matrix to look at. ``None`` looks at X and ``layers["counts"]``.
    min_cells
        Cells of one type that a sample needs for that type to be used, at least 1.
    covariates
        Columns of ``obs`` that could be confounded with organ. ``None`` takes those of study, assay
        and subtype that exist.
    key_added
        Where in ``uns`` the tables are stored.

    Returns
    -------
    DesignReport
        A :class:`~niche.pp.design_report.DesignReport` with ``.table``, ``.organs``, ``.cell_types``,
        ``.issues`` and ``.ok``. Stores the same in ``uns["design"]``, read by :func:`niche.get.design`.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData; no cells; gene names missing or duplicated; NaN, infinite or negative values;
        a missing label of sample, patient, organ or tissue; a sample in two organs, patients or
        tissues; an unknown tissue or compartment; an option out of range.
    MissingKeyError
        A column or layer that does not exist.

    Notes
    -----
    Log values are recognised by their cell totals: :math:`\sum_g (e^{x_g} - 1)` is the same in every
    cell after scaling, near 10,000 for CP10k and near 1,000,000 for CPM. Organs can be compared while
    adjusting for a covariate only where shared levels connect them (the design matrix has full rank).

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> report = niche.pp.check(adata, "cell_type")
    >>> sorted(report.organs.columns)[:3]
    ['n_cells', 'n_patients', 'n_patients_paired']
    """
    validate.anndata(adata)
    validate.choice(organism, "organism", keys.ORGANISMS)
    validate.number(min_cells, "min_cells", low=1, high=1e9, integer=True)
    write.slot_name(key_added)
    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    groupby, cell_type = _cell_types(adata, groupby)
    compartment_key, compartment = _compartments(adata, compartment_key)
    covariates = _covariates(adata, covariates)
    found = matrix_values.describe(adata, layer)

    cells = design_tables.Cells(samples, cell_type, compartment, int(min_cells))
    totals = [values.totals for values in found if values.kind == "counts"]
    table = design_tables.sample_table(cells, totals[-1] if totals else None)
    organs = design_tables.organ_table(table)
    types = design_tables.cell_type_table(cells, table)

    issues = design_issues.Issues()
    counts = value_issues.check_values(issues, found)
    share = value_issues.check_genes(issues, adata, organism)
    tissue_name = settings.tissue_key if tissue_key is None else tissue_key
    design_issues.check_tissue(issues, cells, tissue_name)
    design_issues.check_organs(issues, organs, organism)
    design_issues.check_patients(issues, cells, table)
    design_issues.check_depth(issues, table)
    for name in covariates:
        design_issues.check_covariate(issues, name, adata.obs[name], cells, table)
    _check_labels(issues, cells, types, groupby, compartment_key)

    keys_used = _keys_used(sample_key, patient_key, organ_key)
    report = DesignReport(
        with_object_labels(table),
        with_object_labels(organs),
        with_object_labels(types),
        with_object_labels(issues.table()),
        _title(adata, table, organs),
    )
    columns = [*keys_used.values(), groupby, compartment_key, *covariates]
    columns += [tissue_name] if samples.tissue_given else []
    write.result(
        adata,
        key_added,
        params={
            **keys_used,
            "tissue_key": tissue_name,
            "groupby": groupby,
            "compartment_key": compartment_key,
            "organism": organism,
            "layer": layer,
            "min_cells": int(min_cells),
            "covariates": list(covariates),
        },
        payload={
            "samples": report.table,
            "organs": report.organs,
            "cell_types": report.cell_types,
            "issues": report.issues,
            "title": report.title,
            "counts": counts,
            "scale": found[0].scale,
            "share_genes_known": share,
            "tissue_given": samples.tissue_given,
        },
        fingerprint=fingerprint.compute(adata, obs=[c for c in columns if c in adata.obs], layers=[]),
    )
    return report


def _cell_types(adata: ad.AnnData, groupby: str | None) -> tuple[str, np.ndarray | pd.Categorical | None]:
    if groupby is None and settings.groupby not in adata.obs.columns:
        return settings.groupby, None
    name = validate.obs_key(adata, groupby, "groupby")
    values = adata.obs[name]
    if isinstance(values.dtype, pd.CategoricalDtype):
        return name, values.array
    return name, values.astype(object).where(values.notna(), None).to_numpy(dtype=object)


def _compartments(adata: ad.AnnData, compartment_key: str | None) -> tuple[str, pd.Categorical | None]:
    name = settings.compartment_key if compartment_key is None else compartment_key
    if compartment_key is None and name not in adata.obs.columns:
        return name, None
    found = validate.compartment_factor(adata, compartment_key, run_first="niche.tl.call_compartments")
    return name, pd.Categorical.from_codes(found.codes, list(found.names))


def _covariates(adata: ad.AnnData, covariates: Sequence[str] | None) -> tuple[str, ...]:
    if covariates is None:
        return tuple(name for name in COVARIATES if name in adata.obs.columns)
    if isinstance(covariates, str):
        raise InputTypeError(
            f"covariates must be a list of obs columns. Got {covariates!r}. Write [{covariates!r}]."
        )
    missing = [name for name in covariates if name not in adata.obs.columns]
    if missing:
        raise MissingKeyError(
            f"covariates {validate.shown(missing)} not found in adata.obs. "
            f"Available: {validate.shown(adata.obs.columns)}."
        )
    return tuple(covariates)


def _check_labels(
    issues: design_issues.Issues,
    cells: design_tables.Cells,
    types: pd.DataFrame,
    groupby: str,
    compartment_key: str,
) -> None:
    if cells.cell_type is None:
        issues.warning(
            "cell types",
            f"obs[{groupby!r}]",
            "no such column: cells are not told apart",
            "name your column with groupby=, or start with niche.tl.cluster",
        )
    else:
        n_missing = int(pd.isna(cells.cell_type).sum())
        design_issues.check_cell_types(issues, cells, types, groupby, n_missing)
    design_issues.check_compartments(issues, cells, compartment_key)


def _keys_used(sample_key: str | None, patient_key: str | None, organ_key: str | None) -> dict[str, str]:
    return {
        "sample_key": sample_key or settings.sample_key,
        "patient_key": patient_key or settings.patient_key,
        "organ_key": organ_key or settings.organ_key,
    }


def _title(adata: ad.AnnData, samples: pd.DataFrame, organs: pd.DataFrame) -> str:
    n_organs = int((organs["tissue"] == "metastasis").sum())
    n_patients = samples["patient"].nunique()
    return (
        f"{adata.n_obs:,} cells x {adata.n_vars:,} genes, {_number(len(samples), 'sample')} of "
        f"{_number(n_patients, 'patient')}, {_number(n_organs, 'metastatic organ')}"
    )


def _number(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
