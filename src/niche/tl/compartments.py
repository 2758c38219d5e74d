"""Tumor, stroma, endothelium, immune cells, parenchyma: the compartment of every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche.errors import InputValueError
from niche.tl import _compartments_labels as by_labels
from niche.tl import _compartments_result as result
from niche.tl._compartments_expression import (
    SOURCE,
    Assessment,
    Options,
    assess,
    collapsed,
    graft_or_host,
    samples_of,
)
from niche.tl._compartments_profile import stored_profile

EVIDENCE = ("auto", "labels", "expression")
LABELS = "author labels"


def call_compartments(
    adata: ad.AnnData,
    *,
    labels: Mapping[str, str] | None = None,
    malignant_key: str | None = None,
    groupby: str | None = None,
    evidence: Literal["auto", "labels", "expression"] = "auto",
    reference_key: str | None = None,
    reference: str | Sequence[str] | None = None,
    cnv_key: str | None = None,
    sample_key: str | None = None,
    organ_key: str | None = None,
    species_key: str | None = None,
    graft_species: str = "human",
    tumor_from: float = 0.9,
    host_below: float = 0.1,
    min_cells: int = 20,
    organism: str | None = None,
    layer: str | None = None,
    compartment_key: str | None = None,
    key_added: str = keys.COMPARTMENTS,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Give every cell a compartment, and say how far copy number bears it out.

    Without labels, malignant cells are called from copy number read from expression together with lineage
    markers, each cell with a probability, and cells that the evidence does not decide stay ``unresolved``.
    With the labels of the authors, those decide, and copy number is reported beside them.

    Parameters
    ----------
    adata
        Annotated data with log1p-normalised values (with labels and without a copy-number profile the
        matrix is not read).
    labels
        Compartment of cell types, for example ``{"Cancer": "tumor", "Hepatocyte": "parenchymal"}``.
    malignant_key
        Boolean column of ``obs``. Cells with True are tumor whatever their type; a cell with False is
        never tumor.
    groupby
        Column of ``obs`` with cell types the authors gave. ``None`` takes ``settings.groupby`` where labels
        are used.
    evidence
        ``"labels"``, ``"expression"``, or ``"auto"``: labels where ``labels``, ``malignant_key`` or
        ``groupby`` is given, else expression.
    reference_key, reference
        Column of ``obs`` and its categories of normal cells to compare with, as in
        :func:`niche.tl.infer_cnv`. ``None`` takes those of the stored profile; without one, the cells that
        are immune, stromal or endothelial by their markers.
    cnv_key
        The ``key_added`` of :func:`niche.tl.infer_cnv`, ``None`` for ``"cnv"``. A stored profile that still
        fits the data is used; else one is made, and not stored.
    sample_key
        Column of ``obs`` with samples. ``None`` takes ``settings.sample_key`` where it exists; without one
        all cells are one sample.
    organ_key
        Column of ``obs`` with organs: a sample can hold the parenchyma of its own organ only. ``None``
        takes ``settings.organ_key`` where it exists; without one every parenchyma is looked for.
    species_key, graft_species
        Column of ``obs`` with the species of each cell, ``None`` for ``"species"`` where it exists, and the
        species of the tumor. Only used where there are two species. Where they express the genes of two
        genomes (symbols without prefix), the host is read by its own markers, and copy number is not
        assessed unless a reference or profile is given. After :func:`niche.pp.collapse_orthologs` graft
        cells are tumor also where labels decide.
    tumor_from, host_below
        Probabilities from which a cell is tumor, and up to which it is host.
    min_cells
        Samples with fewer cells are not assessed.
    organism
        ``"human"`` or ``"mouse"``, for markers and gene positions. ``None`` takes the one more genes are
        known for.
    layer
        Layer with log values; ``None`` is the layer of the stored profile, or X.
    compartment_key
        Column of ``obs`` to write. ``None`` takes ``settings.compartment_key``.
    key_added
        Where in ``uns`` the evidence is stored.
    n_jobs
        Threads for a profile made here; ``None`` takes ``settings.n_jobs``. The result does not depend on
        it.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obs["compartment"]``; where copy number or
        lineage was assessed ``obs["malignant_probability"]`` (float32, NaN for cells about which nothing can
        be said); and ``uns["compartments"]``: evidence per cell and per sample, statements and reasons. Read
        it with :func:`niche.get.compartments`.

    Raises
    ------
    InputTypeError
        ``adata`` is not an AnnData, ``labels`` no mapping, or the malignant column not boolean.
    InputValueError
        Cell types or malignant values are missing; ``labels`` names an unknown cell type or compartment; the
        matrix holds counts; no gene lies at a known place, or all on one chromosome; a named reference has
        too few cells; an option is out of range.
    MissingKeyError
        A column or layer does not exist.

    Notes
    -----
    **By labels**, in this order: ``malignant_key`` True; ``labels``; the name of the type
    (:func:`niche.resources.classify_cell_type`); else ``unresolved``. A name that says epithelial without
    more could be tumor or normal epithelium: such cells are ``unresolved`` unless ``malignant_key`` says that
    they are not malignant. Cells of a tumor type with ``malignant_key`` False are ``unresolved`` too.

    **By expression**, in four steps.

    1. *Lineage.* Naive Bayes over the marker table, with the rate at which a marker is on in its type and
       in all other cells of each sample learnt from the data, gives the probability of immune, stromal,
       endothelial, parenchymal (hepatocyte, AT2, astrocyte, ...) and epithelial lineage, or none.
    2. *Putative tumor.* In every sample, among the cells whose lineage leaves malignancy open, and apart
       from them among those that look like parenchyma: profile of the cells with the stronger signal, mean
       square :math:`s_i` of each cell's copy-number profile, correlation :math:`r_i` with that mean profile
       (the cell itself left out), a mixture of two Gaussians on :math:`\operatorname{artanh} r_i`, and again
       from the cells of the upper component until nothing changes.
    3. *Is it copy number?* A group of cells correlates with its own mean profile whatever it is: so do
       hepatocytes. The genes are therefore dealt out along the genome to two halves. A gain or loss shows in
       both at the same place, a difference between cell types does not. Where the halves of the putative
       tumor's profile do not agree (correlation at least 0.45, and 2 times its chance spread, 3.5 times for
       parenchyma), or the correlation is not bimodal, the statement is *no copy-number evidence in this
       sample*, and nothing is split.
    4. *Posterior.* Log odds of :math:`s_i` and :math:`r_i` under their mixtures, each within :math:`\pm 4`
       and used where it is bimodal, are added to the log odds of the lineage (0.5 open, 0.05 parenchyma,
       0.001 immune, stromal, endothelial), and multiplied by the cell's confidence, at most 1 and less for
       doublets (``obs["doublet_score"]``, markers of two lineages) and low quality (``obs["qc_pass"]``). This
       moves cells towards ``unresolved``, never across. In a xenograft the species decides.

    Tumors of immune or stromal lineage (lymphoma, sarcoma) look like the reference and are not called; give
    ``reference`` and read the evidence. Copy-number-quiet tumors, and those of
    data with too few genes (below about 3,000 expressed), stay ``unresolved``. Signal and correlation
    after Tirosh et al. 2016 (doi:10.1126/science.aad0501) and infercna; bimodality by the Bayesian
    information criterion and Ashman's D (doi:10.1086/117248).

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
    >>> "tumor" in set(adata.obs["compartment"])
    True

    From expression, a liver metastasis and normal liver:

    >>> adata = niche.datasets.simulate_metastases(
    ...     1, organs=["liver"], patients_per_organ=1, primaries=0
    ... )
    >>> niche.pp.normalize(adata)
    >>> niche.tl.call_compartments(adata)
    >>> niche.get.compartments(adata)["copy_number"].tolist()
    ['yes', 'no']
    """
    validate.anndata(adata)
    write.slot_name(key_added)
    validate.flag(copy, "copy")
    options = _options(dict(locals()))
    threads = settings.threads(n_jobs)
    how = _how(evidence, by_author=labels is not None or malignant_key is not None or groupby is not None)
    column = settings.compartment_key if compartment_key is None else compartment_key
    write.slot_name(column, "compartment_key")
    profile = keys.CNV if cnv_key is None else cnv_key
    types, given, cells = None, {}, None
    species_column: list[str] = []
    if how == LABELS:
        types = validate.factor(adata, groupby, "groupby")
        given = by_labels.given_labels(labels, types)
        malignant = by_labels.malignant_cells(adata, malignant_key)
        if malignant is None and collapsed(adata):
            side, species_column = graft_or_host(adata, species_key, graft_species)
            malignant = None if side is None else side > 0
        cells = by_labels.call_by_labels(types, given, malignant)
    samples = samples_of(adata, sample_key)
    stored, why_not = stored_profile(adata, profile)
    found = assess(adata, samples, stored, options, threads) if how == SOURCE or stored is not None else None
    if how == SOURCE and stored is None:
        logger.info("call_compartments: %s; one is made here", why_not)
    if cells is None:
        assert found is not None  # by the choice above
        cells = result.cells_by_expression(found)
    compartment = cells["compartment"].to_numpy(dtype=object)
    per_sample = result.sample_table(compartment, samples, found, how)

    used = [] if types is None else [types.key, *([malignant_key] if malignant_key else [])]
    used += [*species_column, *([samples.key] if samples.key else [])]
    used += [] if found is None else found.used
    adata = adata.copy() if copy else adata
    watched = [name for name in dict.fromkeys(used) if name != column]
    digest = fingerprint.compute(adata, obs=watched, layers=[] if found is None else [found.layer])
    write.obs(adata, {column: compartment, **_probability(adata, found)})
    write.result(
        adata,
        key_added,
        params={
            "groupby": None if types is None else types.key,
            "malignant_key": malignant_key,
            "sample_key": samples.key or settings.sample_key,
            "compartment_key": column,
            "label_types": list(given),
            "label_compartments": list(given.values()),
            "evidence": evidence,
            "cnv_key": profile,
            **vars(options),
        },
        payload=result.payload(compartment, result.type_table(cells), per_sample, found, how),
        fingerprint=digest,
    )
    _log(compartment, per_sample, how)
    return adata if copy else None


def _options(given: dict[str, Any]) -> Options:
    validate.choice(given["evidence"], "evidence", EVIDENCE)
    validate.number(given["tumor_from"], "tumor_from", low=0.5, high=1.0)
    validate.number(given["host_below"], "host_below", low=0.0, high=0.5)
    validate.number(given["min_cells"], "min_cells", low=10, high=1e9, integer=True)
    if given["organism"] is not None:
        validate.choice(given["organism"], "organism", keys.ORGANISMS)
    names = (
        "reference_key", "reference", "organ_key", "species_key", "graft_species", "tumor_from", "host_below",
        "min_cells", "organism", "layer",
    )  # fmt: skip
    return Options(**{name: given[name] for name in names})


def _how(evidence: str, *, by_author: bool) -> str:
    if evidence == "expression" and by_author:
        raise InputValueError(
            "evidence='expression' uses no labels. Leave out labels, malignant_key and groupby, or take "
            "evidence='labels', which reports copy number beside them where a profile is stored."
        )
    return LABELS if evidence == "labels" or by_author else SOURCE


def _probability(adata: ad.AnnData, found: Assessment | None) -> dict[str, np.ndarray]:
    """The column to write; one of an earlier call is not left standing."""
    if found is not None:
        return {keys.MALIGNANT_PROBABILITY: found.probability.astype(np.float32)}
    if keys.MALIGNANT_PROBABILITY in adata.obs.columns:
        return {keys.MALIGNANT_PROBABILITY: np.full(adata.n_obs, np.nan, dtype=np.float32)}
    return {}


def _log(compartment: np.ndarray, per_sample: pd.DataFrame, how: str) -> None:
    n_unresolved = int((compartment == "unresolved").sum())
    if how == LABELS and not (compartment == "tumor").any():
        logger.warning("call_compartments: no cell is tumor; give labels or malignant_key")
    if how == SOURCE:
        states = per_sample["copy_number"].value_counts()
        logger.info(
            "call_compartments: copy-number evidence in %d of %d samples, none in %d, not assessed in %d",
            int(states.get("yes", 0)), len(per_sample), int(states.get("no", 0)),
            int(states.get("not_assessed", 0)),
        )  # fmt: skip
    if n_unresolved:
        logger.warning("call_compartments: %d of %d cells are unresolved", n_unresolved, len(compartment))
