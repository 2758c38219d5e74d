"""Edges of an organ beside those that another tool found in the same cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes as codes
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._organ_edges import OrganEdges, organ_edges
from niche.get._tool_tables import NAMES, ToolTable, tool_table

BOTH, NICHE_ONLY, TABLE_ONLY = "both", "niche only", "table only"
NOT_ASSESSED = "not_assessed"
_CELLS, _PARTNERS = NAMES[:2], ["ligand_key", "receptor_key"]
_KEY = [*_CELLS, *_PARTNERS]
COLUMNS = (
    *NAMES, "found", "score", "score_table", "pval", "qval", "pval_table", "status", "reason",
)  # fmt: skip


def agreement(
    adata: ad.AnnData,
    table: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    organ: str,
    key: str = keys.COMMUNICATION,
) -> pd.DataFrame:
    """Compare the edges of an organ with those of LIANA, CellPhoneDB or CellChat, edge by edge.

    Parameters
    ----------
    adata
        Data on which :func:`niche.tl.communication` was run.
    table
        What the other tool returned for the cells of the organ: the table of LIANA; that of CellChat's
        ``subsetCommunication``; or the dict of CellPhoneDB's tables ``means``, ``pvalues`` and
        ``deconvoluted``. Which tool it was is told by the columns. Names of cell types must be those of the
        run.
    organ
        The organ that the table belongs to; the other tools know none.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per edge that niche tested or the table holds: ``source, target, ligand_complex,
        receptor_complex`` (niche's spelling where it knows the pair), ``found`` (``both``, ``niche only``,
        ``table only``), ``score`` and ``score_table`` (the same quantity by both: ``attrs`` names them),
        ``pval, qval`` of niche, ``pval_table``, and ``status, reason`` of niche: why it did not test what the
        table holds. ``status`` is ``not_assessed`` where niche did not look: the pair is not in its resource,
        or the cell types were not paired. What the other tool left out, and why, its table does not say.
        ``attrs``: ``tool, organ, resource, score, score_table, n_both, n_niche_only, n_table_only,
        n_merged`` (rows of the table that are the same edge in other words), ``spearman`` (rank correlation
        of the scores over what both have; NaN with fewer than three edges).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        The organ is not in the result, the run lacks the score that the table has, the table is of none of
        the tools, lists edges more than once, or names cell types that the result does not know.
    InputTypeError
        ``table`` is neither a table nor a dict of tables, or ``organ`` is not one name.

    Notes
    -----
    Edges are the same when cell types and the sets of subunits are; order and spelling of a complex do not
    matter (``TGFbR1_R2`` of CellChat is read from ``interaction_name_2``, complexes of CellPhoneDB from
    ``deconvoluted``). Rows of CellPhoneDB that name no receptor, or two, are met in either direction. A mean
    of 0 counts as not found by CellPhoneDB; p = 1 is how it writes what is not expressed, but also what is in
    every permutation, so such rows are listed only where niche tested the edge. Compared are magnitudes:
    ``prob`` of CellChat with ``lr_probs``, ``means`` of CellPhoneDB with ``lr_means``, and of LIANA the first
    score that niche has too. P-values answer different questions (labels are shuffled over all cells there,
    within samples here), so they stand side by side and are not correlated.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> theirs = niche.get.to_liana(adata, organ="bone").head(100)  # stands for the table that you saved
    >>> table = niche.get.agreement(adata, theirs, organ="bone")
    >>> table.attrs["n_both"], table.attrs["n_table_only"]
    (100, 0)
    """
    theirs = tool_table(table)
    edges = organ_edges(adata, organ, key)
    edges.has(theirs.ours)
    _check_cell_types(theirs, edges)
    ours = _ours(edges, theirs.ours)
    met = _met(theirs, ours)
    found = ours.merge(met, on=_KEY, how="outer", suffixes=("", "_table"), indicator=True)
    in_table = (found["_merge"] != "left_only").to_numpy()
    tested = (found["status"] == codes.TESTED).to_numpy()
    known = (found["_merge"] != "right_only").to_numpy()
    in_table &= tested | ~found["undecided"].eq(True).to_numpy()
    for name in NAMES[2:]:
        found[name] = found[name].where(known, found[f"{name}_table"])
    found["status"] = found["status"].where(known, NOT_ASSESSED)
    found["reason"] = found["reason"].where(known, _not_looked_at(found, edges, ours))
    found["found"] = np.select([tested & in_table, tested], [BOTH, NICHE_ONLY], TABLE_ONLY)
    found["found"] = pd.Categorical(found["found"], [BOTH, NICHE_ONLY, TABLE_ONLY])
    found = found[tested | in_table].sort_values(["found", *NAMES], kind="stable")
    result = found[list(COLUMNS)].reset_index(drop=True)
    result.attrs = _about(result, theirs, edges, len(theirs.edges) - len(met))
    return result


def _check_cell_types(theirs: ToolTable, edges: OrganEdges) -> None:
    """Refuse a table none of whose cell types the result knows."""
    ours = read.strings(edges.stored["cell_types"]["name"])
    named = sorted({*theirs.edges["source"], *theirs.edges["target"]})
    if named and not set(named) & set(ours):
        raise InputValueError(
            f"none of the cell types of the table is in the result: {validate.shown(named)}. The result has "
            f"{validate.shown(ours)}. Rename them in the table."
        )


def _subunits(names: pd.Series) -> pd.Series:
    """Complexes with their subunits in one order."""
    spelt = {name: "_".join(sorted(set(name.split("_")))) for name in names.unique()}
    return names.map(spelt)


def _ours(edges: OrganEdges, score: str) -> pd.DataFrame:
    """Every edge of the organ, tested or not, with its key."""
    table = edges.table
    p = {name: table.get(name, np.nan) for name in ("pval", "qval")}
    ours = table[NAMES].assign(score=table[score], **p)
    ours["status"], ours["reason"] = table["status"].astype(object), table["reason"]
    ours["ligand_key"], ours["receptor_key"] = (_subunits(ours[name]) for name in NAMES[2:])
    return ours.drop_duplicates(_KEY)


def _met(theirs: ToolTable, ours: pd.DataFrame) -> pd.DataFrame:
    """Edges of the table with their key, each once, the strongest first; turned where we list the reverse."""
    ligand, receptor = (_subunits(theirs.edges[name]) for name in NAMES[2:])
    met = theirs.edges.assign(ligand_key=ligand, receptor_key=receptor)
    here = pd.MultiIndex.from_frame(ours[_KEY])
    reverse = ["target", "source", "receptor_key", "ligand_key"]
    turned = met["undirected"].to_numpy() & ~pd.MultiIndex.from_frame(met[_KEY]).isin(here)
    turned &= pd.MultiIndex.from_frame(met[reverse]).isin(here)
    there, back = [*NAMES, *_PARTNERS], ["target", "source", *reversed(NAMES[2:]), *reversed(_PARTNERS)]
    met.loc[turned, there] = met.loc[turned, back].to_numpy()
    best_is_low = theirs.score.endswith("_rank")
    met = met.sort_values("score", ascending=best_is_low, kind="stable").drop_duplicates(_KEY)
    return met.drop(columns="undirected")


def _not_looked_at(found: pd.DataFrame, edges: OrganEdges, ours: pd.DataFrame) -> np.ndarray:
    """Why niche has no such edge at all."""
    types = set(read.strings(edges.stored["cell_types"]["name"]))
    unknown = ~(found["source"].isin(types) & found["target"].isin(types)).to_numpy()
    pairs = pd.MultiIndex.from_frame(ours[_PARTNERS].drop_duplicates())
    listed = pd.MultiIndex.from_frame(found[_PARTNERS]).isin(pairs)
    return np.select(
        [unknown, ~listed],
        ["cell type not in the result", "pair not in the resource of the run"],
        "cell types not paired in the run (senders=, receivers=)",
    ).astype(object)


def _about(result: pd.DataFrame, theirs: ToolTable, edges: OrganEdges, n_merged: int) -> dict[str, Any]:
    """What goes into ``attrs``."""
    count = result["found"].value_counts()
    both = result.loc[result["found"] == BOTH, ["score", "score_table"]].dropna()
    names = {"n_both": BOTH, "n_niche_only": NICHE_ONLY, "n_table_only": TABLE_ONLY}
    about = {name: edges.counts[name] for name in ("organ", "resource")}
    return {
        "tool": theirs.tool, **about, "score": theirs.ours, "score_table": theirs.score,
        **{name: int(count[of]) for name, of in names.items()}, "n_merged": n_merged,
        "spearman": float(both.rank().corr().iloc[0, 1]) if len(both) > 2 else float("nan"),
    }  # fmt: skip
