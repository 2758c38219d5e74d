"""The numbers of every patient behind an edge that was compared between organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import communication_codes, keys, read
from niche._stats.contrasts import Contrast, sides_of
from niche._stats.organ_tests import PATIENTS_TEST
from niche.get._compare_chosen import EDGE, Comparison, Edges, comparison_of, named_edges

COLUMNS = (
    *EDGE, "patient", "organ", "tissue", "ligand_log2cpm", "receptor_log2cpm", "mean_log2cpm",
    "ligand_weight", "receptor_weight", "weight", "n_source", "n_target", "n_samples", "used", "reason",
)  # fmt: skip
SIDED = ("contrast", "side", "log2fc")
"""Further columns where a contrast is given."""

_NUMBERS = COLUMNS[7:13]
_UNREACTIVE = [communication_codes.REASONS[code] for code in communication_codes.UNREACTIVE]


def compare_samples(
    adata: ad.AnnData,
    edges: Edges,
    *,
    contrast: str | Sequence[str] | None = None,
    key: str = keys.COMPARE_COMMUNICATION,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.compare_communication` tested of an edge, patient by patient.

    Computed from the stored sums by the functions of the test, so these are the very numbers that its models
    were fitted to.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    edges
        Rows of :func:`niche.get.compare_communication` (any table with ``source, target, ligand_complex,
        receptor_complex``), or a list of such tuples.
    contrast
        Say for these contrasts on which side every row stands and how far from the other side; the rows are
        repeated for each.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        One row per edge and patient in an organ, edges in the order given: ``source, target,
        ligand_complex, receptor_complex, patient, organ`` (``"<organ> (primary)"`` and ``"<organ> (normal)"``
        stand apart), ``tissue, ligand_log2cpm, receptor_log2cpm`` (of all samples of the patient there; the
        lowest subunit of a complex), ``mean_log2cpm`` (of both: what is tested), ``ligand_weight,
        receptor_weight, weight`` (precisions; their scale is arbitrary), ``n_source, n_target`` (cells that
        entered; where a cell type has too few, all there are), ``n_samples`` (biopsies), ``used`` (whether
        the row was in the model) and ``reason`` (why not). Values that are not known are NaN. With
        categorical covariates a patient has a row for each of their values. With ``contrast=`` also
        ``contrast, side`` (``plus``, ``minus``, empty for neither) and ``log2fc``, the value less the mean of
        the minus side, which is the mean of its organs, each weighted by ``weight``; covariates are not taken
        out of it.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since, or the communication result is gone.
    InputValueError
        An edge or contrast that was not in the run, or the omnibus, which has no sides.
    InputTypeError
        ``edges`` is neither a table nor a list of names.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> niche.tl.compare_communication(adata)
    >>> called = niche.get.compare_communication(adata, contrast="lung_vs_rest", call="specific")
    >>> table = niche.get.compare_samples(adata, called)
    >>> used = table[table["used"]]
    >>> bool(used["mean_log2cpm"].notna().all())
    True
    """
    names = named_edges(edges)
    comparison = comparison_of(adata, key)
    codes = comparison.cell_pair_and_pair(names)
    parts = [_rows(comparison, *code).assign(edge=i) for i, code in enumerate(codes)]
    table = pd.concat(parts, ignore_index=True) if parts else _empty()
    place = table.pop("edge").to_numpy()
    columns = list(COLUMNS)
    if contrast is not None:
        wanted = comparison.named_contrasts(contrast)
        sided = [_sided(table.assign(edge=place), comparison, one) for one in wanted]
        table = pd.concat(sided).sort_values(["edge", "order"], kind="stable", ignore_index=True)
        place = table["edge"].to_numpy()
        columns += list(SIDED)
    for column, name in enumerate(EDGE):
        table[name] = np.array([edge[column] for edge in names], dtype=object)[place]
    for name in (*EDGE, "patient", "organ", "tissue", "reason", *columns[len(COLUMNS) :][:2]):
        table[name] = pd.Categorical(table[name].astype(str))
    return table[columns]


def _rows(comparison: Comparison, source: int, target: int, pair: int) -> pd.DataFrame:
    """Every unit of one edge."""
    units, sides, pairs = comparison.units, comparison.sides, comparison.first["pairs"]
    ligand, receptor = int(pairs["ligand_unit"][pair]), int(pairs["receptor_unit"][pair])
    n, group = units.samples.group.size, units.samples.group
    held = np.zeros(n, dtype=bool)
    held[sides.units_with(source, target)] = True
    deep = np.ones(len(units.groups.name), dtype=bool)
    out: dict[str, Any] = {}
    for name, cell_type, unit in (("ligand", source, ligand), ("receptor", target, receptor)):
        out[f"{name}_log2cpm"], out[f"{name}_weight"] = np.full((2, n), np.nan)
        side = sides.of(cell_type)
        out[f"{name}_log2cpm"][side.rows] = side.values[unit]
        out[f"{name}_weight"][side.rows] = side.weights[unit]
        deep &= side.deep[unit]
    out["mean_log2cpm"] = (out["ligand_log2cpm"] + out["receptor_log2cpm"]) / 2
    out["weight"] = 4 / (1 / out["ligand_weight"] + 1 / out["receptor_weight"])
    out["n_source"], out["n_target"] = (sides.cells_per_unit(t) for t in (source, target))
    out["n_samples"] = units.n_samples
    entered = [sides.entered(t) for t in (source, target)]
    why = "" if bool(comparison.lr_units.measured[[ligand, receptor]].all()) else "gene not measured"
    untested = _why_untested(comparison, source, target, pair)
    why = untested if untested in _UNREACTIVE else why
    out["used"] = held & deep[group] & (not why) & (not untested)
    out["reason"] = _reasons(comparison, out, entered, held, deep[group], why)
    names = [units.groups.name[g] for g in group]
    out["patient"] = [units.patient_names[p] for p in units.samples.patient]
    out["organ"], out["tissue"] = names, [units.groups.tissue[g] for g in group]
    order = np.lexsort((out["patient"], names))
    return pd.DataFrame(out).iloc[order]


def _sided(table: pd.DataFrame, comparison: Comparison, contrast: Contrast) -> pd.DataFrame:
    """The rows with their side of a contrast, and their distance from the mean of the minus side."""
    groups = comparison.units.groups
    code = {name: g for g, name in enumerate(groups.name)}
    order = [one.name for one in comparison.contrasts].index(contrast.name)
    out = table.assign(contrast=contrast.name, side="", log2fc=np.nan, order=order).reset_index(drop=True)
    for rows in out.groupby("edge", sort=False).indices.values():
        part = out.iloc[rows]
        group, used = part["organ"].map(code).to_numpy(), part["used"].to_numpy()
        patients = part["patient"].to_numpy()
        n = np.array([np.unique(patients[used & (group == g)]).size for g in range(len(code))])
        plus, minus = sides_of(contrast, groups, n > 0, n >= PATIENTS_TEST)
        side = np.select([used & plus[group], used & minus[group]], ["plus", "minus"], "")
        out.loc[rows, "side"] = side
        value, weight = part["mean_log2cpm"].to_numpy(), part["weight"].to_numpy()
        means = [
            np.average(value[used & (group == g)], weights=weight[used & (group == g)])
            for g in np.flatnonzero(minus)
        ]
        if means:
            out.loc[rows, "log2fc"] = np.where(used, value - np.mean(means), np.nan)
    return out


def _why_untested(comparison: Comparison, source: int, target: int, pair: int) -> str:
    """Why the edge was not fitted at all; empty where it was."""
    ends = comparison.stored["cell_pairs"]
    (row,) = np.flatnonzero((np.asarray(ends["source"]) == source) & (np.asarray(ends["target"]) == target))
    code = int(np.asarray(comparison.stored["untested"])[row, pair])
    return read.strings(comparison.stored["reason_names"])[code]


def _reasons(
    comparison: Comparison, out: dict[str, Any], entered: list[np.ndarray], held: np.ndarray,
    deep: np.ndarray, why: str,
) -> list[str]:  # fmt: skip
    """Why each unit was not used, empty where it was; ``why`` holds for all of them."""
    found = []
    for i, used in enumerate(out["used"]):
        cells = {"source": out["n_source"][i], "target": out["n_target"][i]}
        absent = [end for end, n in cells.items() if not n]
        few = [end for end, ok in zip(cells, entered, strict=True) if not ok[i]]
        if used:
            found.append("")
        elif why:
            found.append(why)
        elif absent:
            found.append(f"no cell of the {' and '.join(absent)}")
        elif few:
            found.append(f"too few cells of the {' and '.join(few)}")
        elif not held[i]:
            found.append("no sample holds both cell types with enough cells")
        elif not deep[i]:
            found.append(f"depth in {comparison.units.groups.name[comparison.units.samples.group[i]]}")
        else:
            found.append("no other organ to compare with")
    return found


def _empty() -> pd.DataFrame:
    frame = pd.DataFrame({name: np.zeros(0, dtype=object) for name in (*COLUMNS[4:], "edge")})
    kinds = dict.fromkeys(_NUMBERS, float) | dict.fromkeys(("n_source", "n_target", "n_samples", "edge"), int)
    return frame.astype(kinds | {"used": bool})
