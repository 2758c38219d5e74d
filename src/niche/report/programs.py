"""Programs of the tumor: what was found, what of it goes with an organ, and what merely leaked."""

from __future__ import annotations

import pandas as pd

from niche.report import comparison, formats, program_tables, signatures
from niche.report.blocks import Block, Callout, Heading, Section, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import Findings

NAME, TITLE = "programs", "Programs of the tumor"

_PROGRAMS = {
    "program": ("Program", formats.text),
    "like": ("Resembles", formats.text),
    "genes": ("First genes", formats.text),
    "kind": ("Kind", formats.text),
    "n_patients": ("Patients who have it", formats.count),
    "mean_usage": ("Usage, mean of patients", formats.share),
    "top_patient": ("Used most by", formats.text),
    "top_patient_share": ("of all usage", formats.share),
}
_VERDICTS = {
    "program": ("Program", formats.text),
    "name": ("Like, or first genes", formats.text),
    "verdict": ("Verdict", formats.text),
    "reason": ("Because", formats.text),
}
_ORGANS = {
    "organ": ("Organ", formats.readable),
    "n_patients": ("Patients with enough malignant cells", formats.count),
    "n_cells": ("Cells", formats.count),
    "allows": ("Allows", formats.text),
}
_EFFECTS = {
    "program": ("Program", formats.text),
    "told": ("Organ, against the others", formats.text),
    "effect": ("log2 ratio of usage", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "pval": ("p", formats.probability),
    "qval": ("q", formats.probability),
    "call": ("Call", formats.readable),
    "ambient": ("Ambient share", formats.text),
    "control": ("Rise of host cells", formats.decimal),
    "n_patients": ("Patients", formats.count),
    "sign_stability": ("Same sign without one patient", formats.share),
    "min_detectable_effect": ("Could have been found", formats.decimal),
    "reason": ("Remark", formats.text),
}
_VARIANCE = {
    "program": ("Program", formats.text),
    "verdict": ("Verdict", formats.readable),
    "var_organ": ("Between organs", formats.share),
    "var_patient": ("Between patients of an organ", formats.share),
    "var_within": ("Between cells of a patient", formats.share),
}
_SENSITIVITY = {
    "program": ("Program", formats.text),
    "told": ("Organ, against the others", formats.text),
    "setting": ("Cells", formats.text),
    "effect": ("log2 ratio of usage", formats.decimal),
    "pval": ("p", formats.probability),
    "n_patients": ("Patients", formats.count),
    "reason": ("Remark", formats.text),
}
_SAMPLES = {
    "sample": ("Sample", formats.text),
    "patient": ("Patient", formats.text),
    "n_cells": ("Malignant cells", formats.count),
    "reason": ("Left out because", formats.text),
}
INTRO = (
    "Which programs does the tumor bring, which go with an organ, and which merely leaked into its cells? A "
    "program is a set of genes that malignant cells switch together. Programs are found without looking at "
    "organs, and cells of different patients are never brought closer to each other."
)
READING = (
    "The log2 ratio of usage is that of an organ to the mean of the others: 1 is twice as much. q is over "
    "programs. The ambient share is how much of the difference molecules of other cells explain; the rise of "
    "host cells is how much the genes of a program rise in host cells of the organ for what they rise in "
    "the tumor: near 1, all cells of the organ seem to switch it on, which is how leaking looks. “Could have "
    "been found” is the difference that four of five such studies would detect."
)
ASSOCIATION = (
    "Organ-associated says that malignant cells of patients with metastases in this organ use a program more "
    "or less. It does not say that the organ induces it: tumors that run it may settle there. Undetermined "
    "programs are neither of an organ nor alike everywhere by evidence."
)
NO_AMBIENT = (
    "The share of ambient molecules was not assessed: what leaked from host cells is told by the negative "
    "control alone, so an organ-associated program may still be one that leaked."
)


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not (found.programs.there or found.signatures.there):
        return Section.missing(NAME, TITLE, found.why_not("programs", found.programs))
    blocks: list[Block] = [Text(INTRO)]
    if found.programs.there:
        blocks += [*_found(found, figures), *_compared(found, figures)]
    else:
        blocks.append(
            Callout(f"Programs: not assessed. {found.why_not('programs', found.programs)}", "missing")
        )
    return Section(NAME, TITLE, [*blocks, *signatures.blocks(found)])


def _found(found: Findings, figures: dict[str, ReportFigure]) -> list[Block]:
    samples = program_tables.samples(found)
    used = samples[samples["status"].astype(str) == "used"]
    left_out = samples[samples["status"].astype(str) != "used"]
    blocks: list[Block] = [
        Heading("What was found"),
        Text(
            f"In {formats.plural(int(used['n_cells'].sum()), 'malignant cell')} of "
            f"{formats.plural(len(used), 'sample')} of "
            f"{formats.plural(used['patient'].nunique(), 'patient')}: {program_tables.kinds(found)}. "
            "Patient-private programs are those of one tumor, such as its copy numbers; background is what "
            "all cells express more or less of."
        ),
        table(program_tables.described(found), "Programs of malignant cells", _PROGRAMS),
    ]
    if len(left_out):
        blocks.append(
            table(
                left_out, "Samples without programs", _SAMPLES,
                folded=f"{formats.plural(len(left_out), 'sample')} left out, with the reason",
            )
        )  # fmt: skip
    return [*blocks, *_drawn(figures, "programs")]


def _compared(found: Findings, figures: dict[str, ReportFigure]) -> list[Block]:
    blocks: list[Block] = [Heading("Brought along, of an organ, or leaked?")]
    if not found.compare_programs.there:
        why = found.why_not("compare_programs", found.compare_programs)
        return [*blocks, Callout(f"Not assessed. {why}", "missing")]
    rows = program_tables.described(found)
    first = rows["genes"].str.split(", ").str[:3].str.join(", ")
    rows["name"] = rows["like"].where(rows["like"] != "", first)
    blocks += [
        table(program_tables.organs(found), "Patients of every organ", _ORGANS),
        table(rows, "Verdict on every program", _VERDICTS, tags=("verdict",)),
        Callout(ASSOCIATION, "limit"),
    ]
    if not bool(found.compare_programs.value["ambient_assessed"]):
        blocks.append(Callout(f"{NO_AMBIENT} {found.why_not('ambient', found.ambient)}".rstrip(), "limit"))
    blocks += _drawn(figures, "program_usage")
    return [*blocks, *_effects(found), *_drawn(figures, "program_ambient"), *_variance(rows, figures),
            *_sensitivity(found)]  # fmt: skip


def _effects(found: Findings) -> list[Block]:
    rows = program_tables.main_effects(found)
    if not len(rows):
        return [Callout("No difference between organs could be estimated; the verdicts say why.", "limit")]
    most = float(found.compare_programs.value["params"]["max_share"])
    rows["ambient"] = [comparison.ambient(value, most) for value in rows["ambient_share"]]
    called = rows[rows["call"].isin(["enriched", "depleted"])].sort_values("qval", kind="stable")
    blocks: list[Block] = []
    if len(called):
        blocks.append(table(called, "Programs used more or less in an organ", _with_remarks(called)))
    folded = f"All {formats.plural(len(rows), 'difference')}" if len(called) else ""
    blocks.append(table(rows, "Usage of every program, organ by organ", _with_remarks(rows), folded=folded))
    return [*blocks, Text(READING)]


def _with_remarks(rows: pd.DataFrame) -> dict[str, tuple[str, formats.Formatter]]:
    """Columns of a table of differences; that of remarks only where there is one."""
    return {
        name: value for name, value in _EFFECTS.items() if name != "reason" or (rows["reason"] != "").any()
    }


def _variance(rows: pd.DataFrame, figures: dict[str, ReportFigure]) -> list[Block]:
    return [
        Heading("Where usage varies"),
        *_drawn(figures, "program_variance"),
        table(rows, "Parts of the variance of usage", _VARIANCE, folded="The same in numbers"),
    ]


def _sensitivity(found: Findings) -> list[Block]:
    rows = program_tables.sensitivity(found)
    if not len(rows):
        return []
    return [
        table(
            rows, "Differences of usage with purer cells and within assays", _SENSITIVITY,
            folded="Does it depend on how pure the cells are, or on the assay?",
        )
    ]  # fmt: skip


def _drawn(figures: dict[str, ReportFigure], *names: str) -> list[Block]:
    return [figures[name].image() for name in names if name in figures]
