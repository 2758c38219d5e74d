"""Copy number along the genome, read from expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np

from niche._kernels import copy_number
from niche._log import logger
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, passes, validate, write
from niche._slots.validate import Factor
from niche.errors import InputValueError
from niche.tl import _cnv_defaults as defaults
from niche.tl._cnv_genome import Genome, candidates_of, excluded_names, genome_of
from niche.tl._cnv_reference import (
    Categories,
    References,
    categories_of,
    pooled_references,
    references_by_sample,
)

CONVENTIONS = ("niche", "infercnvpy")

_WHOSE = {"own": "of the sample itself", "mixed": "partly of the sample itself", "global": "of all samples"}


def infer_cnv(
    adata: ad.AnnData,
    *,
    reference_key: str | None = None,
    reference: str | Sequence[str] | None = None,
    sample_key: str | None = None,
    convention: Literal["niche", "infercnvpy"] = "niche",
    window_size: int = defaults.WINDOW_SIZE,
    step: int = defaults.STEP,
    lfc_clip: float = defaults.LFC_CLIP,
    dynamic_threshold: float | None = defaults.DYNAMIC_THRESHOLD,
    exclude_chromosomes: Sequence[str] | None = defaults.EXCLUDED_CHROMOSOMES,
    min_detected: float = defaults.MIN_DETECTED,
    min_reference_cells: int = 20,
    positions: Literal["auto", "var", "builtin"] = "auto",
    organism: str | None = None,
    layer: str | None = None,
    key_added: str = keys.CNV,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Infer copy number along the genome of every cell from its expression.

    Log values are compared with a reference of normal cells, clipped, averaged over windows of
    neighbouring genes, centred by cell, and freed of what normal cells show by chance.

    Parameters
    ----------
    adata
        Annotated data with log1p-normalised values: numpy, csr, csc, dask or backed. Never made dense.
    reference_key
        Column of ``obs`` with the reference categories. ``None`` takes ``settings.groupby`` where
        ``reference`` is given.
    reference
        Categories of normal cells. ``None`` compares with the mean of all cells, tumor cells included,
        and the result says so.
    sample_key
        Column of ``obs`` with samples. ``None`` takes ``settings.sample_key`` where it exists.
    convention
        ``"niche"`` or ``"infercnvpy"``; see Notes.
    window_size, step
        Genes of a window, and between the beginnings of windows.
    lfc_clip
        Largest log fold change of a gene, greater than 0.
    dynamic_threshold
        Values smaller than this number of standard deviations of the noise become zero; ``None`` keeps
        all values.
    exclude_chromosomes
        Chromosomes to leave out; ``None`` leaves out none. ``chrX`` and ``X`` are the same.
    min_detected
        Share of cells that must express a gene for it to be used, in [0, 1]. Silent genes dilute the
        windows. Not used by ``convention="infercnvpy"``.
    min_reference_cells
        A category with so many cells in a sample enters its reference with its mean there, else with its
        mean over all samples. With fewer reference cells in all the function refuses, and categories of
        fewer than 10 cells do not count. Not used by ``convention="infercnvpy"``.
    positions
        Where genes lie: ``"var"`` (columns ``chromosome, start, end`` of ``var``), ``"builtin"`` (by
        Ensembl id first, then current, then previous symbol), or ``"auto"``, the columns if they exist.
    organism
        ``"human"`` or ``"mouse"``, for built-in positions. ``None`` takes the one more genes are known for.
    layer
        Layer with log values; ``None`` is X.
    key_added
        Key of ``uns``, and with ``X_`` before it of ``obsm``.
    n_jobs
        Threads; ``None`` takes ``settings.n_jobs``. The result does not depend on it.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores ``obsm["X_cnv"]``, csr float32 (n_obs,
        n_windows), and in ``uns["cnv"]`` ``params``; ``windows`` (``chromosome, start, end, n_genes``);
        ``chr_pos`` (the first window of each chromosome); ``placed`` (``how, n_genes``), ``share_placed``,
        ``n_genes_used`` and ``positions_of``; ``references`` with one row per sample (``sample, n_cells,
        n_reference_cells, reference`` which is ``own``, ``mixed``, ``global`` or ``all_cells``, ``own`` and
        ``of_all_samples``, the categories) and ``reference_statement``; ``noise`` and ``threshold``.

    Raises
    ------
    InputTypeError, InputValueError
        Not an AnnData, counts instead of log values, values that are not finite or negative, no gene
        placed, genes of one chromosome only, an unknown reference category, too few reference cells, or
        an option out of range.
    MissingKeyError
        The layer, or the column of samples or reference categories, does not exist.

    Notes
    -----
    For a value :math:`x` of a gene whose reference categories have means between :math:`l` and
    :math:`u`, the log fold change is :math:`x - u` above, :math:`x - l` below and 0 between, clipped.
    Windows are pyramid-weighted means along each chromosome; one of at most ``window_size`` genes gets one
    flat mean. From every cell its median over windows is subtracted. This is the method of infercnvpy,
    after inferCNV (Patel et al. 2014, doi:10.1126/science.1254257; Tirosh et al. 2016,
    doi:10.1126/science.aad0501).

    ``convention="infercnvpy"`` takes one reference for all samples and the noise from all cells, and equals
    infercnvpy run on one chunk. There the noise of a chunk of rows decides what is zero in it, so the
    result changes when rows are sorted. ``convention="niche"`` reads the noise from the reference cells,
    once; takes each sample's own reference where it can; and leaves out genes that few cells express,
    scaffolds, and chromosomes of fewer than 10 genes. Given these, a cell's profile depends on that cell
    alone: the order of the rows, blocks and threads do not change a bit of it.

    Copy number read from expression is an indirect and blurred sight: neighbouring genes regulated
    together (HLA, immunoglobulins, keratins) look like gains of those cell types.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.infer_cnv(adata, reference_key="cell_type", reference=["Fibroblast", "T cell"])
    >>> adata.obsm["X_cnv"].shape[0] == adata.n_obs
    True
    """
    options = _options(dict(locals()))
    validate.anndata(adata)
    threads = settings.threads(n_jobs)
    strict = convention == "niche"
    samples = _samples(adata, sample_key)
    categories = categories_of(adata, reference_key, reference)
    values = matrix.resolve(adata, layer, "lognorm")
    candidates = candidates_of(
        adata.var, positions=positions, organism=organism, excluded=options["exclude_chromosomes"],
        strict=strict,
    )  # fmt: skip
    if strict and categories.key:
        references = references_by_sample(categories, samples, min_reference_cells)
    else:
        _enough_cells(adata.n_obs, min_reference_cells, strict=strict)
        references = pooled_references(categories, samples)

    reader = passes.reader(values, threads)
    found = copy_number.survey(
        reader, candidates.gene_of_column, references.first, references.second, references.n_groups
    )
    seen = found.detected >= (min_detected * adata.n_obs if strict else 0)
    genome, used = genome_of(candidates, adata.var, seen, window=window_size, step=step, strict=strict)
    lower, upper = references.lower_and_upper(found.means[:, used])
    noise_from = references.is_reference if strict else np.ones(adata.n_obs, dtype=bool)
    profile = copy_number.infer(
        reader, genome.windows, lower, upper, references.of_cell, clip=lfc_clip, sds=dynamic_threshold,
        noise_from=noise_from,
    )  # fmt: skip
    statement = _statement(categories, references)
    logger.info("infer_cnv: reference: %s", statement)

    columns = [name for name in (samples.key, categories.key) if name in adata.obs.columns]
    digest = fingerprint.compute(adata, obs=columns, layers=[layer])
    adata = adata.copy() if copy else adata
    write.result(
        adata, key_added, params=options | {"sample_key": samples.key, "reference_key": categories.key},
        payload=_payload(genome, references, profile, statement), fingerprint=digest,
    )  # fmt: skip
    adata.obsm[f"X_{key_added}"] = profile.values
    return adata if copy else None


def _options(given: dict[str, Any]) -> dict[str, Any]:
    """Check the options; return those that are stored."""
    validate.choice(given["convention"], "convention", CONVENTIONS)
    validate.number(given["window_size"], "window_size", low=2, high=10_000, integer=True)
    validate.number(given["step"], "step", low=1, high=10_000, integer=True)
    validate.number(given["lfc_clip"], "lfc_clip", low=0, high=1e3, open_low=True)
    if given["dynamic_threshold"] is not None:
        validate.number(given["dynamic_threshold"], "dynamic_threshold", low=0, high=1e3)
    validate.number(given["min_detected"], "min_detected", low=0, high=1)
    validate.number(given["min_reference_cells"], "min_reference_cells", low=1, high=1e9, integer=True)
    write.slot_name(given["key_added"])
    validate.flag(given["copy"], "copy")
    if given["organism"] is not None:
        validate.choice(given["organism"], "organism", keys.ORGANISMS)
    stored = {name: value for name, value in given.items() if name not in ("adata", "copy", "n_jobs")}
    return stored | {"exclude_chromosomes": excluded_names(given["exclude_chromosomes"])}


def _samples(adata: ad.AnnData, sample_key: str | None) -> Factor:
    if sample_key is None and settings.sample_key not in adata.obs.columns:
        return Factor("", np.zeros(adata.n_obs, dtype=np.int32), ("all cells",))
    return validate.factor(adata, sample_key, "sample_key")


def _enough_cells(n_obs: int, min_reference_cells: int, *, strict: bool) -> None:
    if strict and n_obs < min_reference_cells:
        raise InputValueError(
            f"{n_obs} cells are too few: at least {min_reference_cells} reference cells are needed "
            "(min_reference_cells)."
        )


def _statement(categories: Categories, references: References) -> str:
    if not categories.key:
        return "the mean of all cells, tumor cells included: gains and losses most cells share are not seen"
    kinds = references.table["reference"].value_counts()
    whose = ", ".join(f"{words} in {kinds[kind]}" for kind, words in _WHOSE.items() if kind in kinds)
    return (
        f"{', '.join(categories.names)} ({int(references.is_reference.sum())} cells); {whose} "
        f"of {len(references.table)} samples"
    )


def _payload(
    genome: Genome, references: References, profile: copy_number.Profile, statement: str
) -> dict[str, Any]:
    first = dict(zip(genome.names, genome.windows.first_window.tolist(), strict=True))
    return {
        "windows": genome.table,
        "chr_pos": first,
        "placed": genome.placed,
        "share_placed": genome.share_placed,
        "n_genes_used": genome.n_used,
        "positions_of": genome.organism or "adata.var",
        "references": references.table,
        "reference_statement": statement,
        "noise": profile.noise,
        "threshold": profile.threshold,
    }
