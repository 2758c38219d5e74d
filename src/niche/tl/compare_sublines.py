"""What sublines selected for an organ have in common that their parental line has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anndata as ad
import numpy as np

from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, tables, validate, write
from niche.errors import InputValueError
from niche.tl._cell_types import CellTypes
from niche.tl._compare_genes import OfType, compare_genes
from niche.tl._compare_input import Study, study_of
from niche.tl._compare_reasons import Reasons
from niche.tl._compare_result import result_of
from niche.tl._gene_sums import gene_sums
from niche.tl._sublines_design import Sublines, sublines_of
from niche.tl._sublines_held_out import Choice, held_out
from niche.tl._sublines_weights import ByCultures, by_cultures


def compare_sublines(
    adata: ad.AnnData,
    *,
    subline_key: str | None = None,
    organ_key: str | None = None,
    replicate_key: str | None = None,
    parental: str = "parental",
    covariates: str | Sequence[str] | None = (),
    min_cpm: float = 1.0,
    n_genes: int = 50,
    max_q: float = 0.1,
    layer: str | None = None,
    key_added: str = keys.COMPARE_SUBLINES,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Compare sublines selected in vivo for an organ with their parental line; sublines are the replicates.

    A cell line is passed through an animal, cells are taken from the metastases of one organ, and the
    derivatives that come back to that organ are kept. Several derivatives of independent animals say what
    the organ selects for; cultures of one derivative only say how well that derivative was measured.

    Parameters
    ----------
    adata
        Raw counts, one row per culture or tumor (bulk), or one per cell. May be backed, sparse, dense or
        dask. Expected counts of an aligner (RSEM, salmon) are to be rounded before.
    subline_key
        Column of ``obs`` that names the subline of a row, parental lines among them; default
        ``niche.settings.subline_key``. Sublines with names of their own count as independent: derivatives of
        one animal are one.
    organ_key
        Column with the organ a subline was selected for; default ``niche.settings.organ_key``.
    replicate_key
        Column that names the culture or animal of a row. Default: each row is one (bulk). Cultures of a
        subline are summed and counted, and never are replicates of the organ.
    parental
        Level of ``organ_key`` of the parental line. Several parental lines, or cultures of it with histories
        of their own, have names of their own in ``subline_key``.
    covariates
        Columns of ``obs`` with one value per subline, numeric or categorical: the cell line where several
        were selected from, the laboratory.
    min_cpm
        Mean counts per million from which a gene counts as expressed: a condition of calls, not of tests.
    n_genes, max_q
        The signature that is tried on sublines left out, and the default of
        :func:`niche.get.subline_signature`: at most so many genes of each side, up to this q-value.
    layer
        Layer of raw counts; default ``layers["counts"]``, or ``X`` where that is missing.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compare_sublines` and
        :func:`niche.get.subline_signature`: ``contrasts`` (omnibus, ``<organ>_vs_rest``, ``<a>_vs_<b>``,
        ``<organ>_vs_parental``), ``tested`` genes, ``values`` (n_tested x n_contrasts arrays), ``untested``
        reasons of the others, ``families``, ``units`` (sublines with organ and cultures), ``log2cpm``,
        ``weights`` (n_tested x n_sublines), ``held_out``, ``confounding``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or layer does not exist.
    InputValueError
        No parental line, or nothing but; a subline of two organs or without a count, a culture of two
        sublines; values that are not counts; a covariate that varies within a subline or hides every
        comparison; no gene deep enough; an option out of range.
    InputTypeError
        ``adata`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    All rows of a subline are summed. With counts c and the library N of all genes times its TMM factor,
    :math:`y = \log_2((c + 0.5) / (N + 1) \cdot 10^6)`, weighted by voom precision, a variance factor per
    organ, and :math:`1 / (a + b / m)` for m cultures, with a between sublines and b between cultures read
    from how far sublines scatter; :math:`y \sim` organ + covariates; variances moderated over all genes: the
    tests, q-values and calls of :func:`niche.tl.compare_expression`, one row per subline. A p-value needs two
    sublines of the organ, a call three. With one subline per organ there are estimates, and every test is
    ``not_testable``.

    *The parental line is one draw.* Strains of one line drift apart (Ben-David et al. 2018,
    doi:10.1038/s41586-018-0409-3), so a single parental line has the variance of a subline, and
    ``<organ>_vs_parental`` with n sublines the variance :math:`\sigma^2 (1 / n + 1)`: right where it drifted
    as the sublines did, careful where it did not. What all derivatives share (the passage through an animal)
    is in that contrast too; ``<organ>_vs_rest`` compares organs and is free of it.

    *Left out.* ``sign_stability`` is the share of sublines without whom the sign of an effect holds. And for
    every subline of an organ with three, the whole analysis is made again without it, and without one subline
    of every other organ (one parental line, where there are two); the signature built is scored in those left
    out: the mean of :math:`y` of raised less that of lowered genes. The direction is right where the subline
    scores above the others that were left out. Beside sublines that built the signature it would score above
    by chance alone. A parental line that is the only one cannot be left out, so ``<organ>_vs_parental`` is
    then ``not_testable`` here.

    References
    ----------
    Selection in vivo: bone, Kang et al. 2003, doi:10.1016/S1535-6108(03)00132-6; lung, Minn et al. 2005,
    doi:10.1038/nature03799; brain, Bos et al. 2009, doi:10.1038/nature08021. Tests: Law et al. 2014,
    doi:10.1186/gb-2014-15-2-r29. Smyth 2004, doi:10.2202/1544-6115.1027.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_sublines(n_genes=600)
    >>> niche.tl.compare_sublines(adata, replicate_key="culture")
    >>> niche.get.compare_sublines(adata, what="held_out", contrast="bone_vs_rest")["direction"].tolist()
    ['right', 'right', 'right', 'right']
    """
    params: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("adata", "copy", "n_jobs")
    }
    validate.anndata(adata)
    _check_options(params)
    validate.flag(copy, "copy")
    threads = settings.threads(n_jobs)
    read_from = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    values = matrix.resolve(adata, read_from, "counts")
    sublines = sublines_of(adata, subline_key, organ_key, replicate_key, parental)
    listed = list(tables.names(covariates, "covariates"))
    study = _study(adata, sublines, listed)

    reasons = Reasons()
    one_type = CellTypes(np.zeros(adata.n_obs, dtype=np.int32), ["subline"], ["not assessed"], 0)
    with limited_to(threads):
        sums = gene_sums(values, sublines.samples, one_type, threads, has_counts=True)
        empty = sublines.names[sums.aggregate["sample"][sums.aggregate["library"] == 0]]
        if empty.size:
            raise InputValueError(
                f"sublines without a single count: {validate.shown(empty)}. Leave them out before."
            )
        parts, untested = compare_genes(
            sums, 1, study, "averaged", ByCultures(study.units), 1, reasons
        )
        if not parts:
            raise InputValueError(
                f"no gene can be compared: {reasons.most_frequent(untested)}. A gene needs 3 expected counts "
                "in the sublines of two organs, or of one and the parental line."
            )
        payload = _payload(parts[0], study, untested, reasons, min_cpm)
        payload["held_out"] = held_out(sums, parts[0].side, study, Choice(int(n_genes), float(max_q)))

    for name in ("subline_key", "organ_key"):
        params[name] = params[name] or getattr(settings, name)
    params["covariates"] = listed
    columns = [params["subline_key"], params["organ_key"], *listed]
    columns += [] if replicate_key is None else [replicate_key]
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, payload=payload,
        fingerprint=fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=[read_from]),
    )  # fmt: skip
    return target if copy else None


def _check_options(given: dict[str, Any]) -> None:
    validate.number(given["min_cpm"], "min_cpm", low=0)
    validate.number(given["n_genes"], "n_genes", low=1, high=1e6, integer=True)
    validate.number(given["max_q"], "max_q", low=0, high=1)
    write.slot_name(given["key_added"])


def _study(adata: ad.AnnData, sublines: Sublines, covariates: list[str]) -> Study:
    """Sublines as replicates, with their cultures counted."""
    study = study_of(
        adata, covariates, sublines.rows.key, sublines.rows.names, sublines.names, sublines.organ,
        sublines.tissue, sublines.organs, sublines.code, "averaged", sublines.groups,
    )  # fmt: skip
    cultures = np.bincount(study.units.of_sample, weights=sublines.n_replicates).astype(np.int64)
    return replace(study, units=replace(study.units, n_samples=cultures))


def _payload(
    part: OfType, study: Study, untested: np.ndarray, reasons: Reasons, min_cpm: float
) -> dict[str, Any]:
    found, units = part.found, study.units
    side = by_cultures(part.side, units)
    genes, group = found.feature, units.samples.group
    cpm = 2.0 ** side.values[genes]
    expressed = np.zeros((genes.size, len(study.groups.name)), dtype=bool)
    for g in np.unique(group):
        expressed[:, g] = cpm[:, group == g].mean(axis=1) >= min_cpm
    return result_of(found, study, expressed, untested, reasons) | {
        "tested": {"gene": genes.astype(np.int32)},
        "usable": found.usable,
        "units": {
            "subline": [units.patient_names[p] for p in units.samples.patient], "group": group,
            "n_replicates": units.n_samples, "covariates": units.samples.covariates,
            "terms": list(units.samples.terms),
        },
        "log2cpm": side.values[genes].astype(np.float32),
        "weights": side.weights[genes].astype(np.float32),
    }  # fmt: skip
