"""What is questionable about a study: every check of the design as rows of one table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from niche import resources
from niche._slots import keys, validate
from niche.pp.design_tables import CALL, DESCRIBE, Cells

COLUMNS = ("severity", "what", "where", "found", "advice")
SEVERITIES = ("error", "warning", "note")

_DOMINATES = 0.5
_DOMINATES_OF_TWO = 2 / 3
"""Of two patients one always supplies half."""
_DEPTH_RATIO = 3.0
_MINIMUM_TUMOR = 20


@dataclass
class Issues:
    """Rows of the issue table, collected in the order of the checks."""

    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    def error(self, what: str, where: str, found: str, advice: str) -> None:
        """Add what stops the main analysis."""
        self.rows.append(("error", what, where, found, advice))

    def warning(self, what: str, where: str, found: str, advice: str) -> None:
        """Add what limits the conclusions."""
        self.rows.append(("warning", what, where, found, advice))

    def note(self, what: str, where: str, found: str, advice: str = "") -> None:
        """Add what a reader should know."""
        self.rows.append(("note", what, where, found, advice))

    def table(self) -> pd.DataFrame:
        """All rows, the most severe first."""
        table = pd.DataFrame(self.rows, columns=list(COLUMNS), dtype=object)
        order = table["severity"].map({name: i for i, name in enumerate(SEVERITIES)}).astype(int)
        return table.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def check_tissue(issues: Issues, cells: Cells, tissue_key: str) -> None:
    """Say which samples count as metastases."""
    samples = cells.samples
    if not samples.tissue_given:
        issues.note(
            "tissue",
            f"obs[{tissue_key!r}]",
            "no such column: every sample is taken as a metastasis",
            f"give tissue_key= with {', '.join(keys.TISSUES)} if there are primary tumors or normal tissue",
        )
    elif not (samples.tissue == "metastasis").any():
        issues.error(
            "tissue",
            f"obs[{tissue_key!r}]",
            f"no metastasis, only {validate.shown(sorted(set(samples.tissue)))}",
            "organs are compared on metastases; widen with tissues= where a function has it",
        )


def check_organs(issues: Issues, organs: pd.DataFrame, organism: str) -> None:
    """Count the organs, their patients, and say which are unknown to the framework."""
    metastases = organs[organs["tissue"] == "metastasis"]
    if len(metastases) == 1:
        issues.warning(
            "organs",
            f"organ {metastases['organ'].iloc[0]!r}",
            "one metastatic organ only: nothing can be compared between organs",
            "describe it, or compare it with primary or normal tissue",
        )
    for organ, tissue, possible, reason in zip(
        organs["organ"], organs["tissue"], organs["possible"], organs["reason"], strict=True
    ):
        if possible == CALL:
            continue
        limit = "not testable" if possible == DESCRIBE else "no call possible"
        issues.warning(
            "replicates", f"organ {organ!r} ({tissue})", f"{limit}: {reason}", "patients are replicates"
        )
    known = sorted(set(resources.markers(organism=organism)["organ"].astype(str)) - {"shared"})
    for organ in dict.fromkeys(organs["organ"]):
        if organ in known:
            continue
        alike = [name for name in known if _plain(name) == _plain(organ)]
        advice = f"rename it to {alike[0]!r}" if alike else f"organs with markers: {', '.join(known)}"
        issues.note("organ markers", f"organ {organ!r}", "no markers shipped for this organ", advice)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def check_patients(issues: Issues, cells: Cells, samples: pd.DataFrame) -> None:
    """Pairing of patients over organs, and patients who supply most of an organ."""
    metastases = samples[samples["tissue"] == "metastasis"]
    per_patient = metastases.groupby("patient")["organ"].nunique()
    n_paired = int((per_patient > 1).sum())
    if metastases["organ"].nunique() > 1:
        text = f"{n_paired} of {len(per_patient)} patients have metastases of several organs"
        issues.note("pairing", "patients", text, "" if n_paired else "organs are compared between patients")
        if metastases.groupby("organ")["patient"].nunique().max() == 1:
            issues.warning(
                "aliased",
                "patients",
                "every organ comes from one patient: organ and patient cannot be told apart",
                "add patients; nothing about organs can be concluded",
            )
    sizes = {"cells": samples["n_cells"]}
    if cells.compartment is not None:
        sizes["tumor cells"] = samples["n_tumor"]
    for what, size in sizes.items():
        _check_dominance(issues, samples, what, size)


def _check_dominance(issues: Issues, samples: pd.DataFrame, what: str, size: pd.Series) -> None:
    for (organ, tissue), part in size.groupby([samples["organ"], samples["tissue"]], sort=True):
        per_patient = part.groupby(samples["patient"]).sum().sort_values(ascending=False)
        total = int(per_patient.sum())
        if len(per_patient) < 2 or total < (_MINIMUM_TUMOR if what == "tumor cells" else 1):
            continue
        share = per_patient.iloc[0] / total
        if share > (_DOMINATES if len(per_patient) > 2 else _DOMINATES_OF_TWO):
            issues.warning(
                "dominance",
                f"organ {organ!r} ({tissue})",
                f"patient {per_patient.index[0]!r} supplies {int(per_patient.iloc[0])} of {total} {what} "
                f"({100 * share:.0f} %)",
                "look at this patient's influence before concluding on the organ",
            )


def check_depth(issues: Issues, samples: pd.DataFrame) -> None:
    """Warn where organs were sequenced to very different depth."""
    metastases = samples[(samples["tissue"] == "metastasis") & samples["median_counts"].notna()]
    depth = metastases.groupby("organ")["median_counts"].median()
    depth = depth[depth > 0]
    ratio = depth.max() / depth.min() if len(depth) else 1.0
    if ratio >= _DEPTH_RATIO:
        issues.warning(
            "depth",
            "counts per cell",
            f"organ {depth.idxmax()!r} has {ratio:.1f} times the counts of {depth.idxmin()!r}",
            "what is absent at low depth may be missed, not missing",
        )


def check_covariate(
    issues: Issues, name: str, values: pd.Series, cells: Cells, samples: pd.DataFrame
) -> None:
    """Say whether organ can be told apart from a covariate such as study, assay or subtype."""
    where = f"obs[{name!r}]"
    n_missing = int(values.isna().sum())
    if n_missing:
        issues.warning(
            "covariate",
            where,
            f"{n_missing} of {len(values)} cells have no value",
            "these samples are left out",
        )
    per_sample = values.astype(object).groupby(cells.samples.cells.codes)
    varying = int((per_sample.nunique() > 1).sum())
    if varying:
        issues.note(
            "covariate",
            where,
            f"varies within {varying} samples: it is no property of a sample",
            "not checked",
        )
        return
    level = per_sample.first().reindex(range(len(samples)))
    keep = (samples["tissue"] == "metastasis").to_numpy() & level.notna().to_numpy()
    organ, level = samples["organ"].to_numpy()[keep], level.to_numpy()[keep]
    if len(set(organ)) < 2 or len(set(level)) < 2:
        return
    if pd.api.types.is_float_dtype(values.dtype):
        parts = _constant_within(organ, level)
        advice = "adjusting for it leaves nothing to compare"
    else:
        parts = _connected_organs(organ, level)
        advice = "organs of different groups cannot be compared while adjusting for it"
    if len(parts) == len(set(organ)):
        issues.warning(
            "aliased", where, f"every organ has its own {name}: the two cannot be told apart", advice
        )
    elif len(parts) > 1:
        groups = " | ".join(", ".join(map(str, part)) for part in parts)
        issues.warning("nested", where, f"organs fall into groups that share no {name}: {groups}", advice)


def _constant_within(organ: np.ndarray, level: np.ndarray) -> list[list[str]]:
    """Each organ alone when a numeric covariate is constant in every organ, else all together."""
    names = sorted(set(organ))
    constant = all(len(set(level[organ == name])) == 1 for name in names)
    return [[name] for name in names] if constant else [names]


def _connected_organs(organ: np.ndarray, level: np.ndarray) -> list[list[str]]:
    """Groups of organs linked by shared levels; only within a group can organs be compared."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    organs, o = np.unique(organ.astype(str), return_inverse=True)
    levels, c = np.unique(level.astype(str), return_inverse=True)
    n = len(organs) + len(levels)
    graph = coo_matrix((np.ones(len(o)), (o, len(organs) + c)), shape=(n, n))
    part = connected_components(graph, directed=False)[1][: len(organs)]
    return [[str(name) for name in organs[part == i]] for i in dict.fromkeys(part)]


def check_cell_types(issues: Issues, cells: Cells, types: pd.DataFrame, groupby: str, n_missing: int) -> None:
    """Missing labels, rare types, names that clash, types found in one organ only."""
    where = f"obs[{groupby!r}]"
    if n_missing:
        issues.error(
            "cell types",
            where,
            f"{n_missing} cells have no label",
            f"label them, or leave them out: adata[adata.obs[{groupby!r}].notna()].copy()",
        )
    totals = types.groupby("cell_type")["n_cells"].sum()
    usable = types.groupby("cell_type")["n_samples_usable"].sum()
    single = totals.index[totals == 1]
    if len(single):
        issues.warning(
            "cell types", where, f"types with one cell: {validate.shown(single)}", "merge or leave them out"
        )
    rare = [name for name in usable.index[usable == 0] if totals[name] > 1]
    if rare:
        issues.warning(
            "cell types",
            where,
            f"fewer than min_cells={cells.min_cells} cells in every sample: {validate.shown(rare)}",
            "their edges are not testable; merge them into coarser types",
        )
    given = sorted(cells.groups["cell_type"].dropna().astype(str).unique())
    clash = [name for name in given if name.endswith(" (tumor)")]
    if clash:
        issues.warning(
            "cell types",
            where,
            f"names end in ' (tumor)': {validate.shown(clash)}",
            "niche adds this ending to the tumor cells of a type that holds both; rename them",
        )
    barred = [name for name in given if "|" in name]
    if barred:
        issues.note(
            "cell types",
            where,
            f"names hold '|': {validate.shown(barred)}",
            "CellPhoneDB and squidpy join two cell types with it: rename before exporting to them",
        )
    present = types[(types["tissue"] == "metastasis") & (types["n_samples_usable"] > 0)]
    n_organs = present.groupby("cell_type")["organ"].nunique()
    alone = n_organs.index[n_organs == 1]
    if present["organ"].nunique() > 1 and len(alone):
        issues.note(
            "cell types",
            where,
            f"usable in one metastatic organ only: {validate.shown(alone)}",
            "their edges are described, not compared; level='lineage' makes organ stroma comparable",
        )


def check_compartments(issues: Issues, cells: Cells, compartment_key: str) -> None:
    """Say what is known of tumor and host, and which types hold both."""
    where = f"obs[{compartment_key!r}]"
    if cells.compartment is None:
        issues.warning(
            "compartment",
            where,
            "tumor and host cells are not told apart",
            "run niche.tl.call_compartments first",
        )
        return
    unresolved = int(cells.of_compartment("unresolved")["n"].sum())
    if unresolved:
        share = 100 * unresolved / int(cells.groups["n"].sum())
        issues.note("compartment", where, f"{unresolved} cells ({share:.0f} %) are unresolved and left out")
    if cells.of_compartment("tumor").empty:
        issues.warning("compartment", where, "no tumor cell", "tumor -> host edges cannot be tested")
    if cells.cell_type is not None:
        both = [str(name) for name in cells.mixed()]
        if both:
            text = f"types with tumor and host cells are split: {validate.shown(both)}"
            issues.note("compartment", where, text)
