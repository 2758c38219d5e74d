"""Expression programs of malignant cells, found without looking at organs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels import nmf, program_genes
from niche._settings import settings
from niche._slots import fingerprint, keys, matrix, validate, write
from niche.errors import InputTypeError, InputValueError
from niche.resources import markers, read_gmt, signatures
from niche.resources.gmt import file_digest
from niche.tl import _programs_describe as describe
from niche.tl._programs_input import Input, input_of
from niche.tl._programs_near import near_programs
from niche.tl._programs_pooled import CELLS_PER_PROGRAM, Found, candidates, pooled
from niche.tl._programs_samples import MANY_CELLS, per_sample, shares

GeneSets = Mapping[str, Sequence[str]] | str | None
MODES = ("pooled", "per_sample")


def programs(
    adata: ad.AnnData,
    *,
    k: int | Sequence[int] | None = None,
    compartment: str = "tumor",
    mode: Literal["pooled", "per_sample"] | None = None,
    n_starts: int = 20,
    n_top_genes: int = 2000,
    genes_per_program: int = 50,
    min_cells: int = 20,
    min_probability: float | None = None,
    min_strength: float = 0.3,
    gene_sets: GeneSets = None,
    sample_key: str | None = None,
    patient_key: str | None = None,
    compartment_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.PROGRAMS,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Find the programs of the tumor: sets of genes that malignant cells switch together.

    Neither organ nor tissue is read, so that what is found can be compared between organs afterwards.
    Cells are never integrated: differences between patients stay, and programs of one patient are named so.

    Parameters
    ----------
    adata
        Log values in ``X`` or ``layer``, counts in ``layers["counts"]`` where there are any; numpy, csr, csc,
        dask or backed.
    k
        Number of programs. ``None`` tries seven, from four more than there are patients, and takes the most
        stable (Notes); several numbers are tried likewise. Not for ``mode="per_sample"``, which uses 4 to 9.
    compartment
        Whose cells. Those that failed :func:`niche.pp.qc`, doublets among them, are left out and counted.
    mode
        ``"pooled"``: one factorisation of all cells in which every patient counts alike. ``"per_sample"``:
        programs of every sample, gathered into metaprograms. ``None`` takes ``"pooled"`` where samples have
        fewer than 300 cells in the median.
    n_starts
        Random starts for every number of programs (pooled; 10 in every sample).
    n_top_genes
        Variable genes that are factorised. All genes are ranked.
    genes_per_program
        Genes that make up a program.
    min_cells
        Cells of the compartment a sample must have; others are skipped and listed.
    min_probability
        Use only cells with a malignant probability of so much, ``None`` all of the compartment.
    min_strength
        What the genes of a program must rise by with its usage, in standard deviations (Notes).
    gene_sets
        Names to genes, or the path of a gmt file, to compare programs with. ``None`` takes the markers and
        signatures niche ships.
    sample_key, patient_key, compartment_key
        Columns of ``obs``; defaults in ``niche.settings``.
    layer
        Layer with log values; ``None`` is X.
    key_added
        Key of ``uns``, and name of the results in ``varm`` and ``obsm``.
    rng
        Seed or generator; the same seed gives the same bits for any ``n_jobs``.
    n_jobs
        Threads over random starts; default ``niche.settings.n_jobs``.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        Stored: ``obsm["X_programs"]`` (n_obs x k, float32: shares of programs that sum to 1 in a cell, NaN
        in cells not used), ``varm["programs"]`` (n_vars x k, float32 coefficients), and in
        ``uns["programs"]``, read by :func:`niche.get.programs`: ``names`` (column order), ``table``,
        ``curve`` (stability and loss of every k), ``samples`` (used, skipped and why), ``annotation``,
        ``sample_programs`` (per_sample), ``spectra`` (k x n_genes over ``genes``, each divided by its
        ``sd``), ``near`` (which program of the numbers tried next to k holds most of the same genes; with
        ``near_spectra``), ``params``, ``fingerprint``.

    Raises
    ------
    MissingKeyError
        A column or layer does not exist; without compartments the message says what to run.
    InputValueError
        No cell of the compartment, no sample with ``min_cells``, more programs than one for ten cells, too
        few expressed genes, no program that recurs (per_sample), or an option out of range.
    InputTypeError
        Not an AnnData, or gene sets of an unknown form.

    Notes
    -----
    Counts of variable genes (chosen within samples, on cells of the compartment) are divided by their
    standard deviation, not centred; cells are weighted so that every patient counts alike. Without counts log
    values are used, and ``params["values"]`` says so. Genes that fewer than 2 % of the cells express (or
    fewer than 10) are in no program; their coefficients are 0.

    *Pooled*: for every k, ``X ~ W H`` with non-negative factors is fitted from ``n_starts`` random starts
    (coordinate descent, on a low-rank sketch first and then on X) and spectra are gathered by k-means after
    outliers are left out, as in cNMF (Kotliar et al. 2019, doi:10.7554/eLife.43803). The stability of k is
    the mean silhouette of the spectra; the most stable is taken. Numbers start at four more than there are
    patients (24 at most) and go on by two, because tumors of different patients differ, and what is of one
    patient needs room of its own before what patients share can be seen.

    *Per sample*: programs of k = 4 ... 9 in every sample; robust are those that recur within their sample at
    another k (35 of 50 genes in samples of 300 cells, falling with the root of the median number of cells to
    20) and in another sample (10), and are not redundant; metaprograms gather robust programs around
    founders (Gavish et al. 2023, doi:10.1038/s41586-023-06130-4).

    Usage is the non-negative least squares solution with the programs fixed. Genes are ranked by their
    coefficient in the regression of standardised log expression on usage,
    :math:`(U'DU)^{+} U'D Z`, over all genes.

    ``kind`` in the table: ``program``; ``patient-private``, where no other patient reaches a quarter of the
    usage; ``background``, where its genes rise by less than ``min_strength`` standard deviations in the mean
    per standard deviation of usage: what all cells express, or copy numbers that move a thousand genes a
    little; ``unstable``, found from less than half of the starts.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> adata.obsm["X_programs"].shape[1]
    6
    """
    validate.anndata(adata)
    wanted = _ks(k, mode)
    if mode is not None:
        validate.choice(mode, "mode", MODES)
    validate.choice(compartment, "compartment", keys.COMPARTMENTS_ALL)
    validate.number(n_starts, "n_starts", low=2, high=1000, integer=True)
    validate.number(n_top_genes, "n_top_genes", low=10, high=1e6, integer=True)
    validate.number(genes_per_program, "genes_per_program", low=5, high=1000, integer=True)
    validate.number(min_cells, "min_cells", low=2, high=1e9, integer=True)
    if min_probability is not None:
        validate.number(min_probability, "min_probability", low=0, high=1)
    validate.number(min_strength, "min_strength", low=0, high=1)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    sets = _gene_sets(gene_sets)
    threads = settings.threads(n_jobs)
    seed = np.random.SeedSequence(int(validate.generator(rng).integers(2**63 - 1)))
    given = input_of(
        adata, compartment, layer, int(n_top_genes), int(min_cells), min_probability, sample_key, patient_key,
        compartment_key, threads,
    )  # fmt: skip
    chosen = mode or _mode(given)
    n_top = min(int(genes_per_program), adata.n_vars // 2)
    extra = pd.DataFrame({"sample": [], "k": [], "robust": [], "metaprogram": []})
    if chosen == "pooled":
        found = pooled(given, _possible(wanted, given), int(n_starts), seed, threads)
    else:
        found, extra = per_sample(given, n_top, seed, threads)
    result = _Result(
        given, found, n_top, adata.var_names, sets, float(min_strength), mean_last=chosen == "per_sample"
    )
    extra["metaprogram"] = result.names_of(extra["metaprogram"].to_numpy(dtype=np.int64))
    extra["sample"] = np.array(given.used_samples, dtype=object)[extra["sample"].to_numpy(dtype=np.int64)]

    params: dict[str, Any] = {
        "k": k if k is None or isinstance(k, int) else list(k), "compartment": compartment, "mode": chosen,
        "n_starts": int(n_starts), "n_top_genes": int(n_top_genes), "genes_per_program": n_top,
        "min_cells": int(min_cells), "min_probability": min_probability,
        "min_strength": float(min_strength), "layer": layer,
        "values": given.values, "gene_sets": _source(gene_sets), "sha256": file_digest(gene_sets),
        "sample_key": sample_key or settings.sample_key,
        "patient_key": patient_key or settings.patient_key,
        "compartment_key": compartment_key or settings.compartment_key,
        "rng": "Generator" if isinstance(rng, np.random.Generator) else int(rng),
    }  # fmt: skip
    columns = [params[name] for name in ("sample_key", "patient_key", "compartment_key")]
    columns += [keys.MALIGNANT_PROBABILITY] if min_probability is not None else []
    columns += [keys.QC_PASS] if keys.QC_PASS in adata.obs.columns else []
    layers: list[str | None] = [layer, keys.COUNTS] if matrix.has_counts(adata) else [layer]
    digest = fingerprint.compute(adata, obs=columns, layers=layers)
    target = adata.copy() if copy else adata
    write.result(
        target, key_added, params=params, fingerprint=digest,
        payload=result.payload()
        | near_programs(given, found.near, result.top, result.names)
        | {"samples": given.samples, "sample_programs": extra},
    )  # fmt: skip
    target.obsm[f"X_{key_added}"] = result.usage_of_all(adata.n_obs)
    target.varm[key_added] = result.coefficients.T.astype(np.float32)
    return target if copy else None


class _Result:
    """Programs ordered by usage, with their genes, kinds and annotation."""

    def __init__(
        self, given: Input, found: Found, n_top: int, var_names: pd.Index, sets: dict[str, list[str]],
        least: float, *, mean_last: bool,
    ) -> None:  # fmt: skip
        usage = shares(nmf.usage_of(given.x, found.spectra))
        means = describe.patient_means(usage, given.patient, len(given.patients))
        order = np.argsort(-means.mean(axis=0), kind="stable")
        if mean_last:
            order = np.append(order[order != len(order) - 1], len(order) - 1)
        self.given, self.curve, self.var_names, self.sets = given, found.curve, var_names, sets
        self.spectra, self.usage, self.means = found.spectra[order], usage[:, order], means[:, order]
        self.support, self.stability = found.support[order], found.stability[order]
        coefficients = program_genes.regressed_genes(given.log, self.usage, given.weight)
        self.coefficients = np.where(given.ranked, coefficients, 0.0)
        self.top = program_genes.top_genes(self.coefficients, n_top)
        self.names, self.order = [f"P{number + 1}" for number in range(len(order))], order
        if mean_last:
            self.names[-1] = "profile"
        self.strength = describe.strength(self.coefficients, self.usage, given.weight, n_top)
        self.least = least
        if mean_last:
            self.strength[-1] = 0.0

    def names_of(self, metaprogram: np.ndarray) -> np.ndarray:
        """Names of metaprograms (n,) numbered as they were found; empty for -1."""
        place = np.argsort(self.order)
        return np.array([self.names[place[m]] if m >= 0 else "" for m in metaprogram], dtype=object)

    def usage_of_all(self, n_obs: int) -> np.ndarray:
        """(n_obs, k) usage, NaN in cells that were not used."""
        out = np.full((n_obs, self.usage.shape[1]), np.nan, dtype=np.float32)
        out[self.given.cells] = self.usage
        return out

    def payload(self) -> dict[str, Any]:
        """Everything that is stored in ``uns``."""
        kind, present, reason = describe.kinds(self.means, self.support, self.strength, self.least)
        total = self.means.sum(axis=0)
        first = self.means.argmax(axis=0)
        patients = np.array(self.given.patients, dtype=object)
        table = pd.DataFrame(
            {
                "program": np.array(self.names, dtype=object), "kind": kind,
                "mean_usage": self.means.mean(axis=0), "stability": self.stability, "support": self.support,
                "strength": self.strength, "n_patients": present, "top_patient": patients[first],
                "top_patient_share": self.means.max(axis=0) / np.where(total > 0, total, 1.0),
                "reason": np.array(reason, dtype=object),
            }
        )  # fmt: skip
        real = np.flatnonzero(np.isin(kind, [describe.PROGRAM, describe.PRIVATE]))
        known = describe.annotation([self.names[j] for j in real], self.top[real], self.var_names, self.sets)
        genes = self.var_names.to_numpy(dtype=object)
        return {
            "names": self.names, "table": table, "curve": self.curve, "annotation": known,
            "top_genes": genes[self.top], "genes": genes[self.given.genes], "sd": self.given.sd,
            "spectra": self.spectra.astype(np.float32),
        }  # fmt: skip


def _ks(k: Any, mode: str | None) -> list[int] | None:
    """The numbers of programs that were asked for."""
    if k is None:
        return None
    if mode == "per_sample":
        raise InputValueError("k= belongs to mode='pooled'; mode='per_sample' finds 4 to 9 in every sample.")
    listed = [k] if isinstance(k, (int, np.integer)) and not isinstance(k, bool) else k
    if isinstance(listed, str) or not isinstance(listed, (Sequence, np.ndarray)) or not len(listed):
        raise InputTypeError(f"k must be a number or several. Got {k!r}.")
    for one in listed:
        validate.number(one, "k", low=2, high=500, integer=True)
    return sorted({int(one) for one in listed})


def _possible(wanted: list[int] | None, given: Input) -> list[int]:
    n_cells, n_genes = given.x.shape
    if wanted is None:
        return candidates(n_cells, n_genes, len(given.patients))
    most = min(n_cells // CELLS_PER_PROGRAM, n_genes - 1)
    if max(wanted) > most:
        raise InputValueError(
            f"k={max(wanted)} programs are more than {n_cells} cells and {n_genes} variable genes can carry: "
            f"at most one for {CELLS_PER_PROGRAM} cells, {most} here."
        )
    return wanted


def _mode(given: Input) -> str:
    return "per_sample" if np.median(np.bincount(given.sample)) >= MANY_CELLS else "pooled"


def _source(gene_sets: GeneSets) -> str:
    """Where the gene sets come from, in a word."""
    if gene_sets is None:
        return "niche.resources"
    return f"GMT file {Path(gene_sets).name}" if isinstance(gene_sets, str) else "user sets"


def _gene_sets(gene_sets: GeneSets) -> dict[str, list[str]]:
    """Names to genes; without any, the shipped markers of cell types and states, and signatures."""
    if gene_sets is None:
        table = markers()
        sets = {str(name): list(part["gene"]) for name, part in table.groupby("cell_type", sort=True)}
        known = signatures()
        up = known[known["direction"] == "up"]
        return sets | {str(name): list(part["gene"]) for name, part in up.groupby("signature", sort=True)}
    if isinstance(gene_sets, str):
        return read_gmt(gene_sets)
    if not isinstance(gene_sets, Mapping):
        raise InputTypeError(
            f"gene_sets must map names to genes, or be a path. Got {type(gene_sets).__name__}."
        )
    for name, genes in gene_sets.items():
        if isinstance(genes, str) or not len(genes):
            raise InputTypeError(f"gene_sets[{name!r}] must list genes. Got {genes!r}.")
    return {str(name): [str(gene) for gene in genes] for name, genes in gene_sets.items()}
