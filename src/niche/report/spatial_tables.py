"""What the report says of sections of tissue, as tables: read here, laid out elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche import get
from niche._slots import communication_codes, keys
from niche._slots import spatial_codes as codes
from niche.get.touching import flagged
from niche.report import comparison, formats
from niche.report.findings import MAX_QVAL, Findings

WAYS = {codes.SECTION: "whole section", "tumor_to_host": "tumor to host", "host_to_tumor": "host to tumor"}
"""Statistic -> how the report calls it."""

CALLED = ("consistent", "enriched", "specific", "depleted")
_SHOWN = ("mean", "rest", "primary", "normal")
_SECTION = ["organ", "sample"]


def sections(found: Findings) -> pd.DataFrame:
    """One row per section: patient, organ, spots, border, pairs tested and significant."""
    frame = get.spatial_communication(found.adata, level="sections")
    for name, across in (("n_significant", False), ("n_significant_interface", True)):
        rows = tested(found, across=across)
        n = rows.loc[rows["qval"] <= MAX_QVAL, "sample"].astype(str).value_counts()
        frame[name] = frame["sample"].astype(str).map(n).fillna(0).astype(np.int64)
    return frame.sort_values(_SECTION, kind="stable").reset_index(drop=True)


def tested(found: Findings, *, across: bool) -> pd.DataFrame:
    """Pairs tested over every section, or across its border; the smallest p first within a section."""
    rows = get.spatial_communication(
        found.adata, level="interface" if across else "section", status=communication_codes.TESTED
    )
    rows = rows.assign(pair=formats.arrows(rows))
    if across:
        rows["z"] = rows[["z_receptor", "z_ligand"]].min(axis=1)
        rows["way"] = rows["direction"].astype(str).map(WAYS)
    return rows.sort_values([*_SECTION, "pval", "pair"], kind="stable").reset_index(drop=True)


def first(rows: pd.DataFrame, top: int) -> pd.DataFrame:
    """The first rows of every section."""
    return rows.groupby("sample", sort=False, observed=True).head(top)


def untested(found: Findings) -> pd.DataFrame:
    """Tests that were not made, by reason: ``where, status, reason, n, n_sections, n_pairs``."""
    stored = found.spatial.value
    across = np.asarray(stored["interface_reasons"])
    cubes = {codes.SECTION: np.asarray(stored["reasons"])}
    cubes |= {way: across[:, i] for i, way in enumerate(codes.DIRECTIONS)}
    rows = []
    for statistic, reasons in cubes.items():
        for code in np.unique(reasons[reasons > 0]):
            mine = reasons == code
            status = communication_codes.STATUSES[codes.STATUS_OF_REASON[code]]
            counted = (int(mine.sum()), int(mine.any(axis=1).sum()), int(mine.any(axis=0).sum()))
            rows.append((WAYS[statistic], status, codes.REASONS[code], *counted))
    return pd.DataFrame(rows, columns=["where", "status", "reason", "n", "n_sections", "n_pairs"])


def statistic_of(found: Findings, key: str) -> str:
    """Which statistic of sections a comparison is of."""
    return str(found.adata.uns[key]["params"]["statistic"])


def compared(found: Findings) -> list[str]:
    """Where comparisons over patients are stored that can be read."""
    return [key for key, table in found.compare_spatial.items() if table.there]


def outcomes(found: Findings, key: str) -> pd.DataFrame:
    """What became of the pairs in every contrast: tests, calls, patients."""
    frame, rows = found.compare_spatial[key].value, []
    for contrast in comparison.contrasts_of(found.adata.uns[key]).to_dict("records"):
        mine = frame[frame["contrast"] == contrast["contrast"]]
        known = mine["pval"].notna()
        calls = mine["call"].astype(str).value_counts()
        rows.append(
            contrast
            | {"n_tested": int(known.sum()), "n_patients": int(mine["n_patients"].max())}
            | {f"n_{call}": int(calls.get(call, 0)) for call in (*CALLED, "differs", "undetermined")}
            | {"n_not_testable": int(calls.get("not_testable", 0))}
        )  # fmt: skip
    return pd.DataFrame(rows)


def called(found: Findings, key: str) -> pd.DataFrame:
    """Pairs that were called in a contrast of one organ, with the contrast in words; by q."""
    frame = found.compare_spatial[key].value
    contrasts = comparison.contrasts_of(found.adata.uns[key]).set_index("contrast")
    kind = frame["contrast"].astype(str).map(contrasts["kind"])
    rows = frame[kind.isin(_SHOWN) & frame["call"].astype(str).isin(CALLED)]
    told = rows["contrast"].astype(str).map(contrasts["told"])
    rows = rows.assign(pair=formats.arrows(rows), told=told, interval=formats.intervals(rows))
    return rows.sort_values(["contrast", "qval", "pair"], kind="stable").reset_index(drop=True)


def why_not_called(found: Findings, key: str) -> pd.DataFrame:
    """Pairs and contrasts without a call, counted: ``told, reason, n``."""
    frame = found.compare_spatial[key].value
    told = comparison.contrasts_of(found.adata.uns[key]).set_index("contrast")["told"]
    rows = frame[frame["call"].astype(str) == "not_testable"]
    rows = rows.assign(told=rows["contrast"].astype(str).map(told), reason=rows["reason"].astype(str))
    return rows.groupby(["told", "reason"], sort=True).size().rename("n").reset_index()


def edges_by_contact(found: Findings) -> pd.DataFrame:
    """Tested edges of dissociated cells by organ, and whether their cell types touch."""
    edges = flagged(found.tested, found.touching.value)
    counts = pd.crosstab(edges["organ"].astype(str), edges["touching"].astype(str))
    counts = counts.reindex(columns=["touching", "never touching", "not_assessed"], fill_value=0)
    return counts.rename_axis(columns=None).reset_index()


def tables(found: Findings) -> dict[str, pd.DataFrame]:
    """Everything above for files beside the report."""
    made: dict[str, pd.DataFrame] = {}
    if found.spatial.there:
        made["spatial_sections"] = sections(found)
        for name, across in (("spatial_tested", False), ("spatial_border_tested", True)):
            made[name] = tested(found, across=across).drop(columns=["pair", "way"], errors="ignore")
        made["spatial_untested"] = untested(found)
    made |= {key: found.compare_spatial[key].value for key in compared(found)}
    if found.touching.there:
        made[keys.TOUCHING] = found.touching.value
    return made
