"""Signatures in malignant cells: what differs between organs, and what could not be scored."""

from __future__ import annotations

from niche import get
from niche._slots import read
from niche.report import formats, program_tables
from niche.report.blocks import Block, Bullets, Callout, Heading, Text, table
from niche.report.findings import Findings

_EFFECTS = {
    "signature": ("Signature", formats.text),
    "told": ("Organ, against the others", formats.text),
    "effect": ("Difference of scores", formats.decimal),
    "interval": ("95 % interval", formats.text),
    "pval": ("p", formats.probability),
    "qval": ("q", formats.probability),
    "call": ("Call", formats.readable),
    "n_patients": ("Patients", formats.count),
    "sign_stability": ("Same sign without one patient", formats.share),
    "reason": ("Remark", formats.text),
}
_LEFT_OUT = {
    "signature": ("Signature", formats.text),
    "n_measured": ("Genes measured", formats.count),
    "n_genes": ("of", formats.count),
    "missing": ("Not detected", formats.text),
    "reason": ("Not scored because", formats.text),
}
AMBIENT = (
    "Differences are of mean scores (log1p units per gene), patients being the replicates. Published organ "
    "signatures are to a good part those of subtypes, and molecules that leak from cells of an organ raise a "
    "signature of their genes: no verdict is given on signatures."
)


def blocks(found: Findings) -> list[Block]:
    """Blocks on signatures."""
    made: list[Block] = [Heading("Signatures")]
    if not found.signatures.there:
        why = found.why_not("score_signatures", found.signatures)
        return [*made, Callout(f"Not assessed. {why}", "missing")]
    stored = found.signatures.value
    names, left_out = read.strings(stored["signatures"]["name"]), program_tables.signatures_left_out(found)
    whose = str(stored["params"]["compartment"])
    made.append(
        Text(
            f"{len(names) - len(left_out)} of {formats.plural(len(names), 'signature')} could be scored, and "
            f"compared in {'all' if whose == 'None' else whose} cells. {AMBIENT}"
        )
    )
    made += [*_subtypes(found), *_compared(found)]
    if len(left_out):
        made.append(
            table(
                left_out, "Signatures that could not be scored", _LEFT_OUT,
                folded=f"{formats.plural(len(left_out), 'signature')} not scored, with the reason",
            )
        )  # fmt: skip
    return made


def _compared(found: Findings) -> list[Block]:
    if "contrasts" not in found.signatures.value:
        return [Callout("Organs were not compared: there is one organ only.", "limit")]
    rows = program_tables.signature_effects(found)
    if not len(rows):
        return [Callout("No difference between organs could be estimated.", "limit")]
    shown = {
        name: value for name, value in _EFFECTS.items() if name != "reason" or (rows["reason"] != "").any()
    }
    called = rows[rows["call"].isin(["enriched", "depleted"])].sort_values("qval", kind="stable")
    made: list[Block] = []
    if len(called):
        made.append(table(called, "Signatures that are higher or lower in an organ", shown))
    else:
        made.append(Text("No signature is called higher or lower in an organ."))
    return [
        *made,
        table(
            rows, "Signatures, organ by organ", shown,
            folded=f"All {formats.plural(len(rows), 'difference')}",
        ),
    ]  # fmt: skip


def _subtypes(found: Findings) -> list[Block]:
    """The warning that a signature of an organ may be one of subtypes."""
    stored = found.signatures.value["subtype"]
    rows = get.signatures(found.adata, level="signature")
    noted = rows[rows["note"] != ""]
    blocks: list[Block] = []
    if len(noted):
        blocks += [
            Callout(
                "Published signatures of organs can be signatures of subtypes. Do not read these as signals "
                "of an organ before they are compared with the subtype as a covariate:",
                "limit",
            ),
            Bullets([f"{row.signature}: {row.note}." for row in noted.itertuples()]),
        ]
    if str(stored["why_not"]):
        blocks.append(Callout(f"Whether signatures differ between subtypes: {stored['why_not']}.", "missing"))
    elif bool(stored["adjusted"]):
        blocks.append(Text(f"Tests between organs are adjusted for {stored['key']!r}."))
    return blocks
