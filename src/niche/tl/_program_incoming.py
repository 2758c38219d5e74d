"""Signals that come in to the tumor of an organ, as candidates for what induces a program there."""

from __future__ import annotations

import anndata as ad
import numpy as np

from niche._slots import keys, read
from niche._stats.contrasts import Groups
from niche.get.compare_communication import compare_communication

_SHOWN = 3
_LEAST_SHARE = 0.5


def incoming_signals(adata: ad.AnnData, groups: Groups, compartment: str) -> dict[int, str]:
    """Group to a text with its enriched edges onto cells of ``compartment``: of each ligand the surest.

    A ligand with an ambient-suspect edge in the organ is left out: what leaks rises in all cell types. Empty
    where :func:`niche.tl.compare_communication` was not run.
    """
    if keys.COMPARE_COMMUNICATION not in read.ours(adata):
        return {}
    calls = ("enriched", "specific", keys.AMBIENT_SUSPECT)
    table = compare_communication(adata, call=calls, estimated=True)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest").to_numpy()]
    suspect = table["call"] == keys.AMBIENT_SUSPECT
    named = table.loc[suspect, ["organ", "ligand_complex"]].astype(str)
    leaking = set(named.itertuples(index=False, name=None))
    ligand = zip(table["organ"].astype(str), table["ligand_complex"].astype(str), strict=True)
    table = table[np.array([one not in leaking for one in ligand], dtype=bool)]
    mine = _types_of(adata, compartment)
    table = table[table["target"].astype(str).isin(mine)].sort_values("qval", kind="stable")
    out = {}
    for g, name in enumerate(groups.name):
        part = table[table["organ"].astype(str) == name].drop_duplicates("ligand_complex").head(_SHOWN)
        if len(part):
            edges = [
                f"{row.source} {row.ligand_complex}-{row.receptor_complex}" for row in part.itertuples()
            ]
            out[g] = "incoming: " + ", ".join(edges)
    return out


def _types_of(adata: ad.AnnData, compartment: str) -> set[str]:
    """Cell types most of whose cells are of the compartment, as comparisons name them."""
    run = adata.uns[keys.COMPARE_COMMUNICATION]["params"]["key"]
    params = adata.uns[str(run)]["params"]
    labels = adata.obs[str(params["groupby"])].astype(str)
    inside = (adata.obs[str(params["compartment_key"])].astype(str) == compartment).groupby(labels).mean()
    names = inside.index[np.asarray(inside) > _LEAST_SHARE]
    return set(names) | {f"{name} ({compartment})" for name in inside.index}
