"""Tidy tables of ligand-receptor communication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._kernels.cell_pairs import CellPairs, cell_pairs
from niche._kernels.units import Units
from niche._slots import communication_codes as codes
from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get.touching import flagged

RUN_FIRST = "niche.tl.communication"
Names = str | Sequence[str] | None

_FIRST = (
    "organ", "source", "target", "ligand_complex", "receptor_complex", "ligand", "receptor", "pathway",
    "ligand_means", "receptor_means", "ligand_props", "receptor_props",
)  # fmt: skip
SPECIES = ("ligand_species", "receptor_species")
"""Columns of edges between cells of two species."""
_LAST = ("null", "n_samples", "n_patients", "n_samples_expressed", "status", "reason")
_RANKS_AND_P = ("magnitude_rank", "specificity_rank", "pval", "pval_ligand", "pval_receptor", "qval")


def communication(
    adata: ad.AnnData,
    *,
    organ: Names = None,
    source: Names = None,
    target: Names = None,
    qval: float | None = None,
    status: Names = None,
    level: Literal["organ", "sample"] = "organ",
    touching: pd.DataFrame | None = None,
    key: str = keys.COMMUNICATION,
) -> pd.DataFrame:
    """Return the edges of :func:`niche.tl.communication` as a long table in LIANA's names.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    organ, source, target
        Keep these organs, senders, receivers.
    qval
        Keep tested edges with a q-value up to this.
    status
        Keep ``"tested"``, ``"not_expressed"`` or ``"not_testable"`` edges; all by default, so that
        nothing is absent without a word.
    level
        ``"organ"``: one row per organ and edge. ``"sample"``: the chosen *tested* edges in every
        sample of their organ that holds both cell types, computed from the stored sums.
    touching
        Table of :func:`niche.get.touching`, of these data or of sections with the same names of organs and
        cell types: adds ``contacts`` and ``touching``. No edge is dropped.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``organ, source, target, ligand_complex, receptor_complex, ligand, receptor, pathway,
        ligand_means, receptor_means, ligand_props, receptor_props``, the scores, ``pval, pval_ligand,
        pval_receptor, qval, null, n_samples, n_patients, n_samples_expressed, status, reason``.
        ``ligand`` and ``receptor`` name the limiting subunit. Means are log1p units averaged within
        sample, patient, organ; props are fractions of cells. Scores and p-values are NaN unless the
        status is ``tested``; means and props are NaN where the status is ``not_testable``.
        In xenografts ``ligand_species`` and ``receptor_species`` follow ``target``: ``human``, ``mouse``, or
        ``mixed`` where less than 95 % of the cells of the type are of one species.
        Level ``"sample"``: ``sample, patient, organ, source, target, ligand_complex,
        receptor_complex, ligand_means, receptor_means, ligand_props, receptor_props, lr_means,
        n_source, n_target``. With ``touching=`` also ``contacts`` of sender and receiver in the sections of
        the organ (NaN where these lack one), and ``touching``: ``touching``, ``never touching`` or
        ``not_assessed``. Secreted ligands act over distances: ``never touching`` is a doubt, not a verdict.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes or values have changed since.
    InputValueError
        A name to keep does not exist.
    InputTypeError
        ``touching`` is no table.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type")
    >>> table = niche.get.communication(adata, organ="bone", qval=0.05)
    >>> bool((table["status"] == "tested").all())
    True
    """
    validate.choice(level, "level", ("organ", "sample"))
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    kept = kept_cell_pairs(stored, organ, source, target)
    if level == "sample":
        frame = _samples(stored, kept, qval)
    else:
        frame = _edges(stored, kept, qval, _statuses(status, qval))
    return frame if touching is None else flagged(frame, touching)


def _statuses(status: Names, qval: float | None) -> list[str]:
    wanted = list(codes.STATUSES) if status is None else [status] if isinstance(status, str) else list(status)
    for name in wanted:
        validate.choice(name, "status", codes.STATUSES)
    return [codes.TESTED] if qval is not None else wanted


def kept_cell_pairs(stored: Mapping[str, Any], organ: Names, source: Names, target: Names) -> np.ndarray:
    """Mask of the pairs of cell types to keep; refuses names that are not there."""
    pairs = stored["cell_pairs"]
    types = read.strings(stored["cell_types"]["name"])
    kept = np.ones(len(pairs["organ"]), dtype=bool)
    for name, wanted, labels in (
        ("organ", organ, read.strings(stored["organs"])),
        ("source", source, types),
        ("target", target, types),
    ):
        if wanted is None:
            continue
        listed = [wanted] if isinstance(wanted, str) else list(wanted)
        unknown = [item for item in listed if item not in labels]
        if unknown:
            raise InputValueError(
                f"{name}: {validate.shown(unknown)} not in the result. Available: {validate.shown(labels)}."
            )
        kept &= np.isin(pairs[name], [labels.index(item) for item in listed])
    return kept


def _edges(
    stored: Mapping[str, Any], kept: np.ndarray, qval: float | None, statuses: list[str]
) -> pd.DataFrame:
    edges, reasons = stored["edges"], np.asarray(stored["reasons"])
    wanted = np.isin(codes.STATUS_OF_REASON, [codes.STATUSES.index(name) for name in statuses])
    pair, column = np.nonzero(wanted[reasons] & kept[:, None])
    n_pairs = reasons.shape[1]
    place = np.full(pair.size, -1, dtype=np.int64)
    tested = reasons[pair, column] == 0
    stored_at = np.asarray(edges["cell_pair"], dtype=np.int64) * n_pairs + edges["pair"]
    place[tested] = np.searchsorted(stored_at, pair[tested] * n_pairs + column[tested])
    if qval is not None:
        if "qval" not in edges:
            raise InputValueError("the result has no q-values: it was run with null=None.")
        good = np.asarray(edges["qval"])[place] <= qval
        pair, column, place, tested = pair[good], column[good], place[good], tested[good]
    frame = _labels(stored, pair, column)
    _add_expression(frame, stored, pair, column, reasons[pair, column])
    middle = [*read.strings(stored["scores"]), *(name for name in _RANKS_AND_P if name in edges)]
    for name in middle:
        values = np.asarray(edges[name])
        frame[name] = np.where(tested, values[place] if len(values) else np.nan, np.nan)
    null = np.where(tested, np.asarray(edges["null"])[place] if len(edges["null"]) else 0, 0)
    frame["null"] = pd.Categorical.from_codes(null, codes.NULLS)
    for name in ("n_samples", "n_patients"):
        frame[name] = np.asarray(stored["cell_pairs"][name])[pair]
    n_expressed = np.asarray(edges["n_samples_expressed"])
    frame["n_samples_expressed"] = np.where(tested, n_expressed[place] if len(n_expressed) else 0, 0)
    code = reasons[pair, column]
    frame["status"] = pd.Categorical.from_codes(codes.STATUS_OF_REASON[code], codes.STATUSES)
    frame["reason"] = pd.Categorical.from_codes(code, codes.REASONS)
    first = [name for name in (*_FIRST[:3], *SPECIES, *_FIRST[3:]) if name in frame]
    return frame[[*first, *middle, *_LAST]]


def _labels(stored: Mapping[str, Any], pair: np.ndarray, column: np.ndarray) -> pd.DataFrame:
    pairs, types = stored["cell_pairs"], read.strings(stored["cell_types"]["name"])
    data: dict[str, Any] = {
        "organ": _category(np.asarray(pairs["organ"])[pair], read.strings(stored["organs"]))
    }
    for side in ("source", "target"):
        data[side] = _category(np.asarray(pairs[side])[pair], types)
    data |= species_of(stored, *(np.asarray(pairs[side])[pair] for side in ("source", "target")))
    for name in ("ligand_complex", "receptor_complex", "pathway"):
        values, names = pd.factorize(np.asarray(stored["pairs"][name], dtype=object), sort=True)
        data[name] = _category(values[column], [str(n) for n in names])
    return pd.DataFrame(data)


def species_of(stored: Mapping[str, Any], source: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Columns of the species of ligand and receptor, by cell type; none where one is there."""
    if "species" not in stored["cell_types"]:
        return {}
    codes, names = pd.factorize(
        np.array(read.strings(stored["cell_types"]["species"]), dtype=object), sort=True
    )
    ends = zip(SPECIES, (source, target), strict=True)
    return {name: _category(codes[end], [str(one) for one in names]) for name, end in ends}


def _category(values: np.ndarray, names: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(values, list(names))


def _add_expression(
    frame: pd.DataFrame, stored: Mapping[str, Any], pair: np.ndarray, column: np.ndarray, code: np.ndarray
) -> None:
    """Means, fractions and limiting subunits, from the stored sums."""
    known = codes.STATUS_OF_REASON[code] < 2
    geometry, units = geometry_of(stored), units_of(stored)
    genes = [*read.strings(stored["genes"]), ""]
    for side, name in (("source", "ligand"), ("target", "receptor")):
        unit = np.asarray(stored["pairs"][f"{name}_unit"])[column]
        mean, fraction, limiting = _side(stored, geometry, side, units)
        frame[f"{name}_means"] = np.where(known, mean[pair, unit], np.nan)
        frame[f"{name}_props"] = np.where(known, fraction[pair, unit], np.nan)
        frame[name] = _category(np.where(known, limiting[pair, unit], len(genes) - 1), genes)
    no_null = code == codes.NO_NULL
    frame.loc[no_null, ["ligand_means", "receptor_means", "ligand_props", "receptor_props"]] = np.nan


def units_of(stored: Mapping[str, Any]) -> Units:
    """Subunits of the ligands and receptors of a stored result."""
    return Units(np.asarray(stored["units"]["start"]), np.asarray(stored["units"]["gene"]))


def group_of(stored: Mapping[str, Any]) -> np.ndarray:
    """Group of every sample and cell type of a stored result (n_samples, n_types), -1 if empty."""
    aggregate = stored["aggregate"]
    found = np.full((len(stored["samples"]["name"]), len(stored["cell_types"]["name"])), -1, dtype=np.int64)
    found[aggregate["sample"], aggregate["cell_type"]] = np.arange(len(aggregate["n"]))
    return found


def geometry_of(stored: Mapping[str, Any]) -> CellPairs:
    """Samples and weights of the cell pairs of a stored result."""
    aggregate, samples, pairs = stored["aggregate"], stored["samples"], stored["cell_pairs"]
    return cell_pairs(
        np.asarray(pairs["organ"]), np.asarray(pairs["source"]), np.asarray(pairs["target"]),
        organ_of_sample=np.asarray(samples["organ_code"]),
        patient_of_sample=pd.factorize(np.asarray(samples["patient"], dtype=object), sort=True)[0],
        group_of=group_of(stored), n=np.asarray(aggregate["n"]), min_cells=int(stored["params"]["min_cells"]),
    )  # fmt: skip


def _side(
    stored: Mapping[str, Any], geometry: CellPairs, side: str, units: Units
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, fraction and limiting gene of every (cell pair, unit) of one side."""
    mean, fraction = group_means(stored)
    gene_mean = geometry.average(mean, side)
    limiting = np.full((gene_mean.shape[0], units.size.size), mean.shape[1], dtype=np.int64)
    for unit in np.flatnonzero(units.measured):
        genes = units.gene[units.start[unit] : units.start[unit + 1]]
        limiting[:, unit] = genes[gene_mean[:, genes].argmin(axis=1)]
    lowest_mean = geometry.average(units.lowest(mean), side)
    return lowest_mean, geometry.average(units.lowest(fraction), side), limiting


def group_means(stored: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and fraction above zero of every (sample x cell type) group and gene."""
    aggregate = stored["aggregate"]
    n = np.maximum(np.asarray(aggregate["n"]), 1)[:, None]
    return np.asarray(aggregate["sums"]) / n, np.asarray(aggregate["nonzero"]) / n


def _samples(stored: Mapping[str, Any], kept: np.ndarray, qval: float | None) -> pd.DataFrame:
    """The tested edges in each of their samples."""
    edges, geometry = stored["edges"], geometry_of(stored)
    chosen = kept[np.asarray(edges["cell_pair"])]
    if qval is not None:
        chosen &= np.asarray(edges["qval"]) <= qval
    pair, column = np.asarray(edges["cell_pair"])[chosen], np.asarray(edges["pair"])[chosen]
    count = geometry.n_samples[pair]
    edge = np.repeat(np.arange(pair.size), count)
    entry = geometry.start[pair[edge]] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
    mean, fraction = group_means(stored)
    names = stored["samples"]
    frame = _labels(stored, pair[edge], column[edge]).drop(columns="pathway")
    for place, name in enumerate(("sample", "patient")):
        label = np.asarray(names["name" if name == "sample" else name], dtype=object)[geometry.sample[entry]]
        frame.insert(place, name, pd.Categorical(label.astype(str)))
    units = units_of(stored)
    lowest_mean, lowest_fraction = units.lowest(mean), units.lowest(fraction)
    for name, group in (("ligand", geometry.source_group), ("receptor", geometry.target_group)):
        unit = np.asarray(stored["pairs"][f"{name}_unit"])[column[edge]]
        frame[f"{name}_means"] = lowest_mean[group[entry], unit]
        frame[f"{name}_props"] = lowest_fraction[group[entry], unit]
    left, right = frame["ligand_means"], frame["receptor_means"]
    frame["lr_means"] = np.where((left > 0) & (right > 0), (left + right) / 2, 0.0)
    n = np.asarray(stored["aggregate"]["n"])
    frame["n_source"], frame["n_target"] = n[geometry.source_group[entry]], n[geometry.target_group[entry]]
    return frame
