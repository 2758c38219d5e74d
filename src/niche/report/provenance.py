"""How the results came about: steps, parameters, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from niche._slots import read
from niche.report import formats
from niche.report.blocks import Block, Bullets, Callout, Column, Heading, Section, Table, Text, table
from niche.report.findings import Findings
from niche.report.versions import versions

NAME, TITLE = "provenance", "Steps, parameters, versions"

_STEPS = {
    "step": ("Step", formats.readable),
    "status": ("Status", formats.text),
    "reason": ("Remark", formats.text),
}


def section(found: Findings) -> Section:
    """Build the section."""
    return Section(NAME, TITLE, [*_recipe(found), *_parameters(found), *_versions(found)])


def _recipe(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Steps")]
    if not found.recipe.there:
        return [
            *blocks,
            Callout(
                "The results were not made by a recipe; the order of the steps is not recorded.", "missing"
            ),
        ]
    stored = found.recipe.value
    blocks.append(table(pd.DataFrame(stored["steps"]), f"Recipe {stored['name']}", _STEPS, tags=("status",)))
    notes = read.strings(stored["notes"])
    if notes:
        blocks += [Text("Taken for granted, guessed or renamed:"), Bullets(notes)]
    return blocks


def _parameters(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Parameters")]
    for key in sorted(read.ours(found.adata)):
        rows = _flat(found.adata.uns[key]["params"])
        title = f"Parameters of uns[{key!r}] (niche {found.adata.uns[key]['niche_version']})"
        if rows:
            columns = [
                Column("Parameter", [name for name, _ in rows]),
                Column("Value", [value for _, value in rows]),
            ]
            blocks.append(Table(title, columns, folded=f"{key}: {formats.plural(len(rows), 'parameter')}"))
    if len(blocks) == 1:
        blocks.append(Callout("No result of niche is stored.", "missing"))
    return blocks


def _flat(params: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            shown = ", ".join(str(item) for item in value) if isinstance(value, np.ndarray) else str(value)
            rows.append((f"{prefix}{name}", shown if shown.strip() else "(empty)"))
    return rows


def _versions(found: Findings) -> list[Block]:
    software = versions()
    columns = [Column("Software", list(software)), Column("Version", list(software.values()))]
    made = sorted({str(found.adata.uns[key]["niche_version"]) for key in read.ours(found.adata)})
    told = f"The results were stored by niche {formats.listed(made)}; " if made else ""
    return [
        Heading("Versions"),
        Text(f"{told}this report was written with the versions below."),
        Table("Software with which the report was written", columns),
    ]
