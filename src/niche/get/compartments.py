"""The stored compartments: per cell, per sample, per cell type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import compartment_codes as codes
from niche._slots import keys, read, validate
from niche.get.design import with_object_labels

RUN_FIRST = "niche.tl.call_compartments"
_LEVELS = ("samples", "cells", "types")
_NUMBERS = (
    "malignant_probability", "confidence", "cnv_signal", "cnv_correlation", "cnv_log_odds", "lineage_immune",
    "lineage_stromal", "lineage_endothelial", "lineage_parenchymal", "lineage_epithelial",
)  # fmt: skip


def compartments(
    adata: ad.AnnData,
    *,
    level: Literal["samples", "cells", "types"] = "samples",
    key: str = keys.COMPARTMENTS,
) -> pd.DataFrame:
    """Return what :func:`niche.tl.call_compartments` stored: evidence, statements and reasons.

    Parameters
    ----------
    adata
        Annotated data on which :func:`niche.tl.call_compartments` was run.
    level
        ``"samples"``, ``"cells"`` or ``"types"``; see Returns.
    key
        The ``key_added`` it was run with.

    Returns
    -------
    DataFrame
        A new data frame. ``"samples"``: ``sample, n_cells, n_tumor, ..., copy_number`` (``yes``, ``no``,
        ``not_assessed``), ``statement, reason`` and, where a profile was looked at, the reference, the
        putative tumor (``n_putative, putative_lineage``), ``coherence`` (correlation between the halves of
        the genes) with ``coherence_z``, and for signal and correlation the gain in information criterion,
        separation and bimodality of two components. ``"cells"``: indexed by cell, ``sample,
        compartment, malignant_probability, confidence, cnv_signal, cnv_correlation, cnv_log_odds``, the
        log odds of each lineage against none, ``marker_type`` and ``reason``; NaN where it was not
        assessed. ``"types"``: ``cell_type, compartment, n_cells, source, reason``.

    Raises
    ------
    MissingKeyError
        :func:`niche.tl.call_compartments` was not run.
    StaleResultError
        The labels, genes or values have changed since.
    InputValueError
        ``level`` is none of the three.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.tl.call_compartments(adata, labels={"Malignant": "tumor"})
    >>> niche.get.compartments(adata)["copy_number"].unique().tolist()
    ['not_assessed']
    """
    validate.choice(level, "level", _LEVELS)
    stored = read.result(adata, key, run_first=RUN_FIRST)
    if level == "cells":
        return _cells(adata, stored)
    frame = pd.DataFrame(stored["table" if level == "types" else "samples"]).reset_index(drop=True)
    return with_object_labels(frame)


def _cells(adata: ad.AnnData, stored: Mapping[str, Any]) -> pd.DataFrame:
    cells = stored["cells"]
    n = adata.n_obs
    sample = str(stored["params"]["sample_key"])
    found: dict[str, np.ndarray] = {
        "sample": adata.obs[sample].astype(str).to_numpy(dtype=object)
        if sample in adata.obs.columns
        else np.full(n, "all cells", dtype=object),
        "compartment": np.array(read.strings(stored["compartments"]), dtype=object)[
            np.asarray(cells["compartment"])
        ],
    }
    for name in _NUMBERS:
        found[name] = (
            np.asarray(cells[name], dtype=np.float32) if name in cells else np.full(n, np.nan, np.float32)
        )
    assessed = "reason" in cells
    found["marker_type"] = (
        np.array(read.strings(stored["marker_types"]), dtype=object)[np.asarray(cells["cell_type"])]
        if assessed
        else np.full(n, "", dtype=object)
    )
    reason = np.asarray(cells["reason"]) if assessed else np.full(n, codes.AUTHOR, dtype=np.uint8)
    found["reason"] = np.array(codes.REASONS, dtype=object)[reason]
    return with_object_labels(pd.DataFrame(found, index=adata.obs_names.copy()))
