"""Sections of tissue: what lies next to each other, across the border of the tumor, and over patients."""

from __future__ import annotations

import pandas as pd

from niche._slots import keys
from niche.get.spatial import STATEMENT
from niche.report import comparison, formats, spatial_tables
from niche.report.blocks import Block, Callout, Heading, Section, Text, table
from niche.report.figures import ReportFigure
from niche.report.findings import MAX_QVAL, Findings
from niche.report.spatial_tables import WAYS

NAME, TITLE = "spatial", "Sections of tissue"
TOP = 5
"""Pairs listed of every section."""
TOP_CALLED = 10
"""Called pairs listed of every contrast over patients."""

_MANY = 20
"""Rows from which a table is folded."""
_SECTIONS = {
    "sample": ("Section", formats.text),
    "patient": ("Patient", formats.text),
    "organ": ("Organ", formats.readable),
    "n_spots": ("Spots", formats.count),
    "n_edges": ("Edges between neighbours", formats.count),
    "n_isolated": ("Spots without a neighbour", formats.count),
    "n_tested": ("Pairs tested", formats.count),
    "n_significant": (f"q ≤ {MAX_QVAL:g}", formats.count),
    "n_tumor_at_interface": ("Tumor spots at the border", formats.count),
    "n_host_at_interface": ("Host spots at the border", formats.count),
    "n_tested_interface": ("Tests across the border", formats.count),
    "n_significant_interface": (f"q ≤ {MAX_QVAL:g} there", formats.count),
}
_UNTESTED = {
    "where": ("Where", formats.text),
    "status": ("Status", formats.readable),
    "reason": ("Because", formats.text),
    "n": ("Tests not made", formats.count),
    "n_pairs": ("Pairs", formats.count),
    "n_sections": ("Sections", formats.count),
}
_PAIRS = {
    "sample": ("Section", formats.text),
    "organ": ("Organ", formats.readable),
    "pair": ("Ligand → receptor", formats.text),
    "statistic": ("R", formats.decimal),
    "z": ("z", formats.decimal),
    "qval": ("q", formats.probability),
    "ligand_props": ("Spots with the ligand", formats.share),
    "receptor_props": ("Spots with the receptor", formats.share),
}
_BORDER = {
    "sample": ("Section", formats.text),
    "organ": ("Organ", formats.readable),
    "pair": ("Ligand → receptor", formats.text),
    "way": ("Way", formats.text),
    "statistic": ("Correlation across the border", formats.decimal),
    "z": ("z, the smaller", formats.decimal),
    "qval": ("q", formats.probability),
    "n_tumor_at_interface": ("Tumor spots", formats.count),
    "n_host_at_interface": ("Host spots", formats.count),
}
_OUTCOMES = {
    "told": ("Contrast", formats.text),
    "n_patients": ("Patients (at most)", formats.count),
    "n_tested": ("Pairs with a p-value", formats.count),
    "n_consistent": ("Consistent", formats.count),
    "n_enriched": ("Enriched", formats.count),
    "n_specific": ("Specific", formats.count),
    "n_depleted": ("Depleted", formats.count),
    "n_differs": ("Differs", formats.count),
    "n_undetermined": ("Undetermined", formats.count),
    "n_not_testable": ("Not testable", formats.count),
}
_CALLED = {
    "told": ("Contrast", formats.text),
    "pair": ("Ligand → receptor", formats.text),
    "call": ("Call", formats.text),
    "effect": ("Effect (artanh scale)", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "qval": ("q", formats.probability),
    "n_patients": ("Patients", formats.count),
    "sign_stability": ("Same sign without one patient", formats.share),
    "reason": ("Remark", formats.text),
}
_REASONS = {
    "told": ("Contrast", formats.text),
    "reason": ("Because", formats.text),
    "n": ("Pairs", formats.count),
}
_TOUCHING = {
    "organ": ("Organ", formats.readable),
    "source": ("Cell type", formats.text),
    "target": ("next to", formats.text),
    "contacts": ("Contacts", formats.count),
    "zscore": ("z against chance", formats.decimal),
    "n_sections": ("Sections", formats.count),
    "n_patients": ("Patients", formats.count),
}
_EDGES = {
    "organ": ("Organ", formats.readable),
    "touching": ("Edges between types that touch", formats.count),
    "never touching": ("between types that never touch", formats.count),
    "not_assessed": ("not assessed", formats.count),
}


def wanted(found: Findings) -> bool:
    """Whether there is a result of sections, or one that is outdated; else the report has no such section."""
    return any(part.there or "outdated" in part.reason for part in (found.spatial, found.touching))


def section(found: Findings, figures: dict[str, ReportFigure]) -> Section:
    """Build the section; only reports of sections have it."""
    blocks: list[Block] = [
        Text(
            "Edges of dissociated cells know nothing of places. Here neighbours decide: does the receptor "
            "lie where neighbouring spots hold the ligand, in every section by itself; do both rise where "
            "tumor meets host; do patients agree, and do organs differ? A spot is a spot of an array or a "
            "cell."
        )
    ]
    if found.spatial.there:
        blocks += [
            Callout(f"{STATEMENT[:1].upper()}{STATEMENT[1:]}.", "limit"),
            *_sections(found),
            *_pairs(found),
            *[figures[name].image() for name in ("spatial",) if name in figures],
            *_border(found),
            *_patients(found),
        ]
    else:
        blocks.append(Callout(f"Pairs in sections: not assessed. {found.spatial.reason}", "missing"))
    return Section(NAME, TITLE, [*blocks, *_contacts(found)])


def _sections(found: Findings) -> list[Block]:
    rows = spatial_tables.sections(found)
    blocks: list[Block] = [
        Heading("Sections analysed"),
        table(rows, "Sections, and pairs tested in each", _SECTIONS, folded=_folded(rows, "section")),
    ]
    why = spatial_tables.untested(found)
    n_pairs = len(found.spatial.value["pairs"]["pathway"])
    told = (
        f"{formats.plural(n_pairs, 'pair')} were looked up in {formats.plural(len(rows), 'section')}; "
        f"{int(rows['n_tested'].sum()):,} tests over whole sections and "
        f"{int(rows['n_tested_interface'].sum()):,} across borders could be made."
    )
    if not len(why):
        return [*blocks, Text(f"{told} None had to be left out.")]
    caption = "What was not tested, and why; it is neither absent nor 0"
    return [*blocks, Text(told), table(why, caption, _UNTESTED, tags=("status",))]


def _pairs(found: Findings) -> list[Block]:
    rows = spatial_tables.tested(found, across=False)
    blocks: list[Block] = [Heading("Pairs in every section")]
    if not len(rows):
        return [*blocks, Callout("No pair could be tested in any section.", "missing")]
    listed = spatial_tables.first(rows, TOP)
    return [
        *blocks,
        Text(
            "R is the bivariate Moran's R of ligand and receptor: above 0 the receptor lies where neighbours "
            "hold the ligand, below 0 they lie apart. z is R over its standard deviation when one side is "
            "permuted, and grows with the number of spots."
        ),
        table(
            listed, f"The first {TOP} pairs of every section", _PAIRS,
            folded=_folded(listed, "row", "the first pairs of every section"),
        ),
    ]  # fmt: skip


def _border(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Across the border of tumor and host")]
    side = str(found.spatial.value["params"]["interface_key"])
    if not side:
        return [
            *blocks,
            Callout(
                "Not assessed. Which spots are tumor was not given (interface_key= of "
                "niche.tl.spatial_communication).",
                "missing",
            ),
        ]
    rows = spatial_tables.tested(found, across=True)
    if not len(rows):
        return [
            *blocks,
            Callout(
                f"No pair could be tested across a border; sides are those of {side!r}. The table of what "
                "was not tested says why.",
                "missing",
            ),
        ]
    listed = spatial_tables.first(rows, TOP)
    return [
        *blocks,
        Text(
            f"Only neighbours of which one is tumor and the other host count (sides are those of {side!r}). "
            "Each gene is permuted among the spots of its own side, and the larger p-value counts, so that "
            "expression of a whole compartment alone is no finding. “Tumor to host” has the ligand in the "
            "tumor."
        ),
        table(
            listed, f"The first {TOP} pairs across the border of every section", _BORDER,
            folded=_folded(listed, "row", "the first pairs across every border"),
        ),
    ]  # fmt: skip


def _patients(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Over patients")]
    there = spatial_tables.compared(found)
    if not there:
        first = found.compare_spatial[keys.COMPARE_SPATIAL]
        return [
            *blocks,
            Callout(f"Not assessed. {found.why_not(keys.COMPARE_SPATIAL, first)}", "missing"),
        ]
    blocks.append(
        Text(
            "Here patients are the replicates: a patient counts once in an organ, with the mean of its "
            "sections on the scale of artanh R. “Consistent” pairs are above 0 over the patients of an organ "
            f"(q ≤ {comparison.LARGEST_Q:g}, {comparison.PATIENTS_CALL} patients); “enriched”, “specific” "
            "and “depleted” compare organs. Undetermined pairs are neither alike nor different."
        )
    )
    for key in there:
        blocks += _compared(found, key)
    return blocks


def _compared(found: Findings, key: str) -> list[Block]:
    what = WAYS[spatial_tables.statistic_of(found, key)]
    run = str(found.adata.uns[key]["params"]["key"])
    blocks: list[Block] = []
    if run != keys.SPATIAL_COMMUNICATION:
        blocks.append(Callout(f"Compared were the sections stored in uns[{run!r}], not those above."))
    rows = spatial_tables.outcomes(found, key)
    counted = [name for name in _OUTCOMES if not name.startswith("n_") or rows[name].any()]
    shown = {name: _OUTCOMES[name] for name in _OUTCOMES if name in (*counted, "n_tested", "n_undetermined")}
    blocks.append(table(rows, f"What became of the pairs over patients: {what}", shown))
    called = spatial_tables.called(found, key)
    if len(called):
        first = called.groupby("told", sort=False).head(TOP_CALLED)
        caption = f"Pairs called over patients: {what}"
        if len(called) > len(first):
            caption += f", the first {TOP_CALLED} of every contrast"
        blocks.append(table(first, caption, _CALLED, folded=_folded(first, "call", what)))
    else:
        blocks.append(Text(f"No pair could be called over patients ({what})."))
    why = spatial_tables.why_not_called(found, key)
    if len(why):
        caption = f"Why pairs could not be called: {what}"
        blocks.append(table(why, caption, _REASONS, folded=_folded(why, "row", f"why, {what}")))
    return blocks


def _contacts(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Which cell types touch")]
    if not found.touching.there:
        why = found.why_not(keys.TOUCHING, found.touching)
        return [*blocks, Callout(f"Not assessed. {why}", "missing")]
    rows: pd.DataFrame = found.touching.value
    apart = rows[~rows["touching"]]
    told = (
        f"Of {formats.plural(len(rows), 'pair')} of cell types that share a section, by organ and direction, "
        f"{len(rows) - len(apart):,} have at least one contact and {len(apart):,} have none. z is against "
        "types permuted over the cells of a section; it grows with the number of cells and says nothing "
        "about patients."
    )
    blocks += [
        Text(told),
        table(rows, "Contacts of cell types", _TOUCHING, folded=_folded(rows, "row", "contacts")),
    ]
    if found.communication.there:
        counts = spatial_tables.edges_by_contact(found)
        blocks += [
            Text(
                "Tested edges of the section Communication, by whether their cell types touch "
                "here. None was dropped: secreted ligands act over distances, so that an edge between types "
                "that never touch is a doubt, not a verdict. Not assessed: these sections lack a type, or "
                "the organ."
            ),
            table(counts, "Edges of dissociated cells beside contacts in sections", _EDGES),
        ]
    return blocks


def _folded(rows: pd.DataFrame, word: str, what: str = "") -> str:
    """Heading under which a long table is folded; empty for a short one."""
    if len(rows) <= _MANY:
        return ""
    return f"{formats.plural(len(rows), word)}{f': {what}' if what else ''}"
