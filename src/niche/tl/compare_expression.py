"""Which genes of a cell type differ between organs, with patients as the replicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, tables, validate, write
from niche.errors import InputValueError, warn
from niche.tl._cell_types import cell_types
from niche.tl._communication_pass import organs_of
from niche.tl._communication_result import columns_read
from niche.tl._compare_deseq2 import NOT_MODELLED, ByDeseq2, check_backend, stated
from niche.tl._compare_edges import joined
from niche.tl._compare_genes import OfType, by_niche, compare_genes
from niche.tl._compare_input import METHODS, Study, study_of_samples
from niche.tl._compare_reasons import Reasons
from niche.tl._compare_result import result_of
from niche.tl._gene_sums import gene_sums

BACKENDS = ("niche", "pydeseq2")


def compare_expression(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    covariates: str | Sequence[str] | None = (),
    backend: Literal["niche", "pydeseq2"] = "niche",
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    level: Literal["cell_type", "lineage"] = "cell_type",
    expr_prop: float = 0.1,
    min_cells: int = 10,
    tissues: Sequence[str] = ("metastasis",),
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.COMPARE_EXPRESSION,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Test every gene of every cell type between organs, patients being the replicates.

    What :func:`niche.tl.compare_communication` does for edges, for single genes: the same values, weights,
    contrasts, refusals and calls. Counts are summed per patient, organ and cell type in one pass over
    ``layers["counts"]``.

    Parameters
    ----------
    adata
        Cells x genes with raw counts in ``layers["counts"]``, or log1p-normalised values in ``X`` (or
        ``layer``) where there are none. May be backed, sparse, dense or dask.
    groupby
        Column of cell types; default ``niche.settings.groupby``. A type that holds tumor and host cells is
        split and unresolved cells are left out where compartments are there.
    covariates
        Columns of ``obs``, one value per sample, numeric or categorical: subtype, assay, study. A comparison
        that a covariate hides is not testable, and says so.
    backend
        ``"niche"``: moderated linear models of weighted log values. ``"pydeseq2"``: negative binomial models
        of the summed counts (install ``niche[deseq2]``), for the same comparisons with the same refusals; it
        knows no correlation within patients, so a patient in several organs is taken as independent, and the
        column ``reason`` says so, unless ``patients="fixed"``.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    level
        Genes of cell types, or of lineages (``obs["lineage"]``, else recognised by name).
    expr_prop
        Fraction of cells from which a gene counts as expressed in an organ: a condition of calls, not of
        tests.
    min_cells
        Smallest number of cells of a cell type in a sample.
    tissues
        Tissues whose samples are used. Without a tissue column every sample is taken as a metastasis.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``, where ``layers["counts"]`` is missing.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compare_expression`: ``contrasts``, ``tested``
        (cell type and gene) and ``values`` (n_tested x n_contrasts arrays) of what could be estimated,
        ``untested`` reasons of the others (n_cell_types x n_genes), ``families`` (number of tests),
        ``confounding``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or layer does not exist.
    MissingPackageError
        ``backend="pydeseq2"`` and it is not installed.
    InputValueError
        One organ only, a covariate that varies within a sample or that hides every comparison, values,
        labels or options that cannot be worked with, or pydeseq2 without counts.
    InputTypeError
        ``adata`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    All samples of a patient in an organ are summed first. With counts c and the library N of the cell type
    times its TMM factor, :math:`y = \log_2((c + 0.5) / (N + 1) \cdot 10^6)`, weighted by voom precision
    times a variance factor per organ; without counts the sums of expm1 values and weights by numbers of
    cells. A gene is used in an organ when the median count *expected* there from the fraction in all samples
    together is at least 3 (without counts: 3 expressing cells), whatever was observed in that organ. Residual
    variances are moderated over the genes of a cell type. q-values are over all cell types: the omnibus is
    screened, contrasts between organs are confirmed stage-wise. A p-value needs two patients on each side, a
    call three; calls are those of :func:`niche.tl.compare_communication`.

    With pydeseq2 tests are Wald tests of numeric contrasts in one fit per cell type (the omnibus has the
    chi-square over its rank as ``statistic``), genes with an outlying Cook's distance get no p, and
    ``sign_stability`` is unknown. Its fold changes are not shrunk: they can be enormous where an organ has no
    count at all.

    References
    ----------
    Law et al. 2014, doi:10.1186/gb-2014-15-2-r29. Smyth 2004, doi:10.2202/1544-6115.1027. Squair et al. 2021,
    doi:10.1038/s41467-021-25960-2. Love et al. 2014, doi:10.1186/s13059-014-0550-8. Muzellec et al. 2023,
    doi:10.1093/bioinformatics/btad547.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.compare_expression(adata, "cell_type")
    >>> table = niche.get.compare_expression(adata, contrast="bone_vs_rest", cell_type="Malignant")
    >>> bool((table["n_patients"] > 2).any())
    True
    """
    params: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("adata", "copy", "n_jobs")
    }
    validate.anndata(adata)
    validate.choice(backend, "backend", BACKENDS)
    validate.choice(patients, "patients", METHODS)
    validate.choice(level, "level", ("cell_type", "lineage"))
    validate.number(expr_prop, "expr_prop", low=0, high=1)
    validate.number(min_cells, "min_cells", low=1, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    threads = settings.threads(n_jobs)
    has_counts = matrix.has_counts(adata)
    if backend == "pydeseq2":
        check_backend(has_counts=has_counts)

    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    types = cell_types(adata, groupby, compartment_key, level=level, need_compartment=False)
    organs, organ_of_sample = organs_of(samples, tissues)
    listed = list(tables.names(covariates, "covariates"))
    study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
    read_from = keys.COUNTS if has_counts else layer
    values = matrix.resolve(adata, read_from, "counts" if has_counts else "lognorm")

    reasons = Reasons()
    with limited_to(threads):
        sums = gene_sums(values, samples, types, threads, has_counts=has_counts)
        tested_by = by_niche
        if backend == "pydeseq2":
            tested_by = ByDeseq2(sums.aggregate, study.units, int(min_cells), threads)
        parts, untested = compare_genes(
            sums, len(types.names), study, patients, tested_by, int(min_cells), reasons
        )
    if not parts:
        raise InputValueError(
            f"no gene can be compared: {reasons.most_frequent(untested)}. niche.pp.check(adata) shows the "
            "design."
        )
    if backend == "pydeseq2":
        independent = patients != "fixed" and _in_several(study)
        parts = [stated(part, independent=independent, reasons=reasons) for part in parts]
        if independent:
            warn(f"{NOT_MODELLED}. backend='niche' does, and patients='fixed' where pairing is complete.")

    params |= {"groupby": groupby or settings.groupby, "covariates": listed}
    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    patient = pd.factorize(samples.patient, sort=True)[0]
    expressed = sums.expressed(organ_of_sample, patient, len(organs), int(min_cells)) >= expr_prop
    columns = dict.fromkeys([*columns_read(adata, params), *listed])
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params,
        payload=_payload(parts, study, expressed, untested, reasons)
        | {"cell_types": {"name": types.names, "compartment": types.compartment}, "kind": values.kind},
        fingerprint=fingerprint.compute(adata, obs=columns, layers=[read_from]),
    )  # fmt: skip
    return target if copy else None


def _payload(
    parts: list[OfType], study: Study, expressed: np.ndarray, untested: np.ndarray, reasons: Reasons
) -> dict[str, Any]:
    found = joined([part.found for part in parts])
    owner = np.repeat([part.cell_type for part in parts], [part.found.feature.size for part in parts])
    out = result_of(found, study, expressed[owner, :, found.feature], untested, reasons)
    return out | {"tested": {"cell_type": owner.astype(np.int32), "gene": found.feature.astype(np.int32)}}


def _in_several(study: Study) -> bool:
    """Whether a patient gave several units."""
    return bool((np.bincount(study.units.samples.patient) > 1).any())
