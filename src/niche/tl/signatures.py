"""Signed, control-matched scores of gene signatures, per cell, per sample, and between organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.signature_scores import sample_moments
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, tables, validate, write
from niche._slots.validate import Samples
from niche.errors import InputValueError, warn
from niche.get._compare_units import groups_of
from niche.resources.gmt import file_digest
from niche.tl._communication_pass import organ_names
from niche.tl._compare_input import METHODS, study_of_samples
from niche.tl._signature_scores import cell_scores, coverage_of, gene_means, weights_of
from niche.tl._signature_sets import Signatures, signature_sets
from niche.tl._signature_subtypes import subtype_payload
from niche.tl._signature_tests import SampleScores, compare_scores

COMPARTMENTS = (None, "host", *keys.COMPARTMENTS_ALL[:-1])


def score_signatures(
    adata: ad.AnnData,
    signatures: Signatures = None,
    *,
    compartment: str | None = "tumor",
    covariates: str | Sequence[str] | None = (),
    patients: Literal["averaged", "consensus", "fixed"] = "averaged",
    min_genes: int = 10,
    n_controls: int = 50,
    min_cells: int = 10,
    tissues: Sequence[str] = ("metastasis",),
    organism: Literal["human", "mouse"] = "human",
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    subtype_key: str | None = None,
    layer: str | None = None,
    rng: int | np.random.Generator = 0,
    key_added: str = keys.SIGNATURES,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Score gene signatures in every cell, and test their means between organs, patients being replicates.

    Parameters
    ----------
    adata
        Log1p-normalised values in ``X`` (or ``layer``), labels of sample, patient and organ. Bulk expression
        works as well: one row per sample, log values that are not negative (log2 of TPM + 1, RMA), with
        ``compartment=None``.
    signatures
        ``None`` takes :func:`niche.resources.signatures`. Else a mapping of name to genes, or to
        ``{"up": [...], "down": [...]}``; a DataFrame with the columns ``signature``, ``gene`` and, if signed,
        ``direction`` (``up``, ``down``; genes of direction ``unknown`` are left out and listed); or the path
        of a GMT file.
    compartment
        Whose cells the means of samples are over: a compartment, ``"host"``, or ``None`` for all cells. All
        cells are scored anyway.
    covariates
        Columns of ``obs``, one value per sample, numeric or categorical. Give the subtype where it differs
        between organs: published organ signatures are to a good part those of subtypes. A comparison that a
        covariate hides is not testable, and says so.
    patients
        How samples of one patient in several organs are treated, as in
        :func:`niche.tl.compare_communication`.
    min_genes
        Genes of a signature that must be measured, which is detected in a cell at least. A signature with
        fewer is not scored: a mean of six genes is one of single genes.
    n_controls
        Control genes of each expression bin.
    min_cells
        Cells of the compartment that a patient needs in an organ. Not asked of bulk expression.
    tissues
        Tissues whose samples are compared; primary and normal ones appear as ``"<organ> (primary)"`` and
        ``"<organ> (normal)"``.
    organism
        Whose symbols the signatures that niche ships are read in.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    subtype_key
        Column of subtypes, one per sample; default ``niche.settings.subtype_key`` where that exists. It is
        looked at to say which signatures differ between subtypes, and adjusts nothing unless it is among
        ``covariates``.
    layer
        Layer of log1p-normalised values instead of ``X``.
    rng
        Seed or generator that controls are drawn with.
    key_added
        Key of ``obsm`` and of ``uns``.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``obsm[key_added]``, a DataFrame (n_obs x n_signatures) of float64, NaN for signatures that
        are not scored; and in ``uns[key_added]``, read by :func:`niche.get.signatures`: ``signatures`` (genes
        given and measured of each, missing ones, reason), ``samples``, ``n_cells`` (n_samples), ``means``
        (n_samples x n_signatures), ``groups``, ``contrasts``, ``values`` (n_signatures x n_contrasts arrays),
        ``status``, ``call``, ``reason``, ``families``, ``confounding``, ``subtype`` (``key``, ``why_not``,
        and of each signature ``pval``, ``qval``, ``note``), ``bulk``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or the layer does not exist.
    InputValueError
        Values that are not log1p-normalised; an empty signature, a name twice, none of the genes in the
        data; no cell of the compartment; a covariate that varies within a sample or hides every comparison;
        an option out of range.
    InputTypeError
        ``signatures`` of a kind that is not understood, not an AnnData, or an argument of the wrong type.

    Notes
    -----
    For a set :math:`U` of raised and :math:`D` of lowered genes the score of a cell with log values
    :math:`x` is

    .. math:: s = \frac{1}{|U|} \sum_{g \in U} (x_g - \bar x_{C(g)})
        - \frac{1}{|D|} \sum_{g \in D} (x_g - \bar x_{C(g)}),

    where :math:`C(g)` are ``n_controls`` genes outside the signature of the expression bin of g: 25 bins
    of equally many genes by the mean over *all* cells (fewer where genes are few). Controls are drawn once
    for all cells and no label is looked at, so no organ is scored against other controls than another, and
    a cell's score does not depend on what its organ is called. The stream of a signature is seeded by its
    genes: its scores do not depend on which others are scored. Tirosh et al. 2016,
    doi:10.1126/science.aad0501; unlike ``scanpy.tl.score_genes`` every gene of the set weighs its own
    controls alike.

    A patient in an organ has the mean over all cells of the compartment, with precision
    :math:`1 / (\tau^2 + \sigma^2 / n)`: :math:`\tau^2` the spread between patients of this signature,
    :math:`\sigma^2` that between cells within samples, n cells. Linear model, contrasts, correlation within
    patients and the numbers of patients asked for are those of :func:`niche.tl.compare_communication`; the
    scale is estimated again, so that weights are not taken as known. Variances are not moderated. q-values
    are over all signatures. With one organ only, or none to compare it with, scores are stored and no test.

    Published signatures of organs are to a good part those of subtypes: 90 of the 98 genes raised before
    relapse in bone are lowered in basal tumors (Smid et al. 2008, doi:10.1158/0008-5472.CAN-07-5644). Where a
    column of subtypes is there, every signature is tested between them (F test, one mean per patient), and
    :func:`niche.get.signatures` notes it where q <= 0.1 and the subtype was no covariate.
    :func:`niche.resources.signature_notes` holds what is known of published sets.

    A mean over cells compares what was called tumor in each organ: ambient RNA of the organ's own cells
    raises a signature of their genes too (:func:`niche.pp.ambient`).

    Examples
    --------
    >>> import numpy as np
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> sets = {"matrix": ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1"], "homing": ["CXCR4"]}
    >>> niche.tl.score_signatures(adata, sets, compartment="stromal", min_genes=5)
    >>> table = niche.get.signatures(adata, contrast="bone_vs_rest").set_index("signature")
    >>> table.loc["matrix", "status"], table.loc["homing", "reason"]
    ('tested', 'too few genes measured: 1 of 1, 5 needed')

    Bulk expression, one row per sample:

    >>> bulk = niche.get.pseudobulk(adata, by=["sample"])
    >>> bulk.X = np.log2(bulk.X / bulk.X.sum(axis=1, keepdims=True) * 1e6 + 1)
    >>> niche.tl.score_signatures(bulk, sets, compartment=None, min_genes=5)
    >>> niche.get.signatures(bulk, level="sample")["n_cells"].unique().tolist()
    [1]
    """
    params: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if name not in ("adata", "signatures", "copy", "n_jobs")
    }
    _check_options(params)
    validate.anndata(adata)
    validate.flag(copy, "copy")
    threads = settings.threads(n_jobs)
    entropy = int(validate.generator(rng).integers(2**63))
    sets, source = signature_sets(signatures, organism)
    samples = validate.samples(adata, sample_key, patient_key, organ_key, tissue_key)
    chosen = _chosen(adata, compartment, compartment_key)
    organs, organ_of_sample = organ_names(samples, tissues)
    listed = list(tables.names(covariates, "covariates"))
    study = None
    if len(organs) > 1:
        study = study_of_samples(adata, listed, samples, organs, organ_of_sample, patients)
    values = matrix.resolve(adata, layer, "lognorm")

    means = gene_means(values, threads)
    coverage = coverage_of(sets, adata.var_names, means > 0, min_genes)
    weights = weights_of(coverage, adata.var_names, means, n_controls, entropy)
    scores = cell_scores(values, weights, threads)
    scores[:, [bool(why) for why in coverage.reason]] = np.nan
    codes = np.where(chosen, samples.cells.codes, -1)
    bulk = compartment is None and adata.n_obs == len(samples.cells.names)
    whose = "samples" if bulk else "cells" if compartment is None else f"{compartment} cells"
    needed = 1 if bulk else min_cells
    of_samples = SampleScores(*sample_moments(scores, codes, len(samples.cells.names)), whose)
    payload = _payload(coverage.table, coverage.reason, samples, organ_of_sample, of_samples)
    payload["groups"] = _groups(samples, organs, organ_of_sample)
    if study is None:
        warn(f"one organ only ({organs[0]}): signatures are scored, organs cannot be compared.")
    else:
        payload |= compare_scores(of_samples, coverage.reason, study, needed, patients).payload()
    subtype = subtype_payload(
        adata, subtype_key, samples, of_samples, coverage.reason, study, listed, coverage.table["name"],
        needed,
    )  # fmt: skip
    payload |= {"subtype": subtype, "bulk": bulk}

    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    params |= {
        "signatures": source, "sha256": file_digest(signatures), "covariates": listed,
        "subtype_key": subtype["key"],
        "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
        "tissues": [tissues] if isinstance(tissues, str) else list(tissues),
    }  # fmt: skip
    columns = [params[name] for name in ("sample_key", "patient_key", "organ_key")] + listed
    columns += [params["tissue_key"]] if params["tissue_key"] in adata.obs else []
    columns += [] if compartment is None else [params["compartment_key"]]
    columns += [] if subtype["key"] is None else [subtype["key"]]
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, payload=payload,
        fingerprint=fingerprint.compute(adata, obs=dict.fromkeys(columns), layers=[layer]),
    )  # fmt: skip
    target.obsm[key_added] = pd.DataFrame(scores, index=target.obs_names, columns=coverage.table["name"])
    return target if copy else None


def _check_options(given: dict[str, Any]) -> None:
    validate.choice(given["compartment"], "compartment", COMPARTMENTS)
    validate.choice(given["patients"], "patients", METHODS)
    validate.choice(given["organism"], "organism", keys.ORGANISMS)
    for name in ("min_genes", "n_controls", "min_cells"):
        validate.number(given[name], name, low=1, high=1e9, integer=True)
    write.slot_name(given["key_added"])


def _chosen(adata: ad.AnnData, compartment: str | None, compartment_key: str | None) -> np.ndarray:
    """Mask of the cells that the means of samples are over."""
    if compartment is None:
        return np.ones(adata.n_obs, dtype=bool)
    labels = validate.compartments(
        adata,
        compartment_key,
        run_first="niche.tl.call_compartments (or give compartment=None for all cells)",
    )
    chosen = np.isin(labels, keys.HOST if compartment == "host" else [compartment])
    if not chosen.any():
        raise InputValueError(
            f"no cell is in compartment {compartment!r}. Found: {validate.shown(sorted(set(labels)))}. "
            "Choose with compartment=, None for all cells."
        )
    return chosen


def _groups(samples: Samples, organs: list[str], organ_of_sample: np.ndarray) -> dict[str, list[str]]:
    groups = groups_of(organs, organ_of_sample, samples.organ, samples.tissue)
    return {"name": groups.name, "organ": groups.organ, "tissue": groups.tissue}


def _payload(
    table: dict[str, Any], reason: list[str], samples: Samples, organ_of_sample: np.ndarray,
    scores: SampleScores,
) -> dict[str, Any]:  # fmt: skip
    """What is stored beside the tests."""
    return {
        "signatures": table | {"reason": reason},
        "samples": {
            "name": list(samples.cells.names), "patient": list(samples.patient),
            "organ": list(samples.organ), "tissue": list(samples.tissue), "organ_code": organ_of_sample,
        },
        "n_cells": scores.n, "means": scores.means, "variance": scores.variance,
        "tissue_given": samples.tissue_given,
    }  # fmt: skip
