"""Which cell types a sample can hold: tumor, shared stroma and immune cells, organ-specific cells."""

from __future__ import annotations

import pandas as pd

from niche.datasets._simulate.options import Options
from niche.errors import InputValueError

MALIGNANT = "Malignant"
_COLUMNS = ("cell_type", "compartment", "organ", "markers", "share", "size", "leaks")

# name, compartment, name in the marker table, share of the cells, size of the library
_SHARED = (
    (MALIGNANT, "tumor", "Breast carcinoma cell", 0.38, 1.4),
    ("Fibroblast", "stromal", "Fibroblast / CAF (pan)", 0.12, 1.1),
    ("Endothelial cell", "endothelial", "Endothelial cell", 0.09, 1.0),
    ("Macrophage", "immune", "Macrophage (pan)", 0.11, 1.1),
    ("Monocyte", "immune", "Monocyte", 0.07, 0.9),
    ("T cell", "immune", "T cell", 0.12, 0.7),
    ("NK cell", "immune", "NK cell", 0.06, 0.7),
    ("B cell", "immune", "B cell", 0.05, 0.7),
)
# the first type of an organ is the one whose program leaks into the droplets of other cells
_SPECIFIC = {
    "bone": (
        ("Osteoblast", "stromal", "Osteoblast", 0.18, 1.1),
        ("Osteoclast", "stromal", "Osteoclast", 0.07, 1.2),
    ),
    "lung": (("AT2", "parenchymal", "AT2", 0.18, 1.1), ("AT1", "parenchymal", "AT1", 0.07, 1.0)),
    "brain": (
        ("Astrocyte", "parenchymal", "Astrocyte", 0.14, 1.0),
        ("Neuron", "parenchymal", "Neuron", 0.05, 1.3),
        ("Microglia", "immune", "Microglia", 0.05, 0.9),
        ("Oligodendrocyte", "parenchymal", "Oligodendrocyte", 0.05, 0.9),
    ),
    "liver": (
        ("Hepatocyte", "parenchymal", "Hepatocyte", 0.17, 1.3),
        ("Cholangiocyte", "parenchymal", "Cholangiocyte", 0.05, 1.0),
        ("Kupffer cell", "immune", "Kupffer cell", 0.05, 1.0),
    ),
    "lymph_node": (
        ("Fibroblastic reticular cell", "stromal", "Fibroblastic reticular cell", 0.17, 1.0),
        ("High endothelial venule", "endothelial", "High endothelial venule", 0.06, 1.0),
    ),
}


def cell_type_table(options: Options, organs: list[str]) -> pd.DataFrame:
    """Return one row per cell type; ``organ`` is empty for the types every organ has."""
    rows = [(name, part, "", label, share, size, False) for name, part, label, share, size in _SHARED]
    if options.parenchyma:
        for organ in organs:
            own = _SPECIFIC.get(organ, ((_parenchyma_name(organ), "parenchymal", "", 0.2, 1.1),))
            for number, (name, part, label, share, size) in enumerate(own):
                rows.append((name, part, organ, label, share, size, number == 0))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    for organ, shares in (options.composition or {}).items():
        unknown = set(shares) - set(table.loc[table["organ"].isin(["", organ]), "cell_type"])
        if unknown:
            raise InputValueError(
                f"composition[{organ!r}] names {sorted(unknown)[0]!r}, which that organ does not have. "
                f"Cell types: {', '.join(table['cell_type'])}."
            )
    return table


def sample_shares(table: pd.DataFrame, options: Options, organ: str, tissue: str) -> pd.Series:
    """Return the expected share of every cell type in a sample; 0 where it cannot occur."""
    share = table.set_index("cell_type")["share"].copy()
    share[~table["organ"].isin(["", organ]).to_numpy()] = 0.0
    if tissue == "normal":
        share[MALIGNANT] = 0.0
    if tissue == "metastasis":
        for name, factor in (options.composition or {}).get(organ, {}).items():
            share[name] *= factor
    if share.sum() <= 0:
        raise InputValueError(f"composition leaves no cell in {organ}.")
    return share / share.sum()


def _parenchyma_name(organ: str) -> str:
    return f"{organ.replace('_', ' ').capitalize()} parenchymal cell"
