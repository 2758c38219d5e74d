"""Which species every cell of a xenograft is of, from counts on a combined reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import species_mixture as kernel
from niche._log import logger
from niche._slots import fingerprint, keys, matrix, validate, write
from niche._slots.validate import Factor
from niche.resources.gene_species import genes_of_species

_NUMBERS = (
    "low", "high", "doublet_rate", "mouse_in_human", "mouse_in_human_low", "mouse_in_human_high",
    "human_in_mouse", "human_in_mouse_low", "human_in_mouse_high", "ambient_fraction", "soup_human",
)  # fmt: skip


@dataclass(frozen=True)
class _Sample:
    """Calls of the cells of one sample, and its row of the table."""

    calls: np.ndarray
    row: dict[str, Any]


def split_species(
    adata: ad.AnnData,
    *,
    species_key: str | None = None,
    graft_species: str = "human",
    min_counts: int = 100,
    min_cells: int = 10,
    sample_key: str | None = None,
    layer: str | None = None,
    key_added: str = keys.SPECIES,
    copy: bool = False,
) -> ad.AnnData | None:
    r"""Call every cell of a xenograft human, mouse or a doublet of both.

    Reads were counted on a combined reference, so that the genes of both species stand in one matrix.
    Thresholds are those of each sample. Nothing is removed: :func:`niche.pp.collapse_orthologs` goes on.

    Parameters
    ----------
    adata
        Annotated data with raw counts: numpy, csr, csc, dask or backed. The species of a gene is read from
        the prefix of its name (``GRCh38_``, ``hg19_``, ``mm10___``, ``GRCm39_``, ...) or its Ensembl id, in
        ``var_names`` or a column of ``var``.
    species_key
        Column of ``var`` that holds ``human`` and ``mouse``, or names of genomes, instead.
    graft_species
        Species of the tumor; the other one is the host.
    min_counts
        Cells with fewer counts are ``unresolved``.
    min_cells
        Cells of a species from which a sample holds that species.
    sample_key
        Column of ``obs`` with samples. ``None`` takes ``settings.sample_key``.
    layer
        Layer of raw counts. ``None`` takes ``layers["counts"]`` where it exists, else X.
    key_added
        Where in ``uns`` the table goes.
    copy
        Return a changed copy instead of changing ``adata``.

    Returns
    -------
    AnnData or None
        The changed copy with ``copy=True``, else None. Stores in ``obs`` ``species`` (``human``, ``mouse``,
        ``doublet``, ``unresolved``), ``species_doublet``, ``counts_human`` and ``counts_mouse``; in
        ``uns[key_added]`` ``params`` and ``table``, one row per sample, read by :func:`niche.get.species`.

    Raises
    ------
    InputTypeError
        ``adata`` is no AnnData.
    InputValueError
        There are no raw counts; the genes are of one species, of two genomes of one species, or some of no
        known species; sample labels are missing; an option is out of range.
    MissingKeyError
        A column or layer does not exist.

    Notes
    -----
    With :math:`h` human and :math:`m` mouse counts of a cell, :math:`x = \log\frac{h + 1/2}{m + 1/2}`. A
    mixture of two Gaussians on x must have two modes, one on each side of 0, with ``min_cells`` cells each;
    else the sample is taken as of one species and not split, and says so: its cells are of that species
    where they look like the others, else ``unresolved``. Clean cells of a species are a Gaussian about the
    median of their mode. Doublets are not fitted: their x is that of sums of clean cells, one of each
    species. The shares of the three components come by expectation maximisation. Around the doublets, up to
    the nearest place on each side where the species of that side is the likeliest (``low`` and ``high``,
    shares of human counts), cells are called ``doublet``. Two cells of one species in one droplet cannot be
    seen; ``doublet_rate`` adds those that are to be expected beside the seen ones.

    The share of mouse counts in cells called human, :math:`a (1 - q)`, and of human counts in cells called
    mouse, :math:`a q`, add up to the ambient fraction a; q is the human share of the ambient molecules.
    Reads that align to the wrong genome cannot be told from ambient ones and are counted with them. After
    the species plots of Macosko et al. 2015 (doi:10.1016/j.cell.2015.05.002).

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_xenograft(1, animals_per_organ=1, cells=60, n_genes=1500)
    >>> niche.pp.split_species(adata)
    >>> niche.get.species(adata)["status"].tolist()
    ['assessed', 'assessed']
    """
    validate.anndata(adata)
    validate.choice(graft_species, "graft_species", keys.ORGANISMS)
    validate.number(min_counts, "min_counts", low=1, integer=True)
    validate.number(min_cells, "min_cells", low=5, integer=True)
    validate.flag(copy, "copy")
    write.slot_name(key_added)
    samples = validate.factor(adata, sample_key, "sample_key")
    genes = genes_of_species(adata.var, species_key)
    source = keys.COUNTS if layer is None and matrix.has_counts(adata) else layer
    values = matrix.resolve(adata, source, "counts")
    human, mouse = species_counts(values, genes.species).T
    calls, table = _judged(human, mouse, samples, min_counts, min_cells)

    adata = adata.copy() if copy else adata
    write.obs(
        adata,
        {
            keys.SPECIES: calls,
            keys.SPECIES_DOUBLET: calls == keys.DOUBLET,
            "counts_human": human,
            "counts_mouse": mouse,
        },
    )
    write.result(
        adata,
        key_added,
        params={
            "species_key": species_key, "graft_species": graft_species, "min_counts": int(min_counts),
            "min_cells": int(min_cells), "sample_key": samples.key, "layer": layer,
        },
        payload={"table": table, "genes_from": genes.source},
        fingerprint=fingerprint.compute(adata, obs=[], layers=[]),
    )  # fmt: skip
    n = {name: int((calls == name).sum()) for name in keys.SPECIES_CALLS}
    logger.info("split_species: %s", ", ".join(f"{count} {name}" for name, count in n.items()))
    return adata if copy else None


def species_counts(values: matrix.Matrix, species: np.ndarray) -> np.ndarray:
    """Human and mouse counts of every cell, (n_obs, 2)."""
    codes = (species == keys.ORGANISMS[1]).astype(np.int64)
    gather = sparse.csr_matrix((np.ones(codes.size), (np.arange(codes.size), codes)), shape=(codes.size, 2))
    out = np.zeros((values.shape[0], 2))
    for first, block in values.blocks():
        out[first : first + block.shape[0]] = (block.astype(np.float64) @ gather).toarray()
    return out


def _judged(
    human: np.ndarray, mouse: np.ndarray, samples: Factor, min_counts: int, min_cells: int
) -> tuple[np.ndarray, pd.DataFrame]:
    calls = np.full(human.size, keys.UNRESOLVED, dtype=object)
    rows = []
    for code, name in enumerate(samples.names):
        here = np.flatnonzero(samples.codes == code)
        found = _sample(human[here], mouse[here], min_counts, min_cells)
        calls[here] = found.calls
        rows.append({"sample": name, **found.row})
    table = pd.DataFrame(rows)
    return calls, table.astype({"sample": object, **dict.fromkeys(("status", "reason", "statement"), object)})


def _sample(human: np.ndarray, mouse: np.ndarray, min_counts: int, min_cells: int) -> _Sample:
    """Calls and table row of one sample."""
    total = human + mouse
    deep = total >= min_counts
    h, m = human[deep], mouse[deep]
    numbers: dict[str, Any] = dict.fromkeys(_NUMBERS, np.nan)
    found, reason = None, ""
    if deep.sum() < min_cells:
        reason = f"fewer than {min_cells} cells with {min_counts} counts"
    else:
        is_human = kernel.groups(h, m)
        n = (0, 0) if is_human is None else (int(is_human.sum()), int((~is_human).sum()))
        if min(n) >= min_cells and is_human is not None:
            found = kernel.split(h, m, is_human)
        else:
            found = kernel.one_species(h, m)
            present, lacking = keys.ORGANISMS if np.median(h - m) > 0 else keys.ORGANISMS[::-1]
            few = (m > h) if lacking == keys.ORGANISMS[1] else (h > m)
            reason = f"one species only, {present}: {int(few.sum())} cells with more {lacking} counts"
    calls = np.full(total.size, keys.UNRESOLVED, dtype=object)
    if found is not None:
        ratio = kernel.log_ratio(human, mouse)
        if not reason:
            calls[deep] = keys.DOUBLET
        calls[deep & (ratio >= found.high)] = keys.ORGANISMS[0]
        calls[deep & (ratio <= found.low)] = keys.ORGANISMS[1]
        numbers |= {"low": kernel.share(found.low), "high": kernel.share(found.high)}
        numbers |= _rates(calls, human, mouse, both=not reason)
    counted = {f"n_{name}": int((calls == name).sum()) for name in keys.SPECIES_CALLS}
    row = {"n_cells": int(total.size), **counted, **numbers}
    row |= {"status": "not_testable" if reason else "assessed", "reason": reason}
    return _Sample(calls, row | {"statement": _statement(row)})


def _rates(calls: np.ndarray, human: np.ndarray, mouse: np.ndarray, *, both: bool) -> dict[str, float]:
    """What leaks between the species, and how many cells fall together."""
    out: dict[str, float] = {}
    for name, species, other in (
        ("mouse_in_human", "human", mouse), ("human_in_mouse", "mouse", human)
    ):  # fmt: skip
        mine = calls == species
        rate, low, high = kernel.leaked(other[mine], (human + mouse)[mine])
        out |= {name: rate, f"{name}_low": low, f"{name}_high": high}
    if both:
        out["ambient_fraction"] = out["mouse_in_human"] + out["human_in_mouse"]
        if out["ambient_fraction"] > 0:
            out["soup_human"] = out["human_in_mouse"] / out["ambient_fraction"]
        n = np.array([(calls == name).sum() for name in (*keys.ORGANISMS, keys.DOUBLET)], dtype=float)
        share = n[:2] / n[:2].sum()
        out["doublet_rate"] = min(n[2] / n.sum() / (2 * share[0] * share[1]), 1.0)
    return out


def _statement(row: dict[str, Any]) -> str:
    if row["reason"]:
        return f"not split: {row['reason']}"
    return (
        f"two species: below {row['low']:.0%} human counts mouse, from {row['high']:.0%} human, between "
        f"doublets; {row['mouse_in_human']:.1%} of the counts of human cells are mouse, "
        f"{row['human_in_mouse']:.1%} of those of mouse cells human"
    )
