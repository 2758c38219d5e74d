"""The study design as tables: samples, organs, cell types in organs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from niche._kernels.contingency import contingency
from niche._slots import keys
from niche._slots.validate import Samples

CALL, TEST, DESCRIBE = "test and call", "test, no call", "describe only"
"""What the number of patients allows: at least 3, 2, or fewer, on both sides of a comparison."""

_CELL_TYPE_COLUMNS: dict[str, type] = {
    "cell_type": object,
    "organ": object,
    "tissue": object,
    "n_cells": np.int64,
    "n_samples": np.int64,
    "n_samples_usable": np.int64,
    "n_patients_usable": np.int64,
}

PATIENTS_TEST = 2
PATIENTS_CALL = 3


@dataclass(frozen=True)
class Cells:
    """Per-cell codes the tables are made from.

    Attributes
    ----------
    samples
        The design.
    cell_type
        (n_obs,) labels, missing where the cell has none; None without such a column.
    compartment
        (n_obs,) compartments, or None without such a column.
    min_cells
        Cells of one type a sample needs to be used.
    """

    samples: Samples
    cell_type: np.ndarray | pd.Categorical | None
    compartment: np.ndarray | pd.Categorical | None
    min_cells: int

    @cached_property
    def groups(self) -> pd.DataFrame:
        """Number of cells of every sample, label and compartment: code, cell_type, compartment, n.

        ``cell_type`` is None for cells without a label. Columns that are not given are not there.
        """
        names: list[Sequence[object]] = [range(len(self.samples.cells.names))]
        codes = [self.samples.cells.codes]
        given = {"cell_type": self.cell_type, "compartment": self.compartment}
        known = {name: pd.Categorical(labels) for name, labels in given.items() if labels is not None}
        for labels in known.values():
            names.append([*labels.categories, None])
            codes.append(np.where(labels.codes < 0, len(labels.categories), labels.codes))
        n = contingency(codes, [len(each) for each in names])
        there = np.nonzero(n)
        columns = zip(["code", *known], names, there, strict=True)
        found = {key: np.array([*each], dtype=object)[place] for key, each, place in columns}
        return pd.DataFrame(found | {"n": n[there]}).astype({"code": np.int64})

    def of_compartment(self, *names: str) -> pd.DataFrame:
        """The groups of these compartments."""
        return self.groups[self.groups["compartment"].isin(names)]

    def _types(self) -> pd.Series:
        """Type of each group as communication sees it, None for cells that are left out.

        A type with tumor and host cells is split into ``<name> (tumor)`` and ``<name>``.
        """
        groups = self.groups
        if self.compartment is None:
            return groups["cell_type"] if self.cell_type is not None else _named(groups, "all cells")
        if self.cell_type is None:
            return groups["compartment"].where(groups["compartment"] != "unresolved", None)
        tumor, host = groups["compartment"] == "tumor", groups["compartment"].isin(keys.HOST)
        named = groups["cell_type"]
        split = named.isin(self.mixed()) & tumor
        return named.where(~split, named.astype(str) + " (tumor)").where(tumor | host, None)

    def mixed(self) -> list[str]:
        """Cell types that hold tumor and host cells."""
        tumor, host = (
            set(self.of_compartment(*names)["cell_type"].dropna()) for names in (["tumor"], keys.HOST)
        )
        return sorted(tumor & host, key=str)

    def sizes(self) -> pd.DataFrame:
        """Number of cells of every sample and type: code, cell_type, is_tumor, n."""
        groups = self.groups
        tumor = groups["compartment"] == "tumor" if self.compartment is not None else _named(groups, False)
        frame = groups[["code", "n"]].assign(cell_type=self._types(), is_tumor=tumor.astype(bool))
        found = frame.groupby(["code", "cell_type", "is_tumor"], sort=True)["n"].sum()
        return found.reset_index()


def _named(groups: pd.DataFrame, value: object) -> pd.Series:
    return pd.Series([value] * len(groups), index=groups.index, dtype=object)


def sample_table(cells: Cells, totals: np.ndarray | None) -> pd.DataFrame:
    """One row per sample; ``median_counts`` is NaN without counts.

    A sample is usable where some type has ``min_cells`` cells; with compartments, where a tumor and a
    host type both have (normal tissue: a host type), which is what tumor-host edges need.
    """
    samples = cells.samples
    codes, n = samples.cells.codes, len(samples.cells.names)
    sizes = cells.sizes()
    enough = sizes[sizes["n"] >= cells.min_cells].groupby("code")["is_tumor"]
    n_usable, n_tumor = (found.reindex(range(n), fill_value=0) for found in (enough.size(), enough.sum()))
    usable = (n_usable > 0).to_numpy()
    if cells.compartment is not None and len(cells.of_compartment("tumor")):
        both_sides = ((n_tumor > 0) & (n_usable > n_tumor)).to_numpy()
        usable = np.where(samples.tissue == "normal", usable, both_sides)
    table = pd.DataFrame(
        {
            "sample": np.array(samples.cells.names, dtype=object),
            "patient": samples.patient,
            "organ": samples.organ,
            "tissue": samples.tissue,
            "n_cells": np.bincount(codes, minlength=n),
            "n_cell_types_usable": n_usable.to_numpy(),
            "usable": usable.astype(bool),
            "median_counts": np.full(n, np.nan),
        }
    )
    if totals is not None:
        table["median_counts"] = pd.Series(totals).groupby(codes).median().reindex(range(n)).to_numpy()
    if cells.compartment is not None:
        for name in keys.COMPARTMENTS_ALL:
            mine = cells.of_compartment(name).groupby("code")["n"].sum()
            table[f"n_{name}"] = mine.reindex(range(n), fill_value=0).to_numpy(np.int64)
    return table


def organ_table(samples: pd.DataFrame) -> pd.DataFrame:
    """One row per organ and tissue: replicates, and what they allow."""
    rows = []
    for (organ, tissue), part in samples.groupby(["organ", "tissue"], sort=True):
        usable = part.loc[part["usable"], "patient"]
        others = samples[(samples["tissue"] == tissue) & (samples["organ"] != organ)]
        rows.append(
            {
                "organ": organ,
                "tissue": tissue,
                "n_samples": len(part),
                "n_patients": part["patient"].nunique(),
                "n_patients_usable": usable.nunique(),
                "n_patients_paired": len(set(part["patient"]) & set(others["patient"])),
                "n_cells": int(part["n_cells"].sum()),
            }
        )
    table = pd.DataFrame(rows)
    pooled = samples[samples["usable"]].groupby("tissue")["patient"].nunique()
    rows_of = zip(table["organ"], table["tissue"], table["n_patients_usable"], strict=True)
    found = [
        _possible(int(own), _best_partner(table, pooled, organ, tissue), tissue)
        for organ, tissue, own in rows_of
    ]
    table["possible"] = [possible for possible, _ in found]
    table["reason"] = [reason for _, reason in found]
    metastases_first = table["tissue"].map({"metastasis": 0, "primary": 1, "normal": 2})
    order = table.assign(order=metastases_first).sort_values(["order", "organ"]).index
    return table.loc[order].reset_index(drop=True)


def _best_partner(table: pd.DataFrame, pooled: pd.Series, organ: str, tissue: str) -> int:
    """Most patients on the other side of any comparison this organ and tissue can enter."""
    metastases = table[table["tissue"] == "metastasis"]
    if tissue != "metastasis":
        return int(metastases["n_patients_usable"].max()) if len(metastases) else 0
    others = metastases.loc[metastases["organ"] != organ, "n_patients_usable"]
    return int(max([*others, pooled.get("primary", 0), pooled.get("normal", 0)]))


def _possible(own: int, partner: int, tissue: str) -> tuple[str, str]:
    """What an organ allows, by its own patients and those of its best partner."""
    if own < PATIENTS_TEST:
        return DESCRIBE, f"{_patients(own)} with usable cells, {PATIENTS_TEST} are needed to test"
    if partner < PATIENTS_TEST:
        sides = "other organ, primary or normal tissue" if tissue == "metastasis" else "metastatic organ"
        return DESCRIBE, f"no {sides} with {PATIENTS_TEST} patients to compare with"
    if own < PATIENTS_CALL:
        return TEST, f"{_patients(own)} with usable cells, {PATIENTS_CALL} are needed for a call"
    if partner < PATIENTS_CALL:
        return TEST, f"no comparison has {PATIENTS_CALL} patients on its other side"
    return CALL, ""


def _patients(n: int) -> str:
    return f"{n} patient" if n == 1 else f"{n} patients"


def cell_type_table(cells: Cells, samples: pd.DataFrame) -> pd.DataFrame:
    """One row per cell type, organ and tissue: cells, samples, patients that can be used."""
    if cells.cell_type is None:
        return pd.DataFrame({name: np.array([], dtype=kind) for name, kind in _CELL_TYPE_COLUMNS.items()})
    sizes = cells.sizes()
    for name in ("patient", "organ", "tissue"):
        sizes[name] = samples[name].to_numpy()[sizes["code"].to_numpy()]
    sizes["usable_patient"] = sizes["patient"].where(sizes["n"] >= cells.min_cells)
    sizes["usable"] = sizes["n"] >= cells.min_cells
    table = sizes.groupby(["cell_type", "organ", "tissue"], sort=True).agg(
        n_cells=("n", "sum"),
        n_samples=("code", "size"),
        n_samples_usable=("usable", "sum"),
        n_patients_usable=("usable_patient", "nunique"),
    )
    return table.reset_index()[list(_CELL_TYPE_COLUMNS)]
