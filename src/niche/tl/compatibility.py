"""Compatibility of a primary tumor with the niches of organs: who offers partners to what it expresses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche import resources
from niche._kernels.threads import limited_to
from niche._settings import settings
from niche._slots import fingerprint, keys, validate, write
from niche.errors import InputTypeError, InputValueError, warn
from niche.tl._cell_types import cell_types
from niche.tl._communication_result import resource_name
from niche.tl._compatibility_input import Niches, niches_of, reference_types, tumors_of
from niche.tl._compatibility_tests import compatibility_tests
from niche.tl._pairs_of_genes import gene_pairs

RUN_FIRST = "niche.tl.call_compartments"


def compatibility(
    adata: ad.AnnData,
    groupby: str | None = None,
    *,
    reference: ad.AnnData | None = None,
    resource: str | Path | pd.DataFrame = "consensus",
    organism: Literal["human", "mouse"] = "human",
    expr_prop: float = 0.1,
    min_cells: int = 10,
    min_genes: int = 10,
    n_sets: int = 9999,
    tissues: Sequence[str] = ("metastasis", "normal"),
    sample_key: str | None = None,
    patient_key: str | None = None,
    organ_key: str | None = None,
    tissue_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    rng: int | np.random.Generator = 0,
    key_added: str = keys.COMPATIBILITY,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Ask which organs' niches offer partners to the ligands and receptors a primary tumor expresses.

    This is compatibility and not prediction: nothing here says where a tumor will metastasise to.

    Parameters
    ----------
    adata
        Cells x genes with log1p-normalised values in ``X`` (or ``layer``). Malignant cells of samples with
        tissue ``primary`` are the tumor, patient by patient.
    groupby
        Column of cell types, here and in ``reference``; default ``niche.settings.groupby``.
    reference
        Niches of organs from other data, such as an atlas of normal tissue: the same kind of values, gene
        names and columns. Without a compartment column all its cells are host, if all its samples are
        normal. ``None`` takes the host cells of ``adata``.
    resource
        As in :func:`niche.tl.communication`.
    organism
        Whose genes the resource is read for.
    expr_prop
        Fraction of a patient's malignant cells from which a gene counts as expressed; of a complex, that of
        its rarest subunit.
    min_cells
        Cells of a type that a sample needs: malignant ones in a primary, each host type in a niche.
    min_genes
        Ligands, or receptors, that a tumor must express to be tested.
    n_sets
        Random sets of genes.
    tissues
        Tissues whose host cells are niches: ``metastasis``, ``normal``, or both, pooled by organ. Host
        cells of primary tumors are no niche.
    sample_key, patient_key, organ_key, tissue_key, compartment_key
        Columns of ``obs``, here and in ``reference``; defaults in ``niche.settings``.
    layer
        Layer of log1p-normalised values instead of ``X``, here and in ``reference``.
    rng
        Seed or generator that random sets are drawn with.
    key_added
        Where the result goes.
    n_jobs
        Threads; the result has the same bits for any number.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored in ``uns[key_added]``, read by :func:`niche.get.compatibility`: ``organs``, ``patients``,
        ``cell_types``, ``units``, ``entries`` (ligands and receptors with partners: gene, role, stratum),
        ``offers`` (n_organs x n_entries: value, partner, cell type), ``fraction`` (n_patients x n_entries),
        ``values`` (3 directions x n_patients + 1 x n_organs arrays, the mean of patients last), ``n_genes``,
        ``reason``, ``statement``, ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or layer does not exist; compartments were not called.
    InputValueError
        No primary sample, no malignant cell in one, no host cell to be a niche; values, labels, genes or
        options that cannot be worked with.
    InputTypeError
        ``adata`` or ``reference`` is no AnnData, or an argument has the wrong type.

    Notes
    -----
    A gene g enters as ligand, as receptor, or as each. In organ o its best partner has the level

    .. math:: x_{go} = \max_{h \in P(g)} \max_t \bar e_{hto},

    with P(g) its partners, t the host cell types of o, and :math:`\bar e` the mean log expression, of
    samples, then of patients (a complex being its least expressed subunit). The offer is
    :math:`x_{go} - \bar x_{g\cdot}`, relative to the mean of the organs, and the statistic of a patient is
    its mean over the set of genes the tumor expresses: ligands (``tumor->host``), receptors
    (``host->tumor``), ``both``. Statistics of patients are averaged.

    The null exchanges genes at random within strata: role x bin of abundance, the mean of the gene over cell
    types (malignant cells are one) without regard to organs. So a random set has as many ligands and
    receptors of every abundance, and what patients have in common stays in common. :math:`p = (b+1)/(m+1)`
    is upper-sided: small where the organ offers more than random sets do. ``expected`` is the exact mean of
    the null. q-values are Benjamini-Hochberg over the organs of a direction.

    p takes genes as exchangeable. Genes of one pathway are expressed together and have like partners, so that
    p is smaller than it should be to the extent they are; it is uniform for random sets of genes, and says
    nothing about other patients. A tumor that expresses most genes of a stratum leaves random sets little to
    differ in, and p is large. Ambient RNA of the tumor raises the partners of its own genes in samples of
    metastases, and cell types that dissociation lost in one organ are missing from its offer: look at
    ``n_cell_types`` and at the pairs behind an organ (``level="pairs"``).

    References
    ----------
    Random sets with a correction for finite numbers: Phipson & Smyth 2010, doi:10.2202/1544-6115.1585.
    Seed and soil: Fidler 2003, doi:10.1038/nrc1098.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.compatibility(adata, "cell_type", n_sets=999)
    >>> table = niche.get.compatibility(adata, direction="both")
    >>> table["organ"].tolist(), table["reason"].unique().tolist()
    (['bone', 'brain', 'liver', 'lung'], ['compatibility, not prediction'])
    """
    params: dict[str, Any] = {
        name: value
        for name, value in locals().items()
        if name not in ("adata", "reference", "resource", "rng", "copy", "n_jobs")
    }
    _check_options(params)
    validate.anndata(adata)
    validate.flag(copy, "copy")
    if reference is not None:
        _check_reference(reference)
    threads = settings.threads(n_jobs)
    entropy = int(validate.generator(rng).integers(2**63))
    columns = (sample_key, patient_key, organ_key, tissue_key)
    listed = [tissues] if isinstance(tissues, str) else list(tissues)
    samples = validate.samples(adata, *columns)
    labels = validate.compartments(adata, compartment_key, run_first=RUN_FIRST)
    table = resources.ligand_receptor(resource, organism)
    genes = gene_pairs(adata, table, organism)
    with limited_to(threads):
        tumors = tumors_of(adata, samples, labels, genes, layer, min_cells, threads)
        if reference is None:
            types = cell_types(adata, groupby, compartment_key, level="cell_type", need_compartment=True)
            niches = niches_of(adata, samples, types, listed, genes, layer, min_cells, threads)
        else:
            there = validate.samples(reference, *columns)
            types = reference_types(reference, there, groupby, compartment_key)
            others = gene_pairs(reference, table, organism)
            niches = niches_of(reference, there, types, listed, others, layer, min_cells, threads)
        _warn_of_tissues(niches)
        payload = compatibility_tests(
            tumors, niches, genes, expr_prop, min_cells, min_genes, n_sets, entropy, threads
        )

    for name in ("sample_key", "patient_key", "organ_key", "tissue_key", "compartment_key"):
        params[name] = params[name] or getattr(settings, name)
    params |= {
        "groupby": groupby or settings.groupby, "resource": resource_name(table), "tissues": listed,
        "rng": "generator" if isinstance(rng, np.random.Generator) else int(rng),
    }  # fmt: skip
    read = [params[f"{name}_key"] for name in ("sample", "patient", "organ", "tissue", "compartment")]
    params["reference"] = None if reference is None else _told(reference, [*read, params["groupby"]], layer)
    read += [params["groupby"]] if reference is None else []
    digest = fingerprint.compute(adata, obs=dict.fromkeys(read), layers=[layer])
    target = adata.copy() if copy else adata
    write.result(target, key_added, params=params, payload=payload, fingerprint=digest)
    return target if copy else None


def _told(reference: ad.AnnData, columns: list[str], layer: str | None) -> str:
    """Size and digest of a reference, so that another one is known to be another."""
    seen = fingerprint.compute(reference, obs=dict.fromkeys(columns), layers=[layer])["digests"]
    digest = hashlib.sha256("".join(seen).encode()).hexdigest()[:16]
    return f"{reference.n_obs} cells x {reference.n_vars} genes, {digest}"


def _check_options(given: dict[str, Any]) -> None:
    validate.choice(given["organism"], "organism", keys.ORGANISMS)
    validate.number(given["expr_prop"], "expr_prop", low=0, high=1, open_low=True)
    for name, low in (("min_cells", 1), ("min_genes", 2), ("n_sets", 1)):
        validate.number(given[name], name, low=low, high=1e9, integer=True)
    tissues = given["tissues"]
    for tissue in [tissues] if isinstance(tissues, str) else tissues:
        validate.choice(tissue, "tissues", ("metastasis", "normal"))
    write.slot_name(given["key_added"])


def _check_reference(reference: Any) -> None:
    if not isinstance(reference, ad.AnnData):
        raise InputTypeError(f"reference must be an AnnData or None. Got {type(reference).__name__}.")
    try:
        validate.anndata(reference)
    except InputValueError as error:
        raise InputValueError(f"reference: {error}") from error


def _warn_of_tissues(niches: Niches) -> None:
    if len(set(niches.tissue)) > 1:
        each = ", ".join(f"{o} ({t})" for o, t in zip(niches.organ, niches.tissue, strict=True))
        warn(
            f"niches are of different tissues: {each}. What differs between them may be that of tissues, not "
            "of organs. Choose one with tissues=."
        )
