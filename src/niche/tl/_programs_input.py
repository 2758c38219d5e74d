"""Which cells, genes and weights programs are found with."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._components import variable_genes
from niche._settings import settings
from niche._slots import keys, matrix, passes, read, validate
from niche.errors import InputValueError, MissingKeyError

COUNTS, LOGNORM = "counts", "lognorm"


def least_cells(n_cells: int) -> int:
    """Cells that must express a gene: 2 %, 10 at least, so that programs are not those of single cells."""
    return max(10, int(np.ceil(0.02 * n_cells)))


@dataclass(frozen=True)
class Input:
    """Cells of the compartment and what is factorised.

    Attributes
    ----------
    cells
        (n_cells,) rows of the AnnData that are used.
    log
        (n_cells, n_vars) log values.
    genes
        (n_genes,) columns of the variable genes.
    ranked
        (n_vars,) genes that enough cells express to be ranked.
    x
        (n_cells, n_genes) counts, or log values without them, over their standard deviation ``sd``
        (n_genes,).
    sample, patient
        (n_cells,) codes.
    samples
        One row per sample that has cells: ``sample, patient, n_cells, n_failed_qc, status, reason``.
    patients
        Names of patients.
    values
        ``counts`` or ``lognorm``.
    """

    cells: np.ndarray
    log: sparse.csr_matrix
    genes: np.ndarray
    ranked: np.ndarray
    x: sparse.csr_matrix
    sd: np.ndarray
    sample: np.ndarray
    patient: np.ndarray
    samples: pd.DataFrame
    patients: tuple[str, ...]
    values: str

    @property
    def used_samples(self) -> list[str]:
        """Names of the samples that ``sample`` counts."""
        return list(self.samples.loc[self.samples["status"] == "used", "sample"])

    @property
    def weight(self) -> np.ndarray:
        """(n_cells,) weights with which every patient counts alike; their mean is 1."""
        size = np.bincount(self.patient, minlength=len(self.patients))
        weight = 1.0 / size[self.patient]
        return weight / weight.mean()


def input_of(
    adata: ad.AnnData,
    compartment: str,
    layer: str | None,
    n_top_genes: int,
    min_cells: int,
    min_probability: float | None,
    sample_key: str | None,
    patient_key: str | None,
    compartment_key: str | None,
    threads: int,
) -> Input:
    """Choose cells and genes; no label of organ or tissue is looked at."""
    labels = validate.compartments(adata, compartment_key, run_first="niche.tl.call_compartments")
    cells = labels == compartment
    name = settings.compartment_key if compartment_key is None else compartment_key
    if not cells.any():
        raise InputValueError(
            f"no cell has adata.obs[{name!r}] == {compartment!r}. "
            f"Found: {validate.shown(np.unique(labels))}. Run niche.tl.call_compartments first, "
            "or name another compartment=."
        )
    passed = read.passed_quality(adata)
    failed = cells & ~passed if passed is not None else np.zeros_like(cells)
    cells &= ~failed & _pure(adata, min_probability)
    sample = validate.factor(adata, sample_key, "sample_key")
    patient = validate.factor(adata, patient_key, "patient_key")
    table, kept = _samples(sample, patient, cells, failed, compartment, min_cells)
    rows = np.flatnonzero(kept)
    log = passes.chosen(matrix.resolve(adata, layer, "lognorm"), kept, None, threads).astype(np.float32)
    value, kind = _values(adata, kept, log, threads)
    _, used = np.unique(sample.codes[rows], return_inverse=True)
    people, owner = np.unique(patient.codes[rows], return_inverse=True)
    weight = 1.0 / np.bincount(owner)[owner]
    genes, x, sd = _scaled(value, log, used, weight / weight.sum(), n_top_genes)
    return Input(
        rows, log, genes, log.getnnz(axis=0) >= least_cells(rows.size), x, sd, used.ravel(), owner.ravel(),
        table, tuple(patient.names[code] for code in people), kind,
    )  # fmt: skip


def _pure(adata: ad.AnnData, least: float | None) -> np.ndarray:
    """Cells whose malignant probability is high enough."""
    if least is None:
        return np.ones(adata.n_obs, dtype=bool)
    if keys.MALIGNANT_PROBABILITY not in adata.obs.columns:
        raise MissingKeyError(
            f"column {keys.MALIGNANT_PROBABILITY!r} not found in adata.obs, which min_probability= reads. "
            "Run niche.tl.call_compartments first, or leave min_probability out."
        )
    return np.asarray(adata.obs[keys.MALIGNANT_PROBABILITY], dtype=float) >= least


def _samples(
    sample: validate.Factor, patient: validate.Factor, cells: np.ndarray, failed: np.ndarray,
    compartment: str, min_cells: int,
) -> tuple[pd.DataFrame, np.ndarray]:  # fmt: skip
    """What is used of every sample, and the cells of those that are used."""
    n = np.bincount(sample.codes[cells], minlength=len(sample.names))
    owner = np.zeros(len(sample.names), dtype=np.int64)
    owner[sample.codes] = patient.codes
    if (owner[sample.codes] != patient.codes).any():
        raise InputValueError(
            f"a sample must be of one patient: adata.obs[{sample.key!r}] and adata.obs[{patient.key!r}] do "
            "not agree. Give each biopsy its own label."
        )
    used = n >= min_cells
    few = [f"{count} {compartment} cells, fewer than {min_cells}" for count in n]
    reason = np.where(used, "", np.where(n > 0, few, f"no {compartment} cell")).astype(object)
    table = pd.DataFrame(
        {
            "sample": np.array(sample.names, dtype=object),
            "patient": np.array(patient.names, dtype=object)[owner],
            "n_cells": n,
            "n_failed_qc": np.bincount(sample.codes[failed], minlength=len(sample.names)),
            "status": np.where(used, "used", "skipped").astype(object),
            "reason": reason,
        }
    )
    if not used.any():
        out = f" ({failed.sum()} that failed niche.pp.qc are left out)" if failed.any() else ""
        raise InputValueError(
            f"no sample has {min_cells} {compartment} cells; the most is {n.max()} in "
            f"{sample.names[int(n.argmax())]!r}{out}. Lower min_cells=, but programs of few cells are noise."
        )
    return table, cells & used[sample.codes]


def _values(
    adata: ad.AnnData, cells: np.ndarray, log: sparse.csr_matrix, threads: int
) -> tuple[sparse.csr_matrix, str]:
    """Counts where they are stored, else log values: on the linear scale single cells would rule."""
    if matrix.has_counts(adata):
        return passes.chosen(matrix.resolve(adata, keys.COUNTS, "counts"), cells, None, threads), COUNTS
    return log, LOGNORM


def _scaled(
    value: sparse.csr_matrix, log: sparse.csr_matrix, sample: np.ndarray, share: np.ndarray, n_top: int
) -> tuple[np.ndarray, sparse.csr_matrix, np.ndarray]:
    """Variable genes and their values over their standard deviation, every patient counting alike."""
    least = least_cells(value.shape[0])
    seen = np.flatnonzero(value.getnnz(axis=0) >= least)
    if seen.size < 10:
        raise InputValueError(
            f"only {seen.size} genes are expressed in {least} of the {value.shape[0]} cells: nothing "
            "to find programs in."
        )
    genes = seen[variable_genes(log[:, seen], sample, n_top)[0]]
    x = value[:, genes].astype(np.float64)
    mean = np.asarray(x.T @ share).ravel()
    sd = np.sqrt(np.maximum(np.asarray(x.multiply(x).T @ share).ravel() - mean**2, 0.0))
    varies = sd > 1e-9
    genes, sd = genes[varies], sd[varies]
    return genes, sparse.csr_matrix(x[:, varies] @ sparse.diags(1.0 / sd)), sd
