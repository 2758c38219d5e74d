"""Tidy tables of signature scores: between organs, per sample, and what was measured of each signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError
from niche.get._organ_results import Names, contrast_table, kept_rows, sample_labels

RUN_FIRST = "niche.tl.score_signatures"
LEVELS = ("organ", "sample", "signature")
COLUMNS = (
    "signature", "contrast", "organ", "effect", "ci_low", "ci_high", "statistic", "pval", "qval", "call",
    "status", "reason", "n_samples", "n_patients", "sign_stability", "min_detectable_effect",
)  # fmt: skip
OBSERVED = ("observed", "no_cells", "not_testable")


def signatures(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    signature: Names = None,
    qval: float | None = None,
    level: Literal["organ", "sample", "signature"] = "organ",
    key: str = keys.SIGNATURES,
) -> pd.DataFrame:
    """Return the differences between organs of :func:`niche.tl.score_signatures`, or what they rest on.

    The scores of cells are ``adata.obsm["signatures"]``.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts: ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``,
        ``"<organ>_vs_primary"``, ``"<organ>_vs_normal"``. Level ``"organ"`` only.
    organ
        Keep contrasts that raise these organs; at level ``"sample"`` samples of these organs.
    signature
        Keep these signatures.
    qval
        Keep rows with a q-value up to this. Level ``"organ"`` only.
    level
        ``"organ"``: one row per signature and contrast. ``"sample"``: one per sample and signature.
        ``"signature"``: one per signature.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        Level ``"organ"``: ``signature, contrast, organ`` (the one that a positive effect raises; empty for
        omnibus), ``effect`` (difference of mean scores, log1p units per gene) with its 95 % interval
        ``ci_low, ci_high``, ``statistic`` (t, F for omnibus), ``pval, qval, call`` (``enriched``,
        ``depleted``: q <= 0.1, 3 patients on both sides; scores have no unit in which an effect would be
        large, so none is asked for; ``differs``: omnibus; ``undetermined``; ``not_testable``), ``status``
        (``tested``, ``not_testable``), ``reason`` (why there is no test; else what the test leaves out, and
        where the signature stands for subtypes), ``n_samples, n_patients, sign_stability`` (share of left-out
        patients without whom the sign holds), ``min_detectable_effect`` (80 % power at 0.05).

        Level ``"sample"``: ``sample, patient, organ, tissue, signature, score`` (mean over the cells of the
        compartment), ``n_cells, status`` (``observed``, else NaN: ``no_cells``, ``not_testable``).

        Level ``"signature"``: ``signature, n_genes, n_measured, n_up, n_down, measured_up, measured_down,
        missing`` (genes not detected in any cell), ``no_direction`` (genes left out because their direction
        is not known), ``status`` (``scored``, ``not_testable``), ``reason, subtype_pval, subtype_qval``
        (patients of different
        subtypes; NaN where not assessed), ``note`` (that it is mostly a published set of
        subtypes, or differs between subtypes here without being adjusted for them).

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, genes, values or covariates have changed since.
    InputValueError
        A name to keep does not exist, an option does not belong to the level, or there was one organ only.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> sets = {"matrix": ["COL1A1", "COL1A2", "COL3A1", "COL5A1", "COL6A1", "COL99A1"]}
    >>> niche.tl.score_signatures(adata, sets, compartment="stromal", min_genes=5)
    >>> niche.get.signatures(adata, level="signature")["missing"].item()
    'COL99A1'
    >>> samples = niche.get.signatures(adata, level="sample", organ="bone")
    >>> bool((samples["status"] == "observed").all())
    True
    """
    validate.choice(level, "level", LEVELS)
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    if level != "organ" and (contrast is not None or qval is not None):
        raise InputValueError(f"contrast= and qval= belong to level='organ'. Got level={level!r}.")
    if level == "signature" and organ is not None:
        raise InputValueError("organ= belongs to level='organ' and level='sample'. Got level='signature'.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    names = read.strings(stored["signatures"]["name"])
    groups = read.strings(stored["groups"]["name"])
    wanted: dict[str, Names] = {"signature": signature, "organ": organ}
    known = {"signature": names, "organ": groups}
    if level == "signature":
        frame = _signatures(stored, names)
    elif level == "sample":
        frame = _samples(stored, names)
    else:
        if "contrasts" not in stored:
            raise InputValueError(
                f"organs were not compared: {groups[0]!r} is the only one. level='sample' has the scores of "
                f"samples, adata.obsm[{key!r}] those of cells. Add primary or normal tissue with tissues= of "
                f"{RUN_FIRST}, or an organ."
            )
        frame = contrast_table(stored, {"signature": np.array(names, dtype=object)})[list(COLUMNS)]
        notes = read.strings(stored["subtype"]["note"])
        frame["reason"] = _with_notes(frame, dict(zip(names, notes, strict=True)))
        wanted["contrast"], known["contrast"] = contrast, read.strings(stored["contrasts"]["name"])
    return kept_rows(frame, wanted, known, qval)


def _signatures(stored: Mapping[str, Any], names: list[str]) -> pd.DataFrame:
    """One row per signature: what was measured of it."""
    table = stored["signatures"]
    counts = {name: np.asarray(table[name]) for name in ("n_up", "n_down", "measured_up", "measured_down")}
    out: dict[str, Any] = {
        "signature": pd.Categorical(names),
        "n_genes": counts["n_up"] + counts["n_down"],
        "n_measured": counts["measured_up"] + counts["measured_down"],
        **counts,
    }
    texts = {name: read.strings(table[name]) for name in ("missing", "no_direction", "reason")}
    out |= {name: texts[name] for name in ("missing", "no_direction")}
    scored = np.array([not why for why in texts["reason"]])
    out["status"] = pd.Categorical.from_codes((~scored).astype(np.int64), ["scored", "not_testable"])
    out["reason"] = texts["reason"]
    out |= {f"subtype_{name}": np.asarray(stored["subtype"][name]) for name in ("pval", "qval")}
    out["note"] = read.strings(stored["subtype"]["note"])
    return pd.DataFrame(out)


def _with_notes(frame: pd.DataFrame, notes: Mapping[str, str]) -> pd.Categorical:
    """Reasons, and of what was tested also the note of its signature."""
    told = [
        "; ".join(text for text in (str(why), notes[str(name)] if status == "tested" else "") if text)
        for why, name, status in zip(frame["reason"], frame["signature"], frame["status"], strict=True)
    ]
    return pd.Categorical(told)


def _samples(stored: Mapping[str, Any], names: list[str]) -> pd.DataFrame:
    """One row per sample that took part and signature."""
    used = np.flatnonzero(np.asarray(stored["samples"]["organ_code"]) >= 0)
    row, column = (a.ravel() for a in np.meshgrid(used, np.arange(len(names)), indexing="ij"))
    n = np.asarray(stored["n_cells"])[row]
    refused = np.array([bool(why) for why in read.strings(stored["signatures"]["reason"])])[column]
    status = np.select([refused, n == 0], [2, 1], 0)
    out: dict[str, Any] = {**sample_labels(stored, row)}
    out["signature"] = pd.Categorical(np.array(names, dtype=object)[column])
    out["score"], out["n_cells"] = np.asarray(stored["means"])[row, column], n
    out["status"] = pd.Categorical.from_codes(status, OBSERVED)
    return pd.DataFrame(out)
