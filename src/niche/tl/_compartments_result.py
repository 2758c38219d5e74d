"""What a call of compartments stores: a table of types, one of samples, and the evidence of every cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from niche._kernels.malignant_call import PRIOR_OPEN
from niche._slots import compartment_codes as codes
from niche._slots import keys
from niche._slots.validate import Factor
from niche.tl import _compartments_copy_number as copy_number
from niche.tl._compartments_expression import SOURCE, Assessment
from niche.tl._compartments_markers import GROUPS

COLUMNS = ["cell_type", "compartment", "n_cells", "source", "reason"]
_BY_LABELS = "author labels"
_FEATURES = (
    "reference", "n_reference_cells", "n_putative", "putative_lineage", "coherence", "coherence_z",
    "signal_bic_gain", "signal_separation", "signal_bimodal", "correlation_bic_gain",
    "correlation_separation", "correlation_bimodal",
)  # fmt: skip


def type_table(cells: pd.DataFrame) -> pd.DataFrame:
    """One row per cell type, compartment, source and reason."""
    table = cells.groupby(["cell_type", "compartment", "source", "reason"], sort=True, observed=True).size()
    return table.rename("n_cells").reset_index()[COLUMNS]


def cells_by_expression(found: Assessment) -> pd.DataFrame:
    """Per cell: cell_type by markers, compartment, source, reason."""
    return pd.DataFrame(
        {
            "cell_type": found.lineages.best,
            "compartment": found.compartment,
            "source": SOURCE,
            "reason": np.array(codes.REASONS, dtype=object)[found.reason],
        }
    )


def sample_table(
    compartment: np.ndarray, samples: Factor, found: Assessment | None, how: str
) -> pd.DataFrame:
    """One row per sample: cells by compartment, copy-number evidence, and a statement in words."""
    n = len(samples.names)
    table = pd.DataFrame(
        {
            "sample": np.array(samples.names, dtype=object),
            "n_cells": np.bincount(samples.codes, minlength=n),
            **{
                f"n_{name}": np.bincount(samples.codes[compartment == name], minlength=n)
                for name in keys.COMPARTMENTS_ALL
            },
        }
    )
    by_labels = how != SOURCE
    if found is None:
        table["copy_number"] = copy_number.NOT_ASSESSED
        table["statement"] = [
            f"{_BY_LABELS}; copy number not assessed" + ("" if k else "; no tumor cell")
            for k in table["n_tumor"]
        ]
        table["reason"] = "no copy-number profile; niche.tl.infer_cnv makes one"
        return table
    table["copy_number"] = found.copies.state.astype(object)
    table["statement"] = [
        _statement(found, k, by_labels=by_labels, n_against=_against(compartment, samples, found, k))
        for k in range(n)
    ]
    table["reason"] = found.copies.reason.astype(object)
    numbers = {**found.references, **found.copies.table}
    for name in _FEATURES:
        table[name] = np.asarray(numbers[name])
    return table


def payload(
    compartment: np.ndarray, table: pd.DataFrame, per_sample: pd.DataFrame, found: Assessment | None, how: str
) -> dict[str, Any]:
    """Everything stored but parameters and fingerprint."""
    vocabulary = list(keys.COMPARTMENTS_ALL)
    cells: dict[str, np.ndarray] = {
        "compartment": pd.Index(vocabulary).get_indexer(compartment).astype(np.int8),
    }
    if found is not None:
        cells |= {
            "malignant_probability": found.probability.astype(np.float32),
            "confidence": found.confidence.astype(np.float32),
            "cnv_signal": found.copies.signal.astype(np.float32),
            "cnv_correlation": found.copies.correlation.astype(np.float32),
            "cnv_log_odds": found.copies.log_odds.astype(np.float32),
            "reason": found.reason,
            **{f"lineage_{name}": found.lineages.log_odds[:, i] for i, name in enumerate(GROUPS)},
            **_coded("cell_type", found.lineages.best),
        }
    types = {} if found is None else {"marker_types": sorted(set(found.lineages.best))}
    return {
        "method": how,
        "table": table,
        "samples": per_sample,
        "cells": cells,
        "compartments": vocabulary,
        "copy_number": overall(per_sample["copy_number"]),
        "profile": "no profile" if found is None else found.source,
        **types,
    }


def overall(states: pd.Series) -> str:
    """``yes`` where any sample says so, else ``no`` where any was assessed."""
    listed = set(states)
    return next((s for s in (copy_number.YES, copy_number.NO) if s in listed), copy_number.NOT_ASSESSED)


def _coded(name: str, labels: np.ndarray) -> dict[str, np.ndarray]:
    names = sorted(set(labels))
    return {name: pd.Index(names).get_indexer(labels).astype(np.int16)}


def _against(compartment: np.ndarray, samples: Factor, found: Assessment, k: int) -> int:
    """Cells of a sample whose probability speaks against their label."""
    here = samples.codes == k
    likely = found.probability[here] > PRIOR_OPEN
    tumor = compartment[here] == "tumor"
    known = (compartment[here] != "unresolved") & ~np.isnan(found.probability[here])
    return int((known & (likely != tumor)).sum())


def _statement(found: Assessment, k: int, *, by_labels: bool, n_against: int) -> str:
    state, reason = str(found.copies.state[k]), str(found.copies.reason[k])
    row = found.copies.table.iloc[k]
    words = {
        copy_number.YES: f"copy-number evidence: yes, in {int(row['n_putative'])} putative tumor cells",
        copy_number.NO: f"no copy-number evidence in this sample: {reason}",
        copy_number.NOT_ASSESSED: f"copy number not assessed: {reason}",
    }[state]
    if not by_labels:
        return words
    against = f"; {n_against} cells against their label" if state != copy_number.NOT_ASSESSED else ""
    return f"{_BY_LABELS}; {words}{against}"
