"""The ambient share of ligand-receptor edges: the entry for whatever compares edges between organs.

Where :func:`niche.pp.ambient` was not run the status is ``not_assessed``, where nothing can be said
``not_testable``; the share is NaN in both cases and never 0.
"""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.ambient_share import LEAST_DIFFERENCE, Shares
from niche._slots import keys
from niche.get._ambient_result import RUN_FIRST, Against, largest_share, load

ASSESSED, NOT_ASSESSED, NOT_TESTABLE = "assessed", "not_assessed", "not_testable"
NOT_RUN = f"{RUN_FIRST} was not run"

SIDES = ("", "ligand", "receptor", "both")
"""Sides of an edge whose difference ambient molecules explain."""


def edge_shares(
    adata: ad.AnnData, edges: pd.DataFrame, *, effect: bool, against: Against = None, key: str = keys.AMBIENT
) -> pd.DataFrame:
    """Ambient share of edges in an organ, or of their difference to other organs.

    Parameters
    ----------
    adata
        Data, whether or not :func:`niche.pp.ambient` was run on it.
    edges
        Columns ``organ, source, target, ligand_complex, receptor_complex``.
    effect
        False: share of the expression in ``organ``; of the two sides the larger one, of a complex the
        largest of its subunits, since an edge is real only if all of them are. True: share of the
        difference to ``against``; mean of the two sides' shares weighted by their absolute log2 fold
        changes, a complex being its lowest subunit in ``organ``.
    against
        Organs the difference is taken to, as in :func:`niche.get.ambient`.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``ambient_share, ambient_side, status, reason``: one row per edge, in their order, with their index.
        ``ambient_side`` is the code into :data:`SIDES` of what moves by 0.5 on the log2 scale or more and
        is explained by ambient molecules, by the ``max_share`` of the run; 0 for shares of expression.
    """
    none = np.zeros(len(edges), dtype=np.int8)
    if key not in adata.uns:
        return _told(edges.index, np.full(len(edges), np.nan), none, NOT_ASSESSED, NOT_RUN)
    found = load(adata, key)
    units = {name: _subunits(adata, name) for name in pd.unique(_names(edges))}
    genes = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *units.values()]))
    genes = genes[genes >= 0]
    table = found.shares(genes, against)
    sides = []
    for column, who in (("ligand_complex", "source"), ("receptor_complex", "target")):
        row = found.row_of(edges["organ"].astype(str), edges[who].astype(str))
        sides.append(
            _side(table, genes, units, edges[column].astype(str).to_numpy(dtype=object), row, effect=effect)
        )
    missing, absent = sides[0][2] | sides[1][2], sides[0][3] | sides[1][3]
    value = np.fmax(sides[0][0], sides[1][0]) if not effect else _weighted(sides)
    value = np.where(missing | absent, np.nan, value)
    reasons = ("gene not measured", "no ambient fraction for a cell type of the edge", "nothing to explain")
    reason = np.select([missing, absent, np.isnan(value)], reasons, "")
    side = _leaked(sides, largest_share(adata, key)) if effect else none
    return _told(edges.index, value, side, np.where(np.isnan(value), NOT_TESTABLE, ASSESSED), reason)


def _names(edges: pd.DataFrame) -> np.ndarray:
    return edges[["ligand_complex", "receptor_complex"]].astype(str).to_numpy(dtype=object).ravel()


def _subunits(adata: ad.AnnData, name: str) -> np.ndarray:
    """Columns of the genes of a unit, -1 where not measured."""
    return adata.var_names.get_indexer([name] if name in adata.var_names else name.split("_"))


def _side(
    table: Shares,
    genes: np.ndarray,
    units: dict[str, np.ndarray],
    name: np.ndarray,
    row: np.ndarray,
    *,
    effect: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Share and absolute log2 fold change of one side of every edge; gene missing, cell type absent."""
    share, moved = np.full(name.size, np.nan), np.full(name.size, np.nan)
    missing = np.zeros(name.size, dtype=bool)
    for unit, edge in pd.Series(np.arange(name.size)).groupby(name).indices.items():
        columns = units[str(unit)]
        if (columns < 0).any():
            missing[edge] = True
            continue
        edge = edge[row[edge] >= 0]
        place, rows = np.searchsorted(genes, columns), row[edge][:, None]
        if effect:
            lowest = place[table.observed[rows, place].argmin(axis=1)]
            share[edge] = table.effect_share[row[edge], lowest]
            moved[edge] = np.abs(table.log2fc[row[edge], lowest])
        else:
            share[edge] = np.fmax.reduce(table.share[rows, place], axis=1)
    return share, moved, missing, row < 0


def _weighted(sides: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """Mean of the sides' shares, each weighted by how far it moves."""
    weight = np.array([np.where(np.isnan(share), 0.0, moved) for share, moved, _, _ in sides])
    share = np.array([np.nan_to_num(share) for share, *_ in sides])
    total = weight.sum(axis=0)
    return np.where(total > 0, (weight * share).sum(axis=0) / np.where(total > 0, total, 1.0), np.nan)


def _leaked(sides: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]], most: float) -> np.ndarray:
    """Codes into :data:`SIDES` of the sides that move and are explained by ambient molecules."""
    with np.errstate(invalid="ignore"):
        ligand, receptor = ((share >= most) & (moved >= LEAST_DIFFERENCE) for share, moved, _, _ in sides)
    return ligand.astype(np.int8) + 2 * receptor.astype(np.int8)


def _told(
    index: pd.Index, share: np.ndarray, side: np.ndarray, status: object, reason: object
) -> pd.DataFrame:
    columns = {"ambient_share": share, "ambient_side": side, "status": status, "reason": reason}
    return pd.DataFrame(columns, index=index).astype({"status": object, "reason": object})
