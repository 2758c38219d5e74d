"""The tables that come with niche, as text."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from niche import resources
from niche.errors import InputValueError

_ROWS = 20
_COLUMNS = ["name", "kind", "organism", "rows", "version", "licence"]
_READERS: dict[str, Callable[[], pd.DataFrame]] = {
    "axes": resources.axes,
    "mediators": resources.mediators,
    "signatures": resources.signatures,
    "signature_notes": resources.signature_notes,
    "subtype_site_rates": resources.subtype_site_rates,
    "markers": resources.markers,
    "lineages": resources.lineages,
    "pathways": resources.pathways,
    "gene_positions_human": lambda: resources.gene_positions("human"),
    "gene_positions_mouse": lambda: resources.gene_positions("mouse"),
    "orthologs": resources.orthologs,
    "symbol_history": resources.symbol_history,
}


def listing(kind: str | None) -> str:
    """Name, kind, size, version and licence of every table."""
    table = resources.available()
    if kind is not None:
        kinds = sorted(set(table["kind"]))
        if kind not in kinds:
            raise InputValueError(f"there is no kind {kind!r}. Kinds: {', '.join(kinds)}.")
        table = table[table["kind"] == kind]
    return aligned(table[_COLUMNS])


def aligned(table: pd.DataFrame) -> str:
    """A table as lines of text, its columns under each other."""
    rows = [list(table.columns), *table.astype(str).to_numpy().tolist()]
    widths = [max(len(row[i]) for row in rows) for i in range(table.shape[1])]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def shown(name: str, *, whole: bool) -> str:
    """A table as TSV: its facts and first rows, or all of it."""
    about = resources.available().set_index("name")
    if name not in about.index:
        raise InputValueError(f"there is no table {name!r}. Tables: {', '.join(about.index)}.")
    ligand_receptor = about.loc[name, "kind"] == "ligand_receptor"
    if ligand_receptor:
        table = resources.ligand_receptor(name, str(about.loc[name, "organism"]))
    else:
        table = _READERS[name]()
    if whole:
        return table.to_csv(sep="\t", index=False, lineterminator="\n").rstrip("\n")
    facts = [f"# {field}: {about.loc[name, field]}" for field in ("kind", "version", "licence", "citation")]
    first = table.head(_ROWS).to_csv(sep="\t", index=False, lineterminator="\n").rstrip("\n")
    rest = f"\n# {len(table) - _ROWS:,} more rows; --all shows them" if len(table) > _ROWS else ""
    return "\n".join([*facts, first]) + rest
