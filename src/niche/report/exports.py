"""The tables behind a report, for files beside it."""

from __future__ import annotations

import pandas as pd

from niche import get
from niche.report import program_tables, spatial_tables
from niche.report.ambient_rna import leaked
from niche.report.cells import cell_counts
from niche.report.findings import Findings, Found
from niche.report.quality import left_out


def tables(found: Findings) -> dict[str, pd.DataFrame]:
    """Return the tables of what is stored, by file name without ending."""
    made: dict[str, pd.DataFrame] = {}
    if found.design.there:
        made |= {f"design_{name}": frame for name, frame in found.design.value.items()}
    if found.orthologs.there:
        made |= _stored(found.species, "table", "species")
        for part in ("samples", "species", "dropped"):
            made |= _stored(found.orthologs, part, f"orthologs_{part}")
    made |= _stored(found.qc, "table", "qc_samples")
    if found.recipe.there:
        made["qc_left_out"] = left_out(found)
    made |= _stored(found.recipe, "steps", "steps")
    made |= _stored(found.compartments, "table", "compartments")
    if found.compartments.there:
        made["compartments_samples"] = get.compartments(found.adata)
    if found.cnv.there:
        made |= {f"cnv_{what}": get.cnv(found.adata, what=what) for what in ("references", "placed")}
    made |= _stored(found.cluster, "table", "clusters")
    if found.cluster.there and len(pd.DataFrame(found.cluster.value.get("stability", {}))):
        made |= _stored(found.cluster, "stability", "cluster_stability")
    made |= _stored(found.annotate, "table", "cell_types_by_markers")
    if found.ambient.there:
        made["ambient_samples"] = get.ambient(found.adata)
        made["ambient_cell_types"] = get.ambient(found.adata, level="cell_types")
        made["ambient_leaked"] = leaked(found, top=100)
    made["cells"] = cell_counts(found)
    if found.communication.there:
        made["communication_tested"] = found.tested
        made["communication_status"] = found.statuses
        made["communication_cell_pairs"] = found.cell_pairs
    if found.compare.there:
        made["compare_communication"] = found.compared
        made["compare_communication_untested"] = found.uncompared
    if found.exclusive.there:
        made["organ_exclusive"] = found.exclusive.value
    if found.account.there:
        account = found.account.value
        made["tropism"] = account
        made["mediators"] = account[account["kind"] == "mediator"]
    if found.compatibility.there:
        made["compatibility"] = found.compatibility.value
    if found.axes.there:
        made["published_axes"] = found.axes.value
    return made | spatial_tables.tables(found) | program_tables.tables(found)


def _stored(result: Found, part: str, name: str) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(result.value[part])} if result.there else {}
