"""Tidy table of what lies next to each other in tissue, compared over patients."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import keys, read, validate
from niche.errors import InputValueError, StaleResultError
from niche.get._organ_results import Names, contrast_table, kept_rows, sample_labels

RUN_FIRST = "niche.tl.compare_spatial"
COLUMNS = (
    "contrast", "organ", "ligand_complex", "receptor_complex", "pathway", "effect", "ci_low", "ci_high",
    "statistic", "pval", "qval", "call", "status", "reason", "n_samples", "n_patients", "sign_stability",
    "min_detectable_effect",
)  # fmt: skip


def compare_spatial(
    adata: ad.AnnData,
    *,
    contrast: Names = None,
    organ: Names = None,
    ligand: Names = None,
    receptor: Names = None,
    qval: float | None = None,
    level: Literal["organ", "sample"] = "organ",
    key: str = keys.COMPARE_SPATIAL,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.compare_spatial` found, or the values of every section.

    Parameters
    ----------
    adata
        Data on which the tool was run.
    contrast
        Keep these contrasts: ``"mean_in_<organ>"`` (is the mean over patients above 0?), and where there are
        several organs ``"omnibus"``, ``"<organ>_vs_rest"``, ``"<a>_vs_<b>"``, ``"<organ>_vs_primary"``,
        ``"<organ>_vs_normal"``. Not at level ``"sample"``.
    organ
        Keep contrasts that raise these organs; at level ``"sample"`` sections of these organs.
    ligand, receptor
        Keep these complexes.
    qval
        Keep rows with a q-value up to this. Not at level ``"sample"``.
    level
        ``"organ"``: one row per pair and contrast. ``"sample"``: one per pair and section in which it was
        tested.
    key
        The ``key_added`` of the run.

    Returns
    -------
    DataFrame
        Level ``"organ"``: ``contrast, organ, ligand_complex, receptor_complex, pathway, effect`` (mean, or
        difference of means, of artanh of the statistic) with its 95 % interval ``ci_low, ci_high``,
        ``statistic`` (t, F for omnibus), ``pval, qval, call`` (``consistent``, ``enriched``, ``depleted``,
        ``differs``, ``undetermined``, ``not_testable``), ``status, reason, n_samples, n_patients,
        sign_stability, min_detectable_effect``. Level ``"sample"``: ``sample, patient, organ, tissue,
        ligand_complex, receptor_complex, pathway, value, null_sd``.

    Raises
    ------
    MissingKeyError
        Nothing is stored under ``key``.
    StaleResultError
        Labels or covariates have changed since, or the run that was compared was made anew.
    InputValueError
        A name to keep does not exist, or an option does not belong to the level.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.simulate_spatial(0, patients=3, side=12)
    >>> niche.pp.normalize(adata)
    >>> niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    >>> niche.tl.compare_spatial(adata)
    >>> table = niche.get.compare_spatial(adata, contrast="liver_vs_rest")
    >>> int(table["n_patients"].max())
    6
    """
    validate.choice(level, "level", ("organ", "sample"))
    if qval is not None:
        validate.number(qval, "qval", low=0, high=1)
    if level == "sample" and (contrast is not None or qval is not None):
        raise InputValueError("contrast= and qval= belong to level='organ'. Got level='sample'.")
    stored = read.result(adata, key, run_first=RUN_FIRST)
    run = str(stored["params"]["key"])
    if read.identity(adata, run) != str(stored["params"]["run"]):
        raise StaleResultError(f"adata.uns[{run!r}] changed since {RUN_FIRST} was run. Run it again.")
    labels = {
        name: np.array(read.strings(stored["pairs"][name]), dtype=object)
        for name in ("ligand_complex", "receptor_complex", "pathway")
    }
    wanted = {"contrast": contrast, "organ": organ, "ligand_complex": ligand, "receptor_complex": receptor}
    known = {
        "contrast": read.strings(stored["contrasts"]["name"]),
        "organ": read.strings(stored["groups"]["name"]),
        "ligand_complex": list(dict.fromkeys(labels["ligand_complex"])),
        "receptor_complex": list(dict.fromkeys(labels["receptor_complex"])),
    }
    if level == "organ":
        return kept_rows(contrast_table(stored, labels)[list(COLUMNS)], wanted, known, qval)
    value = np.asarray(stored["sections_value"])
    used = np.asarray(stored["samples"]["organ_code"]) >= 0
    row, pair = np.nonzero(np.isfinite(value) & used[:, None])
    frame = pd.DataFrame(
        {
            **sample_labels(stored, row),
            **{name: pd.Categorical(column)[pair] for name, column in labels.items()},
            "value": value[row, pair],
            "null_sd": np.sqrt(np.asarray(stored["sections_variance"])[row, pair]),
        }
    )
    return kept_rows(frame, wanted, known, None)
