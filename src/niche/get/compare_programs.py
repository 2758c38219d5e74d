"""Tidy tables of programs compared between organs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError, StaleResultError
from niche.get._organ_results import Names, contrast_table, kept_rows
from niche.get.programs import program_labels
from niche.get.programs import programs as get_programs

RUN_FIRST = "niche.tl.compare_programs"
What = Literal["contrasts", "verdicts", "units", "organs", "sensitivity"]
WHAT = ("contrasts", "verdicts", "units", "organs", "sensitivity")
COLUMNS = (
    "program", "contrast", "organ", "effect", "ci_low", "ci_high", "statistic", "pval", "qval", "call",
    "verdict", "status", "reason", "ambient_share", "control", "var_within", "var_patient", "var_organ",
    "n_samples", "n_patients", "sign_stability", "min_detectable_effect",
)  # fmt: skip
PARTS = ("var_within", "var_patient", "var_organ")


def compare_programs(
    adata: ad.AnnData,
    *,
    what: What = "contrasts",
    contrast: Names = None,
    organ: Names = None,
    program: Names = None,
    qval: float | None = None,
    key: str = keys.COMPARE_PROGRAMS,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.compare_programs` found.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    what
        ``"contrasts"``: one row per program and contrast. ``"verdicts"``: one per program. ``"units"``: usage
        of every patient in every organ. ``"organs"``: usage, ambient share and control in every organ.
        ``"sensitivity"``: effects with purer cells, within assays, and of the same programs at the numbers
        tried next to k; only cells that programs were found in are there, so a purity below that of the run
        changes nothing.
    contrast, organ
        Keep these (``contrasts``; organ also for ``units`` and ``organs``).
    program
        Keep these programs.
    qval
        Keep contrasts with a q-value up to this.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        ``contrasts``: ``program, contrast, organ`` (the one a positive effect raises; empty for omnibus),
        ``effect`` (log2 ratio of usage) with its 95 % interval ``ci_low, ci_high``, ``statistic`` (t, F for
        omnibus), ``pval, qval, call`` (``enriched``, ``depleted``; ``ambient-suspect`` instead of either
        where ambient molecules explain the difference, as the reason says; ``differs``, ``undetermined``,
        ``not_testable``), ``verdict`` (of the program), ``status, reason, ambient_share`` (of the difference
        of the organ; ``not_assessed`` without :func:`niche.pp.ambient`, NaN where not testable), ``control``
        (rise of host cells over that of the tumor), ``var_within, var_patient, var_organ`` (shares of the
        variance of usage), ``n_samples, n_patients, sign_stability`` (share of left-out patients without whom
        the sign holds), ``min_detectable_effect``. ``verdicts``: ``program, verdict, reason, kind`` and the
        shares of variance. ``units``: ``program, patient, organ, usage, n_cells``. ``organs``: ``program,
        organ, usage, ambient_share`` (of expression), ``effect_share, control``. ``sensitivity``: ``program,
        contrast, setting, effect, pval, same_sign`` (1 or 0: whether the effect has the sign it has with all
        cells), ``n_patients, reason``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels, values or covariates have changed since.
    InputValueError
        A name to keep does not exist, or an option does not belong to what is asked for.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.programs(adata, k=6, n_starts=5)
    >>> niche.tl.compare_programs(adata)
    >>> niche.get.compare_programs(adata, organ="bone", program="P1")["contrast"].iloc[0]
    'bone_vs_rest'
    """
    validate.choice(what, "what", WHAT)
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    frame = {
        "contrasts": _contrasts, "verdicts": _verdicts, "units": _units, "organs": _organs,
        "sensitivity": lambda s: s["sensitivity"].reset_index(drop=True).copy(),
    }[what](stored)  # fmt: skip
    wanted = {"contrast": contrast, "organ": organ, "program": program}
    known = {
        "contrast": read.strings(stored["contrasts"]["name"]),
        "organ": read.strings(stored["groups"]["name"]),
        "program": read.strings(stored["programs"]["name"]),
    }
    for name, chosen in [*wanted.items(), ("qval", qval)]:
        if chosen is not None and name not in frame:
            raise InputValueError(f"{name}= does not belong to what={what!r}, which has no such column.")
    return kept_rows(frame, wanted, known, qval)


def compared_labels(adata: ad.AnnData, key: str) -> dict[str, str]:
    """Labels of the programs that were compared under ``key``; refused where they were found anew since."""
    stored = read.result(adata, key, run_first=RUN_FIRST)
    source = str(stored["params"].get("key", keys.PROGRAMS))
    now = get_programs(adata, what="programs", key=source)
    then = stored["programs"]
    same = read.strings(then["name"]) == list(now["program"].astype(str))
    same &= read.strings(stored["params"]["beside"])[0] == read.identity(adata, source)
    if not same or read.strings(then["kind"]) != list(now["kind"].astype(str)):
        raise StaleResultError(
            f"adata.uns[{key!r}] compares other programs than adata.uns[{source!r}] holds now. "
            f"Run {RUN_FIRST} again."
        )
    return program_labels(adata, source)


def _contrasts(stored: Mapping[str, Any]) -> pd.DataFrame:
    names = np.array(read.strings(stored["programs"]["name"]), dtype=object)
    frame = contrast_table(stored, {"program": names})
    n_contrasts = len(read.strings(stored["contrasts"]["name"]))
    row, column = np.divmod(np.arange(len(frame)), n_contrasts)
    plus = np.asarray(stored["contrasts"]["plus"])[column]
    for name, source in (("ambient_share", "effect_share"), ("control", "control")):
        values = np.where(plus >= 0, np.asarray(stored[source])[row, np.maximum(plus, 0)], np.nan)
        frame[name] = values
    if not bool(stored["ambient_assessed"]):
        frame["ambient_share"] = "not_assessed"
    frame["verdict"] = pd.Categorical(
        np.array(read.strings(stored["verdict"]), dtype=object)[row], read.strings(stored["verdict_names"])
    )
    for place, name in enumerate(PARTS):
        frame[name] = np.asarray(stored["variance"])[row, place]
    return frame[list(COLUMNS)]


def _verdicts(stored: Mapping[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "program": read.strings(stored["programs"]["name"]),
            "verdict": pd.Categorical(read.strings(stored["verdict"]), read.strings(stored["verdict_names"])),
            "reason": read.strings(stored["verdict_reason"]),
            "kind": read.strings(stored["programs"]["kind"]),
        }
    )
    for place, name in enumerate(PARTS):
        frame[name] = np.asarray(stored["variance"])[:, place]
    return frame


def _units(stored: Mapping[str, Any]) -> pd.DataFrame:
    names = read.strings(stored["programs"]["name"])
    usage = np.asarray(stored["unit_usage"])
    n_programs, n_units = usage.shape
    group = np.array(read.strings(stored["groups"]["name"]), dtype=object)[np.asarray(stored["unit_group"])]
    return pd.DataFrame(
        {
            "program": np.repeat(np.array(names, dtype=object), n_units),
            "patient": np.tile(np.array(read.strings(stored["unit_patient"]), dtype=object), n_programs),
            "organ": np.tile(group, n_programs),
            "usage": usage.ravel(),
            "n_cells": np.tile(np.asarray(stored["unit_cells"]).astype(np.int64), n_programs),
        }
    )


def _organs(stored: Mapping[str, Any]) -> pd.DataFrame:
    names, groups = read.strings(stored["programs"]["name"]), read.strings(stored["groups"]["name"])
    frame = pd.DataFrame(
        {
            "program": np.repeat(np.array(names, dtype=object), len(groups)),
            "organ": np.tile(np.array(groups, dtype=object), len(names)),
        }
    )
    for name, source in (
        ("usage", "level"), ("ambient_share", "ambient_share"), ("effect_share", "effect_share"),
        ("control", "control"),
    ):  # fmt: skip
        frame[name] = np.asarray(stored[source]).ravel()
    if not bool(stored["ambient_assessed"]):
        frame["ambient_share"] = frame["effect_share"] = "not_assessed"
    return frame
