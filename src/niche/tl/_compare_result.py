"""What a comparison of organs stores of its features, whether edges or genes."""

from __future__ import annotations

from typing import Any

import numpy as np

from niche._stats.contrasts import as_columns
from niche.tl._compare_calls import CALLS, calls_of, family_q, reasons_of
from niche.tl._compare_edges import Compared
from niche.tl._compare_input import Study
from niche.tl._compare_reasons import Reasons


def result_of(
    found: Compared, study: Study, expressed: np.ndarray, untested: np.ndarray, reasons: Reasons
) -> dict[str, Any]:
    """Judge the features and name everything that both kinds of comparison store.

    ``expressed`` (n_features, n_groups); ``untested`` reason codes of what could not be compared at all.
    """
    wanted, groups = study.wanted, study.groups
    metastases = groups.of("metastasis")
    patients = [
        np.unique(study.units.samples.patient[study.units.samples.group == g]).size
        for g in range(len(groups.name))
    ]
    replicated = metastases & (np.array(patients) >= 2)
    q, sizes = family_q(found.columns["pval"], wanted, (found.usable & replicated).sum(axis=1))
    call, undetermined = calls_of(found, q, expressed, wanted, metastases)
    values = {
        name: column if name.startswith("pval") else column.astype(np.float32)
        for name, column in found.columns.items()
    }
    return {
        "contrasts": as_columns(wanted),
        "groups": {"name": groups.name, "organ": groups.organ, "tissue": groups.tissue},
        "values": values | {"qval": q},
        "n_samples": found.n_samples, "n_patients": found.n_patients,
        "call": call,
        "reason": reasons_of(found, call, undetermined, reasons),
        "untested": untested,
        "reason_names": reasons.names, "call_names": list(CALLS),
        "families": {"name": list(sizes), "n_tests": np.array(list(sizes.values()))},
        "confounding": study.confounding,
    }  # fmt: skip
