"""Tables of edges that LIANA, CellPhoneDB and CellChat wrote, in one form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import validate
from niche.errors import InputTypeError, InputValueError
from niche.resources._tool_names import cellchat_partners

NAMES = ["source", "target", "ligand_complex", "receptor_complex"]
_NOT_VALUES = {
    "id_cp_interaction", "interacting_pair", "partner_a", "partner_b", "gene_a", "gene_b", "secreted",
    "receptor_a", "receptor_b", "annotation_strategy", "is_integrin", "directionality", "classification",
    "modality", "rank",
}  # fmt: skip
"""Columns of CellPhoneDB that are no pair of cell types."""
_OF_LIANA = (
    "lr_means", "expr_prod", "lr_gmeans", "lr_probs", "scaled_weight", "spec_weight", "lrscore", "lr_logfc",
    "magnitude_rank", "specificity_rank",
)  # fmt: skip
_P_OF_LIANA = ("cellphone_pvals", "pval", "pvals")
_SEPARATOR = "|"
_WANTED = (
    "LIANA (source, target, ligand_complex, receptor_complex), CellChat's subsetCommunication (source, "
    "target, ligand, receptor, prob), or the dict of tables of CellPhoneDB (means, pvalues, deconvoluted)"
)


@dataclass(frozen=True)
class ToolTable:
    """Edges of another tool.

    Attributes
    ----------
    tool
        ``LIANA``, ``CellPhoneDB`` or ``CellChat``.
    edges
        ``source, target, ligand_complex, receptor_complex, score, pval`` (NaN where there is none),
        ``undirected``: either partner may be the ligand, and ``undecided``: the table does not say whether
        the edge was expressed.
    score, ours
        What their score is called, and that of ours which is the same quantity.
    """

    tool: str
    edges: pd.DataFrame
    score: str
    ours: str


def tool_table(table: Any) -> ToolTable:
    """Read a table of another tool; which one is told by its columns."""
    if isinstance(table, Mapping):
        return _of_cellphonedb(table)
    if not isinstance(table, pd.DataFrame):
        raise InputTypeError(f"table must be that of {_WANTED}. Got {type(table).__name__}.")
    columns = set(table.columns)
    if {*NAMES} <= columns:
        return _of_liana(table)
    if {"source", "target", "ligand", "receptor", "prob"} <= columns:
        return _of_cellchat(table)
    if "interacting_pair" in columns:
        raise InputValueError(
            "this is one table of CellPhoneDB, which does not say what its complexes are made of. Give the "
            "dict of all: {'means': ..., 'pvalues': ..., 'deconvoluted': ...}."
        )
    raise InputValueError(
        f"the table is none of {_WANTED}. Columns found: {validate.shown(list(map(str, table.columns)))}."
    )


def _of_liana(table: pd.DataFrame) -> ToolTable:
    scores = [name for name in _OF_LIANA if name in table]
    if not scores:
        raise InputValueError(
            f"the table of LIANA has none of the scores that niche has too: {validate.shown(_OF_LIANA)}."
        )
    p = next((name for name in _P_OF_LIANA if name in table), None)
    edges = _edges(table, dict(zip(NAMES, NAMES, strict=True)), scores[0], p)
    return ToolTable("LIANA", edges, scores[0], scores[0])


def _of_cellchat(table: pd.DataFrame) -> ToolTable:
    ligand, receptor = cellchat_partners(table)
    table = table.assign(ligand=ligand, receptor=receptor)
    given = dict(zip(NAMES, ("source", "target", "ligand", "receptor"), strict=True))
    edges = _edges(table, given, "prob", "pval" if "pval" in table else None)
    return ToolTable("CellChat", edges, "prob", "lr_probs")


def _edges(table: pd.DataFrame, given: dict[str, str], score: str, p: str | None) -> pd.DataFrame:
    """The columns of a long table under one name each; refuses edges that are listed twice."""
    edges = pd.DataFrame({name: table[column].astype(str).to_numpy() for name, column in given.items()})
    twice = edges.duplicated().to_numpy()
    if twice.any():
        first = ", ".join(edges.iloc[int(np.flatnonzero(twice)[0])])
        raise InputValueError(
            f"the table lists {int(twice.sum())} edges more than once, such as {first}. Give the rows of one "
            "run: of one sample, organ or condition."
        )
    edges["score"] = table[score].to_numpy(dtype=np.float64)
    edges["pval"] = np.nan if p is None else table[p].to_numpy(dtype=np.float64)
    return edges.assign(undirected=False, undecided=False)


def _of_cellphonedb(tables: Mapping[str, Any]) -> ToolTable:
    if not isinstance(tables.get("means"), pd.DataFrame):
        raise InputValueError(
            "a dict must hold the table 'means' of CellPhoneDB. Found: "
            f"{validate.shown(list(map(str, tables)))}."
        )
    means = tables["means"].drop_duplicates("id_cp_interaction").set_index("id_cp_interaction")
    cells = [name for name in means if name not in _NOT_VALUES]
    wrong = [name for name in cells if str(name).count(_SEPARATOR) != 1]
    if wrong or not cells:
        raise InputValueError(
            f"columns of 'means' are named sender{_SEPARATOR}receiver. Got "
            f"{validate.shown(wrong or list(means))}."
        )
    ligand, receptor = (_partners(means, tables.get("deconvoluted"), side) for side in "ab")
    is_receptor = [means[f"receptor_{side}"].astype(str).str.lower() == "true" for side in "ab"]
    swapped = (is_receptor[0] & ~is_receptor[1]).to_numpy()
    values = means[cells].to_numpy(dtype=np.float64)
    p = np.full(values.shape, np.nan)
    if "pvalues" in tables:
        given = tables["pvalues"].drop_duplicates("id_cp_interaction").set_index("id_cp_interaction")
        p = given.reindex(index=means.index, columns=cells).to_numpy(dtype=np.float64)
    row, column = np.nonzero(values > 0)
    first, second = np.array([str(name).split(_SEPARATOR) for name in cells], dtype=object).T
    turned = swapped[row]
    edges = pd.DataFrame(
        {
            "source": np.where(turned, second[column], first[column]),
            "target": np.where(turned, first[column], second[column]),
            "ligand_complex": np.where(turned, receptor[row], ligand[row]),
            "receptor_complex": np.where(turned, ligand[row], receptor[row]),
            "score": values[row, column],
            "pval": p[row, column],
            "undirected": (is_receptor[0] == is_receptor[1]).to_numpy()[row],
            "undecided": p[row, column] >= 1,
        }
    )
    return ToolTable("CellPhoneDB", edges, "means", "lr_means")


def _partners(means: pd.DataFrame, parts: pd.DataFrame | None, side: str) -> np.ndarray:
    """Partners of a side (n_rows,) as subunits joined by ``_``."""
    gene = means[f"gene_{side}"].astype(object).to_numpy()
    partner = means[f"partner_{side}"].astype(str)
    is_complex = partner.str.startswith("complex:").to_numpy()
    if is_complex.any() and parts is None:
        raise InputValueError(
            "the dict lacks the table 'deconvoluted' of CellPhoneDB, which says what its complexes are made "
            "of."
        )
    names = partner.str.removeprefix("complex:").to_numpy(dtype=object)
    subunits: Mapping[Any, str] = {}
    if parts is not None:
        known = parts[parts["complex_name"].notna()]
        genes = known.groupby("complex_name")["gene_name"]
        subunits = genes.agg(lambda one: "_".join(sorted(set(one)))).to_dict()
    return np.where(is_complex, [subunits.get(name, name) for name in names], gene)
