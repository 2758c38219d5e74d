"""Tidy tables of ligand activities: between organs, per sample, and beside the edges of communication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._organ_results import Names, contrast_table, kept_rows, sample_labels
from niche.get.communication import communication as get_communication

RUN_FIRST = "niche.tl.ligand_activity"
COLUMNS = (
    "ligand", "receiver", "contrast", "organ", "effect", "ci_low", "ci_high", "statistic", "pval", "qval",
    "call", "status", "reason", "n_targets", "n_samples", "n_patients", "sign_stability",
    "min_detectable_effect",
)  # fmt: skip
OF_EDGES = ("effect", "ci_low", "ci_high", "pval", "qval", "status", "reason", "n_targets", "n_patients")
SUPPORT = {
    "enriched": "supported", "depleted": "opposed", "undetermined": "undetermined",
    "not_testable": "not_testable",
}  # fmt: skip
NOT_ASSESSED = "not_assessed"


def ligand_activity(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    receiver: Names = None,
    ligand: Names = None,
    qval: float | None = None,
    level: Literal["organ", "sample"] = "organ",
    edges: bool = False,
    communication: str = keys.COMMUNICATION,
    key: str = keys.LIGAND_ACTIVITY,
) -> pd.DataFrame:
    """Return the activities of :func:`niche.tl.ligand_activity`, or what they say of each edge.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts. Not at level ``"sample"`` or with ``edges``.
    organ
        Keep contrasts that raise these organs; at level ``"sample"`` samples, with ``edges`` edges of them.
    receiver, ligand
        Keep these cell types and ligands.
    qval
        Keep rows with a q-value up to this. Not at level ``"sample"``.
    level
        ``"organ"``: one row per ligand, receiver and contrast. ``"sample"``: one per sample, receiver and
        ligand.
    edges
        Give the edges of :func:`niche.tl.communication` instead, each with the activity of its ligand in its
        target.
    communication
        The ``key_added`` of the communication run whose edges are given.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        Level ``"organ"``: ``ligand, receiver, contrast, organ`` (the one that a positive effect raises; empty
        for omnibus), ``effect`` (difference in activity, a t-value over genes) with its 95 % interval
        ``ci_low, ci_high``, ``statistic`` (t, F for omnibus), ``pval, qval, call`` (``enriched``,
        ``depleted``: q <= 0.1, 3 patients on both sides; ``differs``: omnibus; ``undetermined``;
        ``not_testable``), ``status`` (``tested``, ``not_testable``), ``reason, n_targets`` (measured),
        ``n_samples, n_patients, sign_stability, min_detectable_effect`` (80 % power at 0.05).

        Level ``"sample"``: ``sample, patient, organ, tissue, receiver, ligand, activity, n_targets, n_cells,
        status`` (``observed``; else NaN: ``not_testable``). Samples without a cell of the receiver have no
        row.

        With ``edges``: ``organ, source, target, ligand_complex, receptor_complex, edge_status, edge_qval`` of
        :func:`niche.get.communication`; ``ligand`` (of the network: the complex, else its limiting subunit),
        ``activity`` (mean over the patients of the organ); ``effect, ci_low, ci_high, pval, qval, status,
        reason, n_targets, n_patients`` of ``<organ>_vs_rest``; ``support``: ``supported`` (activity raised:
        q <= 0.1 with 3 patients on both sides), ``opposed`` (lowered alike), ``undetermined``,
        ``not_testable``, ``not_assessed`` (the ligand has no targets in the network, the target cell type or
        organ was not among those compared, or the edge itself was not tested; ``reason`` says which).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``, or with ``edges`` under ``communication``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.

    Examples
    --------
    >>> import niche
    >>> import pandas as pd
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> genes = adata.var_names[adata.layers["counts"].sum(axis=0).A1.argsort()[::-1][:300]]
    >>> niche.tl.ligand_activity(adata, pd.DataFrame({"ligand": "CXCL12", "target": genes[:60]}))
    >>> niche.tl.communication(adata, null="analytic")
    >>> table = niche.get.ligand_activity(adata, edges=True, organ="bone")
    >>> set(table.loc[table["ligand_complex"] != "CXCL12", "support"])
    {'not_assessed'}
    """
    validate.choice(level, "level", ("organ", "sample"))
    validate.flag(edges, "edges")
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    if level == "sample" and (contrast is not None or qval is not None or edges):
        raise InputValueError("contrast=, qval= and edges= belong to level='organ'. Got level='sample'.")
    if edges and contrast is not None:
        raise InputValueError("edges=True takes the contrast '<organ>_vs_rest' of each organ: no contrast=.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    wanted: dict[str, Names] = {"organ": organ, "receiver": receiver, "ligand": ligand}
    known = {
        "organ": read.strings(stored["groups"]["name"]),
        "receiver": read.strings(stored["cell_types"]["name"]),
        "ligand": read.strings(stored["ligands"]["name"]),
        "contrast": read.strings(stored["contrasts"]["name"]),
    }
    if level == "sample":
        return kept_rows(_samples(stored, known), wanted, known, None)
    table = _contrasts(stored, known)
    if not edges:
        return kept_rows(table, wanted | {"contrast": contrast}, known, qval)
    frame = _edges(get_communication(adata, key=communication), table, stored, known)
    wanted["target"], known["target"] = wanted.pop("receiver"), known["receiver"]
    return kept_rows(frame, wanted, known, qval)


def _contrasts(stored: Mapping[str, Any], known: Mapping[str, list[str]]) -> pd.DataFrame:
    types, ligands = (np.array(known[name], dtype=object) for name in ("receiver", "ligand"))
    labels = {"receiver": np.repeat(types, ligands.size), "ligand": np.tile(ligands, types.size)}
    frame = contrast_table(stored, labels)
    frame["n_targets"] = np.repeat(np.asarray(stored["n_targets"]).ravel(), len(known["contrast"]))
    return frame[list(COLUMNS)]


def _samples(stored: Mapping[str, Any], known: Mapping[str, list[str]]) -> pd.DataFrame:
    """One row per sample with cells of the receiver, receiver and ligand."""
    rows, scores = stored["rows"], np.asarray(stored["scores"])
    sample, cell_type = np.asarray(rows["sample"]), np.asarray(rows["cell_type"])
    used = np.flatnonzero(np.asarray(stored["samples"]["organ_code"])[sample] >= 0)
    row, column = (a.ravel() for a in np.meshgrid(used, np.arange(scores.shape[1]), indexing="ij"))
    out: dict[str, Any] = {**sample_labels(stored, sample[row])}
    out["receiver"] = pd.Categorical(np.array(known["receiver"], dtype=object)[cell_type[row]])
    out["ligand"] = pd.Categorical(np.array(known["ligand"], dtype=object)[column])
    out["activity"] = scores[row, column]
    out["n_targets"] = np.asarray(stored["n_targets"])[cell_type[row], column]
    out["n_cells"] = np.asarray(rows["n"])[row]
    unknown = np.isnan(out["activity"]).astype(np.int64)
    out["status"] = pd.Categorical.from_codes(unknown, ["observed", "not_testable"])
    return pd.DataFrame(out)


def _edges(
    edges: pd.DataFrame, table: pd.DataFrame, stored: Mapping[str, Any], known: Mapping[str, list[str]]
) -> pd.DataFrame:
    """Every edge, with the activity of its ligand in its target."""
    out = edges[["organ", "source", "target", "ligand_complex", "receptor_complex"]].copy()
    out["edge_status"] = edges["status"]
    out["edge_qval"] = edges.get("qval", np.nan)
    place = {
        name: {label: i for i, label in enumerate(known[name])} for name in ("organ", "receiver", "ligand")
    }
    whole = _codes(edges["ligand_complex"], place["ligand"])
    ligand = np.where(whole >= 0, whole, _codes(edges["ligand"], place["ligand"]))
    receiver, organ = _codes(edges["target"], place["receiver"]), _codes(edges["organ"], place["organ"])
    out["ligand"] = pd.Categorical.from_codes(ligand, known["ligand"])
    contrast = np.array(
        [
            known["contrast"].index(c) if (c := f"{o}_vs_rest") in known["contrast"] else -1
            for o in known["organ"]
        ]
    )[organ]
    there = (ligand >= 0) & (receiver >= 0) & (organ >= 0)
    feature = np.where(there, receiver * len(known["ligand"]) + ligand, 0)
    means = np.asarray(stored["means"])
    out["activity"] = np.where(there, means[feature, organ], np.nan)
    assessed = there & (contrast >= 0)
    row = np.where(assessed, feature * len(known["contrast"]) + contrast, 0)
    for name in OF_EDGES:
        values = table[name]
        if name in ("status", "reason"):
            labels = [*values.cat.categories, NOT_ASSESSED]
            code = np.where(assessed, values.cat.codes.to_numpy()[row], len(labels) - 1)
            out[name] = _of_what_occurs(code, labels)
        else:
            out[name] = np.where(assessed, values.to_numpy()[row], 0 if name.startswith("n_") else np.nan)
    is_edge = (edges["status"] == "tested").to_numpy()
    reason = table["reason"]
    out["reason"] = _why(edges["status"], reason, row, assessed, is_edge, ligand, receiver, organ)
    names = [*dict.fromkeys(SUPPORT.values()), NOT_ASSESSED]
    support = np.array(
        [names.index(SUPPORT.get(call, "undetermined")) for call in table["call"].cat.categories]
    )
    found = support[table["call"].cat.codes.to_numpy()[row]]
    out["support"] = pd.Categorical.from_codes(np.where(assessed & is_edge, found, len(names) - 1), names)
    return out


def _why(
    edge_status: pd.Series, reason: pd.Series, row: np.ndarray, assessed: np.ndarray, is_edge: np.ndarray,
    ligand: np.ndarray, receiver: np.ndarray, organ: np.ndarray,
) -> pd.Categorical:  # fmt: skip
    """Reason of every edge: why it is not assessed, or why its activity is not testable."""
    none = [
        "the ligand has no targets in the network",
        "the target was not assessed",
        "the organ was not assessed",
        "no comparison of this organ with the rest",
    ]
    no_edge = [f"the edge is {status}" for status in edge_status.cat.categories]
    first = len(none) + len(no_edge)
    code = np.select(
        [assessed & ~is_edge, assessed, ligand < 0, receiver < 0, organ < 0],
        [len(none) + edge_status.cat.codes.to_numpy(), first + reason.cat.codes.to_numpy()[row], 0, 1, 2],
        3,
    )
    return _of_what_occurs(code, [*none, *no_edge, *reason.cat.categories])


def _of_what_occurs(code: np.ndarray, labels: list[str]) -> pd.Categorical:
    """Labels by code, as a category of those that occur, sorted; a label may stand in the list twice."""
    occur = sorted({labels[i] for i in np.flatnonzero(np.bincount(code))})
    place = {label: i for i, label in enumerate(occur)}
    return pd.Categorical.from_codes(np.array([place.get(label, -1) for label in labels])[code], occur)


def _codes(labels: pd.Series, place: Mapping[str, int]) -> np.ndarray:
    """Codes of labels in a category, -1 for those that are not known."""
    known = [place.get(str(label), -1) for label in labels.cat.categories]
    return np.array([*known, -1], dtype=np.int64)[labels.cat.codes.to_numpy()]
