"""Planted ligand-receptor axes of four kinds: both sides, ligand only, receptor only, leaked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.cell_types import MALIGNANT
from niche.datasets._simulate.options import Options
from niche.errors import InputValueError, MissingKeyError

KINDS = ("both", "ligand", "receptor", "leaked")
COLUMNS = ("organ", "source", "target", "ligand_complex", "receptor_complex", "kind", "leaked_side", "log2fc")
SUBUNIT = "_"
MOVING_CPM, CONSTANT_CPM, LEAKED_CPM, SOURCE_CPM = 150.0, 400.0, 5.0, 20_000.0

# Real pairs of the consensus list between cell types that every organ has; the genes of two axes
# never meet in one cell type. A leaked side is expressed by the organ's own cells and only seen.
_DEFAULT = (
    ("bone", "Fibroblast", MALIGNANT, "CXCL12", "CXCR4", "ligand", ""),
    ("bone", MALIGNANT, "Macrophage", "JAG1", "NOTCH2", "both", ""),
    ("bone", MALIGNANT, "Fibroblast", "IL11", "IL11RA_IL6ST", "both", ""),
    ("bone", "Fibroblast", MALIGNANT, "IGF1", "IGF1R", "receptor", ""),
    ("bone", "Fibroblast", MALIGNANT, "SPP1", "CD44", "leaked", "ligand"),
    ("lung", MALIGNANT, "Endothelial cell", "ANGPTL4", "SDC1", "both", ""),
    ("lung", "Fibroblast", MALIGNANT, "BMP4", "BMPR1A_BMPR2", "ligand", ""),
    ("lung", MALIGNANT, "Monocyte", "CCL2", "CCR2", "receptor", ""),
    ("lung", MALIGNANT, "Macrophage", "SFTPA1", "TLR2", "leaked", "ligand"),
    ("brain", MALIGNANT, "Endothelial cell", "IL1B", "IL1R1_IL1RAP", "both", ""),
    ("brain", "Macrophage", MALIGNANT, "TNF", "TNFRSF1A", "ligand", ""),
    ("brain", "Endothelial cell", MALIGNANT, "BDNF", "NTRK2", "receptor", ""),
    ("brain", "Fibroblast", MALIGNANT, "PTN", "PTPRZ1", "leaked", "receptor"),
    ("liver", "Fibroblast", MALIGNANT, "HGF", "MET", "both", ""),
    ("liver", "NK cell", MALIGNANT, "IFNG", "IFNGR1_IFNGR2", "both", ""),
    ("liver", "Endothelial cell", MALIGNANT, "DLL4", "NOTCH3", "ligand", ""),
    ("liver", "Fibroblast", MALIGNANT, "GAS6", "AXL", "receptor", ""),
    ("liver", "Fibroblast", MALIGNANT, "TF", "TFRC", "leaked", "ligand"),
    ("lymph_node", MALIGNANT, "T cell", "CD70", "CD27", "both", ""),
    ("lymph_node", "T cell", MALIGNANT, "CCL5", "CCR5", "ligand", ""),
    ("lymph_node", "Macrophage", MALIGNANT, "CXCL10", "CXCR3", "receptor", ""),
    ("lymph_node", "Fibroblast", MALIGNANT, "CCL21", "CCR7", "leaked", "ligand"),
)


def axes_table(
    rng: np.random.Generator,
    options: Options,
    pairs: pd.DataFrame,
    types: pd.DataFrame,
    avoid: set[str],
    organs: list[str],
) -> pd.DataFrame:
    """Return the planted axes (``COLUMNS``) for the organs of the draw.

    ``pairs`` is the ligand-receptor list, ``types`` the cell type table; randomly drawn axes use
    no gene of ``avoid`` and no gene of another axis.
    """
    if isinstance(options.axes, pd.DataFrame):
        table = _checked(options.axes, options, types, organs)
    elif options.axes is None:
        return pd.DataFrame([], columns=list(COLUMNS))
    else:
        known = [(*row, float(options.axis_log2fc)) for row in _DEFAULT if row[0] in organs]
        table = pd.DataFrame(known, columns=list(COLUMNS))
        for organ in organs:
            if organ not in set(table["organ"]):
                table = _with_random(rng, table, options, pairs, types, avoid, [organ], KINDS)
    if not options.parenchyma:
        table = table[table["kind"] != "leaked"]
    if options.extra_axes:
        kinds = [kind for kind in KINDS[:3] for _ in range(options.extra_axes)]
        table = _with_random(rng, table, options, pairs, types, avoid, organs, kinds)
    return table.reset_index(drop=True)


def subunits(complex_name: str) -> list[str]:
    """Return the genes of a ligand or receptor."""
    return complex_name.split(SUBUNIT)


def axis_genes(axes: pd.DataFrame) -> list[str]:
    """Return every gene of the axes, each once, ligands first."""
    names = [*axes["ligand_complex"], *axes["receptor_complex"]]
    return list(dict.fromkeys(gene for name in names for gene in subunits(name)))


def axis_sides(axes: pd.DataFrame, types: pd.DataFrame) -> pd.DataFrame:
    """Return one row per axis, side and gene: its cell type, its level elsewhere and its effect.

    Columns: organ, cell_type, gene, cpm (expected counts per million without the effect), log2fc.
    """
    leaks = types[types["leaks"]].set_index("organ")["cell_type"]
    rows = []
    for axis in axes.itertuples(index=False):
        for side, cell_type, name in (
            ("ligand", axis.source, axis.ligand_complex),
            ("receptor", axis.target, axis.receptor_complex),
        ):
            moves = axis.kind in ("both", side)
            leaked = axis.kind == "leaked" and axis.leaked_side == side
            effect = float(axis.log2fc) if moves else 0.0
            level = MOVING_CPM * 2 ** max(0.0, -effect) if moves else CONSTANT_CPM
            for gene in subunits(name):
                rows.append((axis.organ, cell_type, gene, LEAKED_CPM if leaked else level, effect))
                if leaked:
                    rows.append((axis.organ, leaks[axis.organ], gene, SOURCE_CPM, 0.0))
    return pd.DataFrame(rows, columns=["organ", "cell_type", "gene", "cpm", "log2fc"])


def _checked(given: pd.DataFrame, options: Options, types: pd.DataFrame, organs: list[str]) -> pd.DataFrame:
    needed = [c for c in COLUMNS if c not in ("leaked_side", "log2fc")]
    missing = [column for column in needed if column not in given]
    if missing:
        raise MissingKeyError(
            f"axes has no column {missing[0]!r}. Columns: {', '.join(map(str, given.columns))}."
        )
    table = given.copy()
    if "leaked_side" not in table:
        table["leaked_side"] = "ligand"
    table["leaked_side"] = table["leaked_side"].where(table["kind"] == "leaked", "")
    if "log2fc" not in table:
        table["log2fc"] = float(options.axis_log2fc)
    shared = set(types.loc[types["organ"] == "", "cell_type"])
    for column, allowed in (
        ("kind", set(KINDS)),
        ("organ", set(organs)),
        ("source", shared),
        ("target", shared),
        ("leaked_side", {"", "ligand", "receptor"}),
    ):
        unknown = sorted(set(table[column]) - allowed)
        if unknown:
            raise InputValueError(
                f"axes[{column!r}] holds {unknown[0]!r}. It must be one of {', '.join(sorted(allowed))}."
            )
    if (table["kind"] == "leaked").any() and not options.parenchyma:
        raise InputValueError("A leaked axis needs the organ's own cells: use parenchyma=True.")
    return table[list(COLUMNS)].reset_index(drop=True)


def _with_random(
    rng: np.random.Generator,
    table: pd.DataFrame,
    options: Options,
    pairs: pd.DataFrame,
    types: pd.DataFrame,
    avoid: set[str],
    organs: list[str],
    kinds: tuple[str, ...] | list[str],
) -> pd.DataFrame:
    """Add one axis per organ and kind, drawn from the list, on genes nothing else uses."""
    used = set(axis_genes(table)) | avoid
    hosts = list(types.loc[(types["organ"] == "") & (types["cell_type"] != MALIGNANT), "cell_type"])
    wanted = [(organ, kind) for organ in organs for kind in kinds]
    rows = []
    order = iter(rng.permutation(len(pairs)))
    ligands, receptors = pairs["ligand"].to_numpy(), pairs["receptor"].to_numpy()
    for organ, kind in wanted:
        for index in order:
            genes = {*subunits(ligands[index]), *subunits(receptors[index])}
            if not genes & used and len(genes) > 1:
                break
        else:
            raise InputValueError(
                f"The ligand-receptor list has no {len(wanted)} pairs with genes of their own; "
                "ask for fewer extra_axes."
            )
        used |= genes
        host = hosts[int(rng.integers(len(hosts)))]
        ends = (MALIGNANT, host) if rng.random() < 0.5 else (host, MALIGNANT)
        side = "" if kind != "leaked" else ("ligand", "receptor")[int(rng.integers(2))]
        rows.append((organ, *ends, ligands[index], receptors[index], kind, side, float(options.axis_log2fc)))
    added = pd.DataFrame(rows, columns=list(COLUMNS))
    return pd.concat([table, added], ignore_index=True) if len(table) else added
