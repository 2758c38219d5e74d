"""The report in words: what was asked, what can and what cannot be concluded."""

from __future__ import annotations

import pandas as pd

from niche._slots import keys
from niche.report import account, answerable, comparison, formats, program_summary, spatial_summary
from niche.report.blocks import Block, Bullets, Callout, Heading, Section, Text, table
from niche.report.findings import MAX_QVAL, Findings

NAME, TITLE = "summary", "Summary"

WITHIN = (
    "These p-values are about specificity within samples: is this pair more specific to these two cell "
    "types than when the cell type labels are exchanged within each sample? They are no evidence about "
    "patients."
)
NUMBERS = (
    "How many edges are significant within an organ depends on the number of cells and the mix of cell types "
    "in its samples, so these numbers must not be compared between organs."
)
NOT_BETWEEN = "Differences between organs are not tested in this report."
BETWEEN = (
    "What differs between organs is tested with patients as the replicates, in the section Between organs, "
    "and only that may be said of a difference. Undetermined edges are neither different nor alike."
)
_BETWEEN = ("n_compared", "n_stronger", "n_weaker")
"""Columns that are empty where no organ is compared with others."""

PRESENCE = (
    "RNA of a ligand and a receptor in two cell types is a hypothesis about communication. It shows neither "
    "the proteins nor contact nor an effect on the receiving cell."
)
CIRCULAR = (
    "Where cell types were named by the same genes, the test is circular: a receptor that defines a cell "
    "type is specific to it by definition."
)


def section(found: Findings) -> Section:
    """Build the section."""
    blocks: list[Block] = [Text(question(found)), Text(_data(found)), *answerable.callout(found)]
    blocks += account.lead(found)
    blocks += [*_at_a_glance(found), *spatial_summary.glance(found), *program_summary.glance(found)]
    blocks.append(Heading("What can be concluded"))
    blocks.append(Bullets([*_can(found), *spatial_summary.can(found), *program_summary.can(found)]))
    blocks.append(Heading("What cannot be concluded"))
    if found.communication.there:
        between = BETWEEN if found.compare.there else f"{NOT_BETWEEN} {comparison.why_none(found)}"
        blocks += [Callout(WITHIN, "limit"), Callout(f"{NUMBERS} {between}", "limit")]
    blocks.append(
        Bullets([*_cannot(found), *spatial_summary.cannot(found), *program_summary.cannot(found)])
    )
    return Section(NAME, TITLE, blocks)


def question(found: Findings) -> str:
    """What was asked, in one sentence."""
    if not found.communication.there:
        if found.programs.there:
            return f"{program_summary.QUESTION} Ligand-receptor communication was not assessed."
        if found.spatial.there:
            return f"{spatial_summary.QUESTION} Edges of dissociated cells were not assessed."
        if found.compartments.there:
            return (
                "Asked: which cells are malignant, on what grounds, and which host cells surround them? "
                "Ligand-receptor communication was not assessed."
            )
        return "Ligand-receptor communication was not assessed; this report describes the data."
    params = found.params
    senders, receivers = (_chosen(params.get(name)) for name in ("senders", "receivers"))
    ends = "tumor and host cells, in both directions,"
    if found.orthologs.there:
        graft = str(found.orthologs.value["params"]["graft_species"])
        host = next(name for name in keys.ORGANISMS if name != graft)
        ends = f"{graft} tumor and {host} host cells, in both directions,"
    if senders or receivers:
        ends = f"{senders or 'all cells'} (sending) and {receivers or 'all cells'} (receiving)"
    return (
        f"Asked: in {formats.listed([formats.readable(organ) for organ in found.organs])}, which "
        f"ligand-receptor pairs are expressed between {ends} and are specific to their cell types there"
        + (", and which of them differ between the organs?" if found.compare.there else "?")
        + (f" {spatial_summary.QUESTION}" if found.spatial.there else "")
        + (f" {program_summary.QUESTION}" if found.programs.there else "")
    )


def _chosen(value: object) -> str:
    if value is None or (isinstance(value, str) and value == "None"):
        return ""
    return value if isinstance(value, str) else formats.listed([str(item) for item in value])  # type: ignore[attr-defined]


def _data(found: Findings) -> str:
    if not found.design.there:
        return (
            f"Data: {formats.plural(found.adata.n_obs, 'cell')}. The design was not assessed: "
            f"{found.design.reason}"
        )
    samples: pd.DataFrame = found.design.value["samples"]
    parts = []
    for tissue, part in samples.groupby("tissue", sort=False, observed=True):
        words = {"metastasis": ("metastasis", "metastases")}.get(
            str(tissue), (f"{tissue} sample", f"{tissue} samples")
        )
        parts.append(
            f"{formats.plural(len(part), *words)} of {formats.plural(part['patient'].nunique(), 'patient')}"
        )
    return (
        f"Data: {formats.plural(found.adata.n_obs, 'cell')} in {formats.plural(len(samples), 'sample')} of "
        f"{formats.plural(samples['patient'].nunique(), 'patient')} ({'; '.join(parts)})."
    )


def organ_rows(found: Findings) -> pd.DataFrame:
    """One row per organ of the result: replicates, edges, published axes."""
    design = pd.DataFrame()
    if found.design.there:
        design = found.design.value["organs"].copy()
        design["label"] = design["organ"].where(
            design["tissue"] == "metastasis", design["organ"] + " (" + design["tissue"] + ")"
        )
        design = design.set_index("label")
    rows = []
    for organ in found.organs:
        mine = found.tested[found.tested["organ"] == organ]
        axes = (
            found.axes.value[found.axes.value["organ"] == organ]
            if found.axes.there
            else pd.DataFrame({"status": []})
        )
        rows.append(
            {
                "organ": formats.readable(organ),
                "n_patients": design["n_patients"].get(organ) if len(design) else None,
                "n_samples": design["n_samples"].get(organ) if len(design) else None,
                "n_cells": design["n_cells"].get(organ) if len(design) else None,
                "n_patients_tested": mine["n_patients"].max() if len(mine) else 0,
                "n_tested": len(mine),
                "n_significant": int((found.significant["organ"] == organ).sum()),
                **_between(found, organ),
                "axes_found": int((axes["status"] == "found").sum()),
                "axes_tested": int(axes["status"].isin(["found", "tested_not_significant"]).sum()),
                "axes": int((axes["ligand"] != "").sum()) if "ligand" in axes else 0,
            }
        )
    return pd.DataFrame(rows)


def _between(found: Findings, organ: str) -> dict[str, object]:
    """How many edges were compared with the other organs, and how many are stronger and weaker here."""
    if not found.compare.there:
        return {}
    table = comparison.contrasts(found)
    name = table.loc[(table["organ"] == organ) & (table["kind"] == "rest"), "contrast"]
    if not len(name):
        return dict.fromkeys(_BETWEEN)
    mine = found.compared[found.compared["contrast"] == name.iloc[0]]
    calls = mine["call"].astype(str)
    can = mine["pval"].notna() & (calls != "not_testable")
    if not can.any():
        return {"n_compared": 0, "n_stronger": None, "n_weaker": None}
    return {
        "n_compared": int(can.sum()),
        "n_stronger": int(calls.isin(comparison.UP).sum()),
        "n_weaker": int(calls.isin(comparison.DOWN).sum()),
    }


def _at_a_glance(found: Findings) -> list[Block]:
    if not found.communication.there:
        return [Callout(f"Communication was not assessed. {found.communication.reason}", "missing")]
    rows = organ_rows(found)
    between = [name for name in _BETWEEN if name in rows]
    rows = rows.drop(columns=[name for name in between if rows[between].isna().all(axis=None)])
    return [
        table(
            rows,
            "At a glance",
            {
                "organ": ("Organ", formats.text),
                "n_patients": ("Patients", formats.count),
                "n_samples": ("Samples", formats.count),
                "n_cells": ("Cells", formats.count),
                "n_patients_tested": ("Patients behind a tested edge (at most)", formats.count),
                "n_tested": ("Edges tested", formats.count),
                "n_significant": (f"Edges with q ≤ {MAX_QVAL:g}", formats.count),
                "n_compared": ("Edges compared with the other organs", formats.count),
                "n_stronger": ("stronger here", formats.count),
                "n_weaker": ("weaker here", formats.count),
                "axes_found": ("Published axes found", formats.count),
                "axes_tested": ("Published axes tested", formats.count),
                "axes": ("Published axes", formats.count),
            },
        )
    ]


def _can(found: Findings) -> list[str]:
    if not found.communication.there:
        return _can_without_edges(found)
    items = [
        "Which pairs are expressed on both sides in an organ, by at least "
        f"{float(found.params['expr_prop']):.0%} of the cells of both types, in samples with at least "
        f"{int(found.params['min_cells'])} cells of each.",
        f"Which of them are specific to their two cell types within these samples (q ≤ {MAX_QVAL:g}, "
        "Benjamini-Hochberg over all tested edges of the organ).",
        "Which published axes of metastasis to these organs show up in this way, and which could not be "
        "looked at.",
    ]
    items += _differences(found)
    if "qval" not in found.tested:
        items[1] = "No p-values were asked for (null=None): edges are ranked, not tested."
    return items


def _differences(found: Findings) -> list[str]:
    """What the comparison of organs says, in one sentence per organ with a call."""
    if not found.compare.there:
        return []
    items = []
    sided = comparison.main(found).query("kind != 'omnibus'")
    between = sided[sided["kind"] == "rest"]
    for contrast in (between if len(between) else sided).to_dict("records"):
        name = contrast["contrast"]
        up, down = (comparison.called(found, name, calls) for calls in (comparison.UP, comparison.DOWN))
        leaked = comparison.called(found, name, comparison.SUSPECT)
        if not len(up) + len(down) + len(leaked):
            continue
        edges = [
            f"{pair} ({source} to {target})"
            for pair, source, target in zip(
                formats.arrows(up.head(3)), up["source"], up["target"], strict=False
            )
        ]
        items.append(
            f"{contrast['told'][:1].upper()}{contrast['told'][1:]}, over patients: "
            f"{formats.plural(len(up), 'edge')} stronger and {len(down):,} weaker"
            + (f", {len(leaked):,} more that ambient RNA may explain" if len(leaked) else "")
            + (f". First of the stronger: {formats.listed(edges)}." if edges else ".")
        )
    if items:
        return items
    where = "The section Between organs says what could not be tested and why."
    tested = found.compared["pval"].notna() & (found.compared["call"].astype(str) != "not_testable")
    if not tested.any():
        return [f"No difference between organs: not one could be tested for a call. {where}"]
    return [
        "Edges were compared between organs, patients being the replicates: none could be called stronger in "
        f"an organ. {where}"
    ]


def _can_without_edges(found: Findings) -> list[str]:
    if not found.compartments.there or found.copy_number == "not_assessed":
        return [] if found.spatial.there else ["Only what the sections below describe."]
    return [
        "In which samples gains and losses along the genome can be seen in expression, and which cells carry "
        "them, each with a probability.",
        "Which cells stay unresolved, and why.",
        "Which genes of the tumor cells are explained by RNA of their surroundings, where there are counts.",
    ]


def _cannot(found: Findings) -> list[str]:
    if not found.communication.there:
        return [_malignancy(found)] if found.compartments.there else [PRESENCE]
    items = [PRESENCE]
    items.append(CIRCULAR)
    items += [_few(row) for row in organ_rows(found).to_dict("records") if row["n_patients_tested"] < 3]
    if not bool(found.communication.value["tissue_given"]):
        items.append(
            "No tissue was given: every sample was taken as a metastasis. If there are primary tumors or "
            "normal tissue among them, their edges are mixed in."
        )
    n_unresolved = int(found.communication.value["n_unresolved"])
    if n_unresolved:
        items.append(
            f"{formats.plural(n_unresolved, 'cell')} could not be assigned to tumor or host and took no "
            "part; edges of these cells are unknown, not absent."
        )
    items.append(_malignancy(found))
    return items


def _malignancy(found: Findings) -> str:
    """What the split into tumor and host does not say."""
    if not found.labelled:
        return (
            "Malignant cells were called from copy number read from expression, not from DNA. Where a sample "
            "shows no copy-number evidence its tumor cells are unresolved, not absent."
        )
    if found.copy_number == "not_assessed":
        return (
            "Compartments were taken from labels. Copy number was not looked at, so malignant cells may hide "
            "among normal epithelium and the other way round."
        )
    return (
        "Compartments were taken from labels. Copy number stands beside them (section Tumor and host) and "
        "does not correct them."
    )


def _few(row: dict[str, object]) -> str:
    n = int(row["n_patients_tested"])  # type: ignore[call-overload]
    organ = str(row["organ"])
    if n == 0:
        return (
            f"{organ.capitalize()}: no edge could be tested. That says nothing about communication in this "
            "organ."
        )
    if n == 1:
        return (
            f"{organ.capitalize()}: every tested edge rests on a single patient. What is seen may be this "
            "patient, and not the organ."
        )
    return (
        f"{organ.capitalize()}: tested edges rest on two patients at most, too few to tell organ from "
        "patient."
    )
