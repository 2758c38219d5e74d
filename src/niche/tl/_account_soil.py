"""The soil account: edges between tumor and host, cell types of one organ alone, composition of the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import anndata as ad
import pandas as pd

from niche._slots import keys, read
from niche.errors import InputValueError
from niche.get.composition import composition
from niche.get.organ_exclusive import organ_exclusive
from niche.tl import _account

_ARROW = "->"
_FIRST = 3
_SURE = 0.05


def edge_rows(
    edges: pd.DataFrame, sides: Mapping[str, str], organs: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Called edges of every organ, and where none is called why.

    ``edges`` are those of :func:`niche.get.compare_communication`; ``sides`` cell type to ``tumor`` or
    ``host``; ``organs`` organ to its contrast.
    """
    for organ, contrast in organs.items():
        mine = edges[edges["contrast"] == contrast]
        called = mine[mine["call"].isin(_account.CALLED)].sort_values("qval", kind="stable")
        for row in called.to_dict("records"):
            yield _edge(row, organ, contrast, sides)
        if not len(called):
            can = mine["call"] != _account.NOT_TESTABLE
            status = _account.NONE_CALLED if can.any() else _account.NOT_TESTABLE
            reason = (
                f"{int(can.sum()):,} edges could be called and none is"
                if can.any()
                else _account.most_frequent(mine["reason"])
            )
            yield _account.nothing(organ, _account.SOIL, "edge", status, reason) | {"contrast": contrast}


def _edge(row: Mapping[str, Any], organ: str, contrast: str, sides: Mapping[str, str]) -> dict[str, Any]:
    source, target = str(row["source"]), str(row["target"])
    pair = f"{row['ligand_complex']} - {row['receptor_complex']}"
    return {
        "organ": organ, "account": _account.SOIL, "kind": "edge", "contrast": contrast,
        "item": f"{pair} ({source} {_ARROW} {target})",
        "direction": f"{sides[source]}{_ARROW}{sides[target]}" if {source, target} <= set(sides) else "",
        "effect": row["log2fc"], "min_detectable": row["min_detectable_log2fc"], "status": str(row["call"]),
        "reason": str(row["reason"]), "ambient_share": row["ambient_share"],
    } | {
        name: row[name]
        for name in (
            "ci_low", "ci_high", "pval", "qval", "n_patients", "source", "target", "ligand_complex",
            "receptor_complex", "driver", "driver_compartment",
        )
    }  # fmt: skip


def sides_of(stored: Mapping[str, Any]) -> dict[str, str]:
    """Cell types of a run to the side they are on: ``tumor`` or ``host``."""
    types = stored["cell_types"]
    return {
        name: "tumor" if compartment == "tumor" else "host"
        for name, compartment in zip(
            read.strings(types["name"]), read.strings(types["compartment"]), strict=True
        )
        if compartment == "tumor" or compartment in keys.HOST
    }


def exclusive_rows(adata: ad.AnnData, key: str, organs: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Cell types that one organ alone has: their edges within samples, described and not compared."""
    try:
        table = organ_exclusive(adata, status="tested", key=key)
        why = "every cell type of the organ occurs in another organ too, or none of its edges could be tested"
    except InputValueError as error:
        table, why = pd.DataFrame({"organ": []}), str(error)
    for organ in organs:
        mine = table[table["organ"].astype(str) == organ]
        types = pd.unique(
            pd.concat([mine.loc[mine["exclusive"].astype(str).str.contains(side), side].astype(str)
                       for side in ("source", "target")])
        ) if len(mine) else []  # fmt: skip
        for name in sorted(types):
            own = mine[(mine["source"].astype(str) == name) | (mine["target"].astype(str) == name)]
            yield {
                "organ": organ, "account": _account.SOIL, "kind": "exclusive_cell_type", "item": name,
                "status": _account.DESCRIBED, "n_patients": own["n_patients"].max(),
                "reason": f"{organ} alone has these cells: {_within(own)}",
            }  # fmt: skip
        if not len(types):
            yield _account.nothing(organ, _account.SOIL, "exclusive_cell_type", "none", why)


def _within(edges: pd.DataFrame) -> str:
    """What is known of edges within samples; without p-values they were not tested."""
    if edges["qval"].isna().all():
        return f"{len(edges):,} edges expressed, specificity within samples not assessed (null=None)"
    sure = edges[edges["qval"] <= _SURE].sort_values("qval", kind="stable")
    first = ", ".join(
        f"{row.ligand_complex} - {row.receptor_complex}" for row in sure.head(_FIRST).itertuples()
    )
    told = f"{len(edges):,} edges tested within samples, {len(sure):,} specific (q <= {_SURE:g})"
    return f"{told}, first {first}" if first else told


def composition_rows(adata: ad.AnnData, key: str) -> Iterator[dict[str, Any]]:
    """The share of every host cell type in every organ."""
    stored = adata.uns[key]
    table = composition(adata, key=key)
    table = table[table["compartment"].astype(str) != "tumor"]
    for organ, contrast in _account.main_contrasts(stored).items():
        for row in table[table["contrast"] == contrast].to_dict("records"):
            status = str(row["call"]) if str(row["status"]) == "tested" else str(row["status"])
            called = status in _account.CALLED
            yield {
                "organ": organ, "account": _account.SOIL, "kind": "cell_type", "contrast": contrast,
                "item": str(row["cell_type"]), "status": status, "reason": str(row["reason"]),
                "direction": _account.higher_or_lower(row["effect"]) if called else "",
                "min_detectable": row["min_detectable_effect"],
            } | {name: row[name] for name in _account.TEST}  # fmt: skip
