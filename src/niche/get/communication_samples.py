"""Ligand-receptor edges of every sample, as a small AnnData."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate, write
from niche._version import __version__
from niche.errors import InputValueError
from niche.get.communication import RUN_FIRST, Names, group_means, group_of, kept_cell_pairs, units_of

SLOT = "communication_samples"
NAMES = ("source", "target", "ligand_complex", "receptor_complex", "pathway")


def communication_samples(
    adata: ad.AnnData,
    *,
    key: str = keys.COMMUNICATION,
    complete: bool = False,
    edges: Literal["measured", "tested"] = "measured",
    organ: Names = None,
    source: Names = None,
    target: Names = None,
) -> ad.AnnData:
    r"""Return the edges in every sample as an AnnData of samples x edges.

    One row per biopsy, so that patients can be treated as the replicates they are. Everything is computed
    from the stored sums.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    key
        The ``key_added`` of the run.
    complete
        Drop the edges that any of the samples cannot speak for; without NaN any tool of scanpy applies.
        One poor sample costs many edges: ``uns["communication_samples"]["n_missing"]`` counts for every
        sample the edges it lacks, so that it can be left out instead.
    edges
        ``"measured"``: every edge whose genes are all measured. ``"tested"``: those that were tested in
        one of the organs at least. That choice looks at expression; do not test between organs on it.
    organ, source, target
        Keep these organs, senders, receivers.

    Returns
    -------
    AnnData
        New. ``X`` (n_samples, n_edges) float64: ``lr_means``, (L + R) / 2 in log1p units, 0 where either is
        0 and NaN where the sample has fewer than ``min_cells`` cells (of the run) of either cell type.
        ``layers["ligand_means"]``, ``layers["receptor_means"]``: L and R, NaN where the cell type of that
        side lacks cells. ``obs``: ``sample, patient, organ, tissue, n_cells``; organ as in
        :func:`niche.get.communication`, where primary and normal tissue are organs of their own.
        ``var``: ``source, target, ligand_complex, receptor_complex, pathway, n_samples, n_patients``, the
        last two counting those with a value. Edges are named ``"source|target|ligand|receptor"``.
        ``uns["communication_samples"]``: ``key, edges, complete, min_cells, n_missing, n_dropped,
        niche_version``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        A name to keep does not exist, no edge is left, or the run pooled the samples
        (``convention=`` of another tool).
    InputTypeError
        ``complete`` is not True or False.

    Notes
    -----
    In sample s :math:`L_s` is the mean of the ligand over the cells of the sender, a complex being its least
    expressed subunit there; :math:`R_s` likewise. Which edges an organ holds is not looked at: a cell type
    that is absent from an organ is NaN in its samples, never 0.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> samples = niche.get.communication_samples(adata, edges="tested", complete=True)
    >>> bool(samples.to_df().isna().to_numpy().any())
    False
    >>> list(samples.obs)
    ['sample', 'patient', 'organ', 'tissue', 'n_cells']
    """
    validate.flag(complete, "complete")
    validate.choice(edges, "edges", ("measured", "tested"))
    stored = read.result(adata, key, run_first=RUN_FIRST)
    convention = str(stored["params"]["convention"])
    if convention != "niche":
        raise InputValueError(
            f"adata.uns[{key!r}] was made with convention={convention!r}, which pools the samples of an "
            f"organ. Run {RUN_FIRST} with convention='niche'."
        )
    samples = _samples(stored, organ)
    edge = _edges(stored, edges, organ, source, target)
    if not len(edge):
        raise InputValueError("no edge is left: none of the chosen ones was tested. Choose edges='measured'.")
    ligand, receptor = (
        _side(stored, samples["code"].to_numpy(), edge, side) for side in ("source", "target")
    )
    means = np.where((ligand == 0) | (receptor == 0), 0.0, (ligand + receptor) / 2)
    means[np.isnan(ligand) | np.isnan(receptor)] = np.nan
    known = ~np.isnan(means)
    n_missing = (~known).sum(axis=1)
    n_dropped = 0
    if complete:
        kept = known.all(axis=0)
        if not kept.any():
            worst = samples["sample"].to_numpy()[np.argsort(-n_missing, kind="stable")]
            raise InputValueError(
                f"complete=True leaves no edge: each of the {len(edge)} lacks a value in one of "
                f"{len(samples)} samples. Most are lacking in {validate.shown(worst[:3])}. Choose samples or "
                "cell types with organ=, source=, target=, or take complete=False and leave samples out."
            )
        n_dropped = int((~kept).sum())
        edge, known = edge[kept], known[:, kept]
        means, ligand, receptor = means[:, kept], ligand[:, kept], receptor[:, kept]
    var = _var(stored, edge)
    var["n_samples"] = known.sum(axis=0)
    patient = pd.factorize(samples["patient"])[0]
    var["n_patients"] = sum(
        known[patient == p].any(axis=0).astype(np.int64) for p in range(patient.max() + 1)
    )
    found = ad.AnnData(
        means,
        obs=samples.drop(columns="code"),
        var=var,
        layers={"ligand_means": ligand, "receptor_means": receptor},
    )
    found.uns[SLOT] = write.plain(
        {
            "key": key, "edges": edges, "complete": bool(complete),
            "min_cells": int(stored["params"]["min_cells"]), "n_missing": n_missing, "n_dropped": n_dropped,
            "niche_version": __version__,
        }
    )  # fmt: skip
    return found


def _samples(stored: Mapping[str, Any], organ: Names) -> pd.DataFrame:
    """The samples that took part, in the order of the run, with their ``code``."""
    samples, organs = stored["samples"], read.strings(stored["organs"])
    code = np.asarray(samples["organ_code"])
    wanted = [organ] if isinstance(organ, str) else organs if organ is None else list(organ)
    used = np.flatnonzero([c >= 0 and organs[c] in wanted for c in code])
    cells = np.bincount(
        np.asarray(stored["aggregate"]["sample"]), weights=stored["aggregate"]["n"], minlength=code.size
    ).astype(np.int64)
    names = np.array(read.strings(samples["name"]), dtype=object)[used]
    frame = pd.DataFrame({"sample": names}, index=pd.Index(names, dtype=object))
    frame["patient"] = np.array(read.strings(samples["patient"]), dtype=object)[used]
    frame["organ"] = np.array(organs, dtype=object)[code[used]]
    frame["tissue"] = np.array(read.strings(samples["tissue"]), dtype=object)[used]
    for name in ("sample", "patient", "organ", "tissue"):
        frame[name] = pd.Categorical(frame[name])
    return frame.assign(n_cells=cells[used], code=used)


def _edges(stored: Mapping[str, Any], edges: str, organ: Names, source: Names, target: Names) -> np.ndarray:
    """Structured (source, target, pair) of the edges, each once, in the order of the run."""
    kept = kept_cell_pairs(stored, organ, source, target)
    pairs, units = stored["cell_pairs"], units_of(stored)
    reasons = np.asarray(stored["reasons"])
    sides = (np.asarray(stored["pairs"][f"{name}_unit"]) for name in ("ligand", "receptor"))
    measured = np.logical_and.reduce([units.measured[side] for side in sides])
    wanted = kept[:, None] & measured[None, :] & ((reasons == 0) if edges == "tested" else True)
    row, column = np.nonzero(wanted)
    found = np.empty(row.size, dtype=[("source", np.int64), ("target", np.int64), ("pair", np.int64)])
    found["source"], found["target"] = np.asarray(pairs["source"])[row], np.asarray(pairs["target"])[row]
    found["pair"] = column
    return np.unique(found)


def _side(stored: Mapping[str, Any], samples: np.ndarray, edge: np.ndarray, side: str) -> np.ndarray:
    """Mean of one side (n_samples, n_edges), NaN without enough cells."""
    aggregate = stored["aggregate"]
    lowest = units_of(stored).lowest(group_means(stored)[0])
    lowest[np.asarray(aggregate["n"]) < int(stored["params"]["min_cells"])] = np.nan
    lowest = np.vstack([lowest, np.full(lowest.shape[1], np.nan)])
    unit = np.asarray(stored["pairs"]["ligand_unit" if side == "source" else "receptor_unit"])[edge["pair"]]
    return lowest[group_of(stored)[np.ix_(samples, edge[side])], unit[None, :]]


def _var(stored: Mapping[str, Any], edge: np.ndarray) -> pd.DataFrame:
    types = np.array(read.strings(stored["cell_types"]["name"]), dtype=object)
    columns = {name: types[edge[name]] for name in ("source", "target")}
    columns |= {
        name: np.array(read.strings(stored["pairs"][name]), dtype=object)[edge["pair"]] for name in NAMES[2:]
    }
    names = ["|".join(parts) for parts in zip(*(columns[name] for name in NAMES[:4]), strict=True)]
    frame = pd.DataFrame(columns, index=pd.Index(names, dtype=object))
    return frame.astype(dict.fromkeys(NAMES, "category"))
