"""Tidy tables of ligand-receptor pairs in tissue sections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche._slots import spatial_codes as codes
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError
from niche.get._organ_results import listed

RUN_FIRST = "niche.tl.spatial_communication"
Names = str | Sequence[str] | None

STATEMENT = (
    "p-values say that the places of ligand and receptor agree within a section more than when one of them "
    "is permuted over it; two genes that follow the same anatomy do so without communicating, and one "
    "section is no evidence about patients"
)
LARGEST_Q = 0.05
"""q-value up to which a spot is a hot spot, and a section counts as one with the pair."""

_TEST = (
    "statistic", "null_sd", "z", "pval", "qval", "ligand_means", "receptor_means", "ligand_props",
    "receptor_props",
)  # fmt: skip
_BORDER = ("statistic", "null_sd", "z_receptor", "z_ligand", "pval_receptor", "pval_ligand", "pval", "qval")

_COUNTS = (
    "n_spots", "n_edges", "n_isolated", "n_crossing", "n_tumor_at_interface", "n_host_at_interface",
)  # fmt: skip


def spatial_communication(
    adata: ad.AnnData,
    *,
    level: Literal["section", "interface", "organ", "sections", "local"] = "section",
    sample: Names = None,
    organ: Names = None,
    ligand: Names = None,
    receptor: Names = None,
    status: Names = None,
    qval: float | None = None,
    key: str = keys.SPATIAL_COMMUNICATION,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.spatial_communication` found, per section, border, organ or spot.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    level
        ``"section"``: every pair in every section. ``"interface"``: the same across the border, both ways.
        ``"organ"``: pairs averaged over the patients of an organ, described and not tested
        (:func:`niche.tl.compare_spatial` tests). ``"sections"``: one row per section. ``"local"``: every spot
        and pair whose local statistics were kept.
    sample, organ
        Keep these sections, organs.
    ligand, receptor
        Keep these complexes.
    status
        Keep ``"tested"``, ``"not_expressed"`` or ``"not_testable"`` rows; all by default. At levels
        ``"section"`` and ``"interface"``.
    qval
        Keep rows with a q-value up to this. Not at levels ``"organ"`` and ``"sections"``.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``"section"``: ``sample, patient, organ, ligand_complex, receptor_complex, pathway, statistic``
        (bivariate Moran's R), ``null_sd`` (its standard deviation when permuted), ``z, pval, qval,
        ligand_means, receptor_means, ligand_props, receptor_props, n_spots, status, reason``.
        ``"interface"``: the labels, ``direction`` (``tumor_to_host``: ligand in the tumor), ``statistic``
        (correlation within compartments), ``null_sd, z_receptor, z_ligand, pval_receptor, pval_ligand``
        (either side permuted), ``pval`` (the larger), ``qval, n_tumor_at_interface,
        n_host_at_interface, status, reason``.
        ``"organ"``: ``organ, ligand_complex, receptor_complex, pathway, statistic`` and ``z`` (sections
        averaged within the patient, then patients), ``n_sections, n_patients`` (tested),
        ``n_sections_significant`` (q <= 0.05).
        ``"sections"``: ``sample, patient, organ, n_spots, n_edges, n_isolated, n_crossing,
        n_tumor_at_interface, n_host_at_interface, n_tested, n_tested_interface``.
        ``"local"``: ``spot, sample, ligand_complex, receptor_complex, statistic, pval, qval``
        (Benjamini-Hochberg over the spots of a section) and ``hotspot`` (q <= 0.05).
        ``attrs["statement"]`` says what the p-values mean.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Coordinates, labels, genes or values have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=1, organs=["liver"], side=12)
    >>> niche.pp.normalize(adata)
    >>> niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    >>> table = niche.get.spatial_communication(adata, level="interface", qval=0.05)
    >>> table["direction"].cat.categories.tolist()
    ['tumor_to_host', 'host_to_tumor']
    """
    validate.choice(level, "level", ("section", "interface", "organ", "sections", "local"))
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    if qval is not None and level in ("organ", "sections"):
        raise InputValueError(f"qval= belongs to tests. Got level={level!r}.")
    if status is not None and level not in ("section", "interface"):
        raise InputValueError(f"status= belongs to level='section' or 'interface'. Got level={level!r}.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    sections = _kept_sections(stored, sample, organ)
    pairs = _kept_pairs(stored, ligand, receptor)
    if level == "sections":
        frame = _sections(stored, sections)
    elif level == "organ":
        frame = _organs(stored, sections, pairs)
    elif level == "local":
        frame = _local(adata, stored, sections, pairs, key, qval)
    else:
        frame = _tests(stored, sections, pairs, status, qval, across=level == "interface")
    frame.attrs["statement"] = STATEMENT
    return frame


def _kept_sections(stored: Mapping[str, Any], sample: Names, organ: Names) -> np.ndarray:
    about = stored["sections"]
    kept = np.ones(len(about["name"]), dtype=bool)
    for name, column, wanted in (("sample", "name", sample), ("organ", "organ", organ)):
        labels = read.strings(about[column])
        if wanted is not None:
            kept &= np.isin(labels, listed(wanted, name, list(dict.fromkeys(labels))))
    return kept


def _kept_pairs(stored: Mapping[str, Any], ligand: Names, receptor: Names) -> np.ndarray:
    kept = np.ones(len(stored["pairs"]["pathway"]), dtype=bool)
    for name, wanted in (("ligand", ligand), ("receptor", receptor)):
        if wanted is not None:
            labels = read.strings(stored["pairs"][f"{name}_complex"])
            kept &= np.isin(labels, listed(wanted, name, list(dict.fromkeys(labels))))
    return kept


def _section_labels(stored: Mapping[str, Any], section: np.ndarray) -> dict[str, Any]:
    about = stored["sections"]
    out: dict[str, Any] = {}
    for column, name in (("sample", "name"), ("patient", "patient"), ("organ", "organ")):
        codes_of, names = pd.factorize(np.array(read.strings(about[name]), dtype=object), sort=True)
        out[column] = pd.Categorical.from_codes(codes_of[section], list(names))
    return out


def _pair_labels(
    stored: Mapping[str, Any],
    pair: np.ndarray,
    names: Sequence[str] = ("ligand_complex", "receptor_complex", "pathway"),
) -> dict[str, Any]:
    out = {}
    for name in names:
        codes_of, labels = pd.factorize(
            np.array(read.strings(stored["pairs"][name]), dtype=object), sort=True
        )
        out[name] = pd.Categorical.from_codes(codes_of[pair], list(labels))
    return out


def _tests(
    stored: Mapping[str, Any], sections: np.ndarray, pairs: np.ndarray, status: Names, qval: float | None,
    *, across: bool,
) -> pd.DataFrame:  # fmt: skip
    """All pairs in all sections, those without a test with their reason."""
    wanted = list(codes.STATUSES) if status is None else [status] if isinstance(status, str) else list(status)
    for name in wanted:
        validate.choice(name, "status", codes.STATUSES)
    reasons = np.asarray(stored["interface_reasons" if across else "reasons"])
    cube = reasons if across else reasons[:, None]
    good = np.isin(codes.STATUS_OF_REASON, [codes.STATUSES.index(name) for name in wanted])
    section, way, pair = np.nonzero(good[cube] & sections[:, None, None] & pairs)
    code = cube[section, way, pair]
    found = stored["interface" if across else "tests"]
    direction = np.asarray(found["direction"], dtype=np.int64) if across else 0
    shape = cube.shape
    at = (np.asarray(found["section"], dtype=np.int64) * shape[1] + direction) * shape[2] + found["pair"]
    mine = (section * shape[1] + way) * shape[2] + pair
    order = np.argsort(at)
    place = np.searchsorted(at, mine, sorter=order) if at.size else np.zeros(mine.size, dtype=np.int64)
    place = order[np.minimum(place, at.size - 1)] if at.size else place
    out = {**_section_labels(stored, section), **_pair_labels(stored, pair)}
    if across:
        out["direction"] = pd.Categorical.from_codes(way, list(codes.DIRECTIONS))
    for name in _BORDER if across else _TEST:
        values = np.asarray(found[name], dtype=float)
        out[name] = np.where(code == 0, values[place] if values.size else np.nan, np.nan)
    counts = ("n_tumor_at_interface", "n_host_at_interface") if across else ("n_spots",)
    out |= {name: np.asarray(stored["sections"][name])[section] for name in counts}
    out["status"] = pd.Categorical.from_codes(codes.STATUS_OF_REASON[code], list(codes.STATUSES))
    out["reason"] = pd.Categorical.from_codes(code, list(codes.REASONS))
    frame = pd.DataFrame(out)
    return frame if qval is None else frame[(frame["qval"] <= qval).to_numpy()].reset_index(drop=True)


def _sections(stored: Mapping[str, Any], kept: np.ndarray) -> pd.DataFrame:
    about, rows = stored["sections"], np.flatnonzero(kept)
    out = _section_labels(stored, rows)
    out |= {name: np.asarray(about[name])[rows] for name in _COUNTS}
    out["n_tested"] = np.asarray(stored["families"]["section"])[rows]
    out["n_tested_interface"] = np.asarray(stored["families"]["interface"])[rows]
    return pd.DataFrame(out)


def _organs(stored: Mapping[str, Any], sections: np.ndarray, pairs: np.ndarray) -> pd.DataFrame:
    """Sections averaged within patients, patients within organs."""
    labels = ["organ", "ligand_complex", "receptor_complex", "pathway"]
    found = _tests(stored, sections, pairs, codes.TESTED, None, across=False)
    found["significant"] = found["qval"] <= LARGEST_Q
    grouped = found.groupby([*labels, "patient"], observed=True, sort=True)
    per_patient = grouped.agg(
        statistic=("statistic", "mean"), z=("z", "mean"), n_sections=("statistic", "size"),
        n_sections_significant=("significant", "sum"),
    ).reset_index()  # fmt: skip
    return (
        per_patient.groupby(labels, observed=True, sort=True)
        .agg(
            statistic=("statistic", "mean"), z=("z", "mean"), n_sections=("n_sections", "sum"),
            n_patients=("patient", "size"), n_sections_significant=("n_sections_significant", "sum"),
        )
        .reset_index()
    )  # fmt: skip


def _local(
    adata: ad.AnnData, stored: Mapping[str, Any], sections: np.ndarray, pairs: np.ndarray, key: str,
    qval: float | None,
) -> pd.DataFrame:  # fmt: skip
    """Every spot of the sections wanted and every pair kept."""
    pair, statistic, p = kept_maps(adata, stored, key)
    columns = np.flatnonzero(pairs[pair])
    code = section_codes(adata, stored)
    rows = np.flatnonzero(sections[code])
    q = spot_q(p[:, columns], code)[rows].T.ravel()
    repeated, column = np.tile(rows, columns.size), np.repeat(columns, rows.size)
    frame = pd.DataFrame(
        {
            "spot": adata.obs_names.to_numpy(dtype=object)[repeated],
            "sample": _section_labels(stored, code[repeated])["sample"],
            **_pair_labels(stored, pair[column], ("ligand_complex", "receptor_complex")),
            "statistic": statistic[repeated, column], "pval": p[repeated, column], "qval": q,
            "hotspot": q <= LARGEST_Q,
        }
    )  # fmt: skip
    return frame if qval is None else frame[(frame["qval"] <= qval).to_numpy()].reset_index(drop=True)


def kept_maps(
    adata: ad.AnnData, stored: Mapping[str, Any], key: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs whose local statistics are stored, and these and their p-values (n_obs, n_kept) as float64."""
    pair = np.asarray(stored["local"]["pair"], dtype=np.int64)
    if not pair.size:
        empty = np.zeros((adata.n_obs, 0))
        return pair, empty, empty
    found = [np.asarray(adata.obsm[name], dtype=float) for name in (key, f"{key}_pval")]
    return pair, found[0], found[1]


def section_codes(adata: ad.AnnData, stored: Mapping[str, Any]) -> np.ndarray:
    """Section of every spot (n_obs,)."""
    names = read.strings(stored["sections"]["name"])
    labels = adata.obs[str(stored["params"]["sample_key"])].astype(str)
    return pd.Index(names).get_indexer(labels)


def spot_q(p: np.ndarray, code: np.ndarray) -> np.ndarray:
    """q-values (n_obs, n_pairs) of spots, every pair in every section being a family."""
    out = np.full(p.shape, np.nan)
    for s in np.unique(code):
        rows = np.flatnonzero(code == s)
        for k in range(p.shape[1]):
            out[rows, k] = benjamini_hochberg(p[rows, k])
    return out
