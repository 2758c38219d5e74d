"""What differs between organs: what could be compared, whether to trust it, and what was found."""

from __future__ import annotations

import pandas as pd

from niche._slots import keys
from niche.get._comparisons import both_sides_move
from niche.report import comparison, formats
from niche.report.blocks import Block, Bullets, Callout, Column, Heading, Section, Table, Text, table
from niche.report.figures import ReportFigure, file_name
from niche.report.findings import Findings

NAME, TITLE = "between_organs", "Between organs"

TOP = 10
"""Edges of an organ that are listed in each direction."""

_ORGANS = {
    "organ": ("Organ", formats.text),
    "n_patients": ("Patients", formats.count),
    "n_elsewhere": ("of them also in another organ", formats.count),
    "n_samples": ("Samples", formats.count),
    "allows": ("Allows, with enough cells", formats.text),
}
_OUTCOMES = {
    "short": ("Contrast", formats.text),
    "n_edges": ("Edges", formats.count),
    "n_estimated": ("with an estimate", formats.count),
    "n_tested": ("with a p-value", formats.count),
    "n_callable": ("that can be called", formats.count),
    "patients": ("Patients behind a test", formats.text),
    "n_enriched": ("Enriched", formats.count),
    "n_specific": ("Specific", formats.count),
    "n_depleted": ("Depleted", formats.count),
    "n_ambient-suspect": ("Ambient-suspect", formats.count),
    "n_differs": ("Differs", formats.count),
    "n_shared": ("Shared", formats.count),
    "n_undetermined": ("Undetermined", formats.count),
}
_EDGES = {
    "edge": ("Ligand → receptor", formats.text),
    "source": ("From", formats.text),
    "target": ("To", formats.text),
    "call": ("Call", formats.text),
    "log2fc": ("log2 fold change", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "qval": ("q", formats.probability),
    "qval_joint": ("q, both sides", formats.probability),
    "moves": ("What moves", formats.text),
    "n_patients": ("Patients", formats.count),
    "sign_stability": ("Same sign without one patient", formats.share),
    "ambient": ("Ambient share", formats.text),
    "reason": ("Remark", formats.text),
}
_EXCLUSIVE = {
    "organ": ("Organ", formats.readable),
    "cell_types": ("Cell types of this organ alone", formats.text),
    "n_tested": ("Edges tested within samples", formats.count),
    "n_significant": ("q ≤ 0.05 within samples", formats.count),
    "n_patients": ("Patients (at most)", formats.count),
}
_FIRST = {
    "edge": ("Ligand → receptor", formats.text),
    "organ": ("Organ", formats.readable),
    "source": ("From", formats.text),
    "target": ("To", formats.text),
    "ligand_means": ("Ligand mean", formats.decimal),
    "receptor_means": ("Receptor mean", formats.decimal),
    "qval": ("q within samples", formats.probability),
    "n_patients": ("Patients", formats.count),
}
READING = (
    "The log2 fold change is that of the mean of ligand and receptor: 1 is a doubling. Patients are "
    "counted on both sides. “Enriched” and “depleted” need q ≤ 0.1, a change of at least 0.5 and three "
    "patients on each side; “specific” is enriched, above every other organ and silent in them; “shared” "
    "means that every 90 % interval between organs lies within one doubling. “q, both sides” says that "
    "ligand and receptor both move; it is no condition of a call, since a receptor that is always there "
    "and a ligand of one organ are the usual case. “What moves” names the side that drives the difference. "
    "The same sign without one patient: the share of patients who can be left out without the sign "
    "changing. The ambient share is how much of the difference RNA of other cells explains."
)
WHY_EXCLUSIVE = (
    "Cell types that one organ alone has, such as hepatocytes, have nothing to be compared with: their edges "
    'are described within their organ and are not tested between organs. As lineages (level="lineage") '
    "they can be compared with the parenchyma of other organs."
)


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section."""
    if not found.communication.there:
        return Section.missing(NAME, TITLE, found.communication.reason)
    if not found.compare.there:
        missing = Section.missing(NAME, TITLE, comparison.why_none(found))
        missing.blocks += _exclusive(found)
        return missing
    blocks: list[Block] = [
        Text(
            "Does an edge differ between organs? Here patients are the replicates: all cells of a type in "
            "all samples of a patient in an organ are summed, so that every patient counts once, and what "
            "varies between patients decides what is a difference. Edges that were significant within "
            "samples are not preferred; all are compared whose molecules suffice."
        ),
        *_other_run(found),
        *_compared(found),
        *_trust(found),
        *_drawn(figures, "between_confounding"),
    ]
    drawn = _drawn(figures, "between_edges", "between_circle", "between_pathways")
    blocks += [Heading("What differs"), *drawn] if drawn else []
    organs = [
        _organ(found, organ, figures) for organ in dict.fromkeys(comparison.main(found)["organ"]) if organ
    ]
    if any(isinstance(block, Table) for made in organs for block in made):
        blocks += [Heading("Reading the tables"), Text(READING)]
    for made in organs:
        blocks += made
    blocks += [*_shared(found), *_exclusive(found)]
    return Section(NAME, TITLE, blocks)


def _other_run(found: Findings) -> list[Block]:
    """Say so where not the edges of the section before were compared."""
    key = comparison.compared_key(found)
    if key == keys.COMMUNICATION:
        return []
    return [Callout(f"Compared were the edges stored in uns[{key!r}], not those of the section above.")]


def _compared(found: Findings) -> list[Block]:
    rows = comparison.outcomes(found)
    main = rows[rows["contrast"].isin(comparison.main(found)["contrast"])]
    pairs = rows[~rows["contrast"].isin(main["contrast"])]
    shown = {
        name: value
        for name, value in _OUTCOMES.items()
        if not name.startswith("n_") or name in _ALWAYS or rows[name].any()
    }
    blocks: list[Block] = [
        Heading("What could be compared"),
        table(comparison.organs(found), "Patients of every organ", _ORGANS),
        table(main, "What became of the edges: every organ against the others", shown),
    ]
    if len(pairs):
        blocks.append(
            table(
                pairs, "What became of the edges, organ by organ", shown,
                folded=f"All {formats.plural(len(pairs), 'pair')} of organs",
            )
        )  # fmt: skip
    return [*blocks, *_reasons(found, main)]


_ALWAYS = ("n_edges", "n_estimated", "n_tested", "n_callable", "n_undetermined")


def _reasons(found: Findings, main: pd.DataFrame) -> list[Block]:
    counts = comparison.reasons(found)
    if not len(counts):
        return []
    columns = [Column("Why there is no test, or no call", [str(why) for why in counts.index])]
    columns += [
        Column(told, [formats.count(n) for n in counts[name]], numeric=True)
        for name, told in zip(main["contrast"], main["short"], strict=True)
    ]
    return [
        Table("Edges that could not be tested or called: every organ against the others, by reason", columns)
    ]


def _trust(found: Findings) -> list[Block]:
    told, tone = comparison.calibrated(found)
    blocks: list[Block] = [Heading("Can these tests be trusted?"), Callout(told, tone)]  # type: ignore[arg-type]
    hidden = comparison.confounded(found)
    if hidden:
        blocks += [Text("What else differs between the organs:"), Bullets(hidden)]
    else:
        blocks.append(
            Callout(
                "Confounding: not assessed. No column study, assay, subtype or primary_type, and no "
                "covariate, "
                "says what else differs between the organs.",
                "missing",
            )
        )
    return blocks


def _organ(found: Findings, organ: str, figures: dict[str, ReportFigure]) -> list[Block]:
    name = formats.readable(organ)
    blocks: list[Block] = [Heading(name[:1].upper() + name[1:])]
    contrasts = comparison.main(found)
    mine = contrasts[contrasts["organ"] == organ]
    for contrast in mine.to_dict("records"):
        blocks += _contrast(found, contrast)
    return [
        *blocks,
        *_drawn(figures, f"between_effects_{file_name(organ)}", f"between_volcano_{file_name(organ)}"),
    ]


def _contrast(found: Findings, contrast: dict[str, str]) -> list[Block]:
    rows = found.compared[found.compared["contrast"] == contrast["contrast"]]
    told = contrast["told"][:1].upper() + contrast["told"][1:]
    can = rows[rows["pval"].notna() & (rows["call"].astype(str) != "not_testable")]
    if not len(can):
        return [Callout(f"{told}: {_no_call(found, contrast['contrast'], rows)}", "limit")]
    calls = can["call"].astype(str)
    moved = can[calls.isin([*comparison.UP, *comparison.DOWN])]
    suspect = comparison.called(found, contrast["contrast"], comparison.SUSPECT)
    sentence = (
        f"{told}: of {formats.plural(len(can), 'edge')} that can be called, "
        f"{int(calls.isin(comparison.UP).sum()):,} are stronger here ({int((calls == 'specific').sum()):,} "
        f"of them specific) and {int(calls.isin(comparison.DOWN).sum()):,} weaker. Of these, "
        f"{_some(int(both_sides_move(moved).sum()))} on both sides."
        + (f" {len(suspect):,} more may be ambient RNA; they are listed apart." if len(suspect) else "")
    )
    blocks: list[Block] = [Text(sentence)]
    for direction, wanted in (("stronger", comparison.UP), ("weaker", comparison.DOWN)):
        rows_here = comparison.called(found, contrast["contrast"], wanted)
        if len(rows_here):
            first = rows_here.head(TOP)
            heading = f"{told}: {_first(len(first), len(rows_here))} {direction} here"
            blocks.append(table(_laid_out(found, first), heading, _shown(first)))
    if len(suspect):
        blocks.append(
            table(
                _laid_out(found, suspect), f"{told}: explained by ambient RNA", _shown(suspect),
                folded=f"{formats.plural(len(suspect), 'edge')} that may be ambient RNA, molecules of "
                "neighbours counted as the cell's own",
            )
        )  # fmt: skip
    return blocks


def _some(n: int) -> str:
    return "none moves" if n == 0 else "1 moves" if n == 1 else f"{n:,} move"


def _first(n: int, of: int) -> str:
    return f"the {formats.plural(n, 'edge')}" if n == of else f"the first {n} of {of:,} edges"


def _no_call(found: Findings, contrast: str, rows: pd.DataFrame) -> str:
    """Why nothing can be called, and what is there nonetheless."""
    if not len(rows):
        why = comparison.why_no_estimate(found, contrast)
        return f"not testable. No edge could even be estimated; most often: {why}."
    reasons = rows["reason"].astype(str).map(comparison.main_reason).value_counts()
    n_tested = int(rows["pval"].notna().sum())
    tested = f", {n_tested:,} of them with a p-value" if n_tested else ""
    return (
        f"not testable ({reasons.index[0]}). The differences of {formats.plural(len(rows), 'edge')} were "
        f"estimated{tested}; they describe these patients and are in the table compare_communication, "
        "without a call."
    )


def _shown(frame: pd.DataFrame) -> dict[str, tuple[str, formats.Formatter]]:
    return {
        name: value
        for name, value in _EDGES.items()
        if name != "reason" or (frame["reason"].astype(str) != "").any()
    }


def _laid_out(found: Findings, frame: pd.DataFrame) -> pd.DataFrame:
    most = comparison.largest_share(found)
    return frame.assign(
        edge=formats.arrows(frame),
        interval=formats.intervals(frame),
        moves=[
            comparison.driver(str(side), str(where))
            for side, where in zip(frame["driver"], frame["driver_compartment"], strict=True)
        ],
        ambient=[comparison.ambient(value, most) for value in frame["ambient_share"]],
    )


def _shared(found: Findings) -> list[Block]:
    omnibus = found.compared[found.compared["contrast"] == "omnibus"]
    if not len(omnibus):
        return []
    calls = omnibus["call"].astype(str).value_counts()
    return [
        Heading("Alike in all organs"),
        Text(
            f"{formats.plural(int(calls.get('shared', 0)), 'edge')} of {len(omnibus):,} are shared: every "
            "90 % interval of a difference between two organs lies within one doubling. "
            f"{formats.plural(int(calls.get('undetermined', 0)), 'edge')} are undetermined: neither a "
            "difference nor its absence can be told with these patients. Not to differ significantly is "
            "not to be alike."
        ),
    ]


def _exclusive(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Cell types of one organ alone")]
    if not found.exclusive.there:
        return [*blocks, Callout(f"Not assessed. {found.exclusive.reason}", "missing")]
    if not len(found.exclusive.value):
        return [*blocks, Text("No edge of a cell type that one organ alone has could be tested.")]
    first = comparison.first_exclusive(found)
    return [
        *blocks,
        Text(WHY_EXCLUSIVE),
        table(comparison.exclusive_types(found), "Cell types that one organ alone has", _EXCLUSIVE),
        table(
            first.assign(edge=formats.arrows(first)), "Their strongest edges within samples", _FIRST,
            folded=f"The first {formats.plural(len(first), 'edge')} of these cell types",
        ),
    ]  # fmt: skip


def _drawn(figures: dict[str, ReportFigure], *names: str) -> list[Block]:
    return [figures[name].image() for name in names if name in figures]
