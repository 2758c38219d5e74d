"""Agreement of marker-based names with the labels of authors; writes docs/validation/annotation.md."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche import resources

pytestmark = pytest.mark.validation

PAGE = Path(__file__).parents[2] / "docs" / "validation" / "annotation.md"
NAMES = {
    "CD14+ Monocyte": "Monocyte", "Dendritic": "Dendritic cell", "CD56+ NK": "NK cell", "CD19+ B": "B cell",
    "CD34+": "other",
}  # fmt: skip
FAMILIES = {
    "malignant": "malig", "NK": r"\bnk\b|cd56", "plasma": "plasma cell", "pDC": r"\bpdc", "B": r"^b$|b cell|cd19",
    "T": r"^t$|t cell|^cd[48]", "mast": "mast", "DC": r"mdc|cdc|dendritic|\bdc\b",
    "mononuclear": "mono|macro|kupffer|microgl|tam |myeloid", "neutrophil": "neutro",
    "endothelial": "endothel|lsec|venule", "mural": "pericyte|smooth|mural", "fibroblast": "fibro|caf|stellate",
    "AT1": "cell type 1|^at1", "AT2": "cell type 2|^at2", "ciliated": "cilia", "epithelial": "epithel|club|cholang",
    "hepatocyte": "hepatocyte", "astrocyte": "astro", "oligodendrocyte": "oligo|opc", "neuron": "neuron",
    "osteoblast": "osteobl", "osteoclast": "osteocl",
}  # fmt: skip
HEAD = """# The names of `tl.annotate`

Written by `python -m pytest -m validation tests/tl/test_annotate_validation.py`. Names by markers against the labels
of the authors, with the defaults; `tl.cluster` chose its resolution by stability. *Lineage* is compared for the
labels that have one; *type* for families of names that both sides have (monocytes, macrophages and microglia are one).
Malignant cells are named by their compartment, so they are left out throughout, and so are epithelial cells
where no compartments are given. Accuracies are over the cells that are named, balanced: the mean over classes.

Compartments of the two metastasis sets come from the authors' own labels, so the rows *with compartments* are
partly circular; those *without* see expression and organ alone.

"""
BELOW = """
The breast set holds mostly epithelial cells: where one type makes up most clusters it stands out less from the
average, and without compartments most of them stay unnamed. The blood set holds 765 genes; many types have fewer than
three markers there. AT1 and AT2 cells of a tumor-bearing lung may be tumor cells that look like them.
"""


def load(name, folder):
    """Data set with an organ, and its column of labels."""
    if name == "lung cancer metastases (Maynard 2020)":
        adata = ad.read_h5ad(folder / "maynard2020_nsclc_mets_3k.h5ad")
        adata.obs["organ"] = adata.obs["site"].astype(str)
        return adata, "cell_type"
    if name == "breast cancer and lymph nodes (Chung 2017)":
        adata = ad.read_h5ad(folder / "chung2017_breast_primary_LNmet.h5ad")
        niche.pp.normalize(adata)
        adata.obs["organ"] = adata.obs["site"].astype(str)
        return adata, "cell_type_marker"
    if name == "blood (pbmc68k_reduced)":
        import scanpy as sc

        return sc.datasets.pbmc68k_reduced().raw.to_adata(), "bulk_labels"
    adata = niche.datasets.simulate_metastases(1)
    niche.pp.normalize(adata)
    return adata, "cell_type"


def family(name):
    return next((key for key, pattern in FAMILIES.items() if re.search(pattern, name.lower())), None)


def balanced(truth, found):
    classes = sorted(set(truth))
    return float(np.mean([(found[truth == x] == x).mean() for x in classes]))


def measure(adata, truth, malignant, level, *, compartments):
    """One row of the table."""
    niche.tl.annotate(adata, level=level, cell_type_key="named", lineage_key="by_markers", overwrite=True)
    named = adata.obs["named"].astype(str).to_numpy(dtype=object)
    lineage = adata.obs["by_markers"].astype(str).to_numpy(dtype=object)
    expected = np.array([(resources.classify_cell_type(x) or ("", ""))[1] for x in truth], dtype=object)
    families = np.array([family(x) for x in truth], dtype=object)
    compared = ~malignant & ~np.isin(expected, ["", "other", "malignant"])
    if not compartments:
        compared &= families != "epithelial"
    called = compared & (lineage != "unknown")
    typed = compared & (families != None) & (named != "unknown")  # noqa: E711
    given = np.array([family(x) for x in named], dtype=object)
    return {
        "level": level,
        "cells": int(compared.sum()),
        "lineage": balanced(expected[called], lineage[called]),
        "no lineage": 1 - called.sum() / compared.sum(),
        "type": balanced(families[typed], given[typed]),
        "type, all cells": float((families[typed] == given[typed]).mean()),
        "no type": 1 - (compared & (named != "unknown")).sum() / compared.sum(),
    }


@pytest.fixture(scope="module")
def table(shared_data):
    rows = []
    for name in (
        "lung cancer metastases (Maynard 2020)",
        "breast cancer and lymph nodes (Chung 2017)",
        "blood (pbmc68k_reduced)",
        "simulation",
    ):
        adata, column = load(name, shared_data)
        truth = np.array(
            [
                NAMES.get(x, "T cell" if x.startswith(("CD4", "CD8")) else x)
                for x in adata.obs[column].astype(str)
            ],
            dtype=object,
        )
        key = "malignant_putative" if "malignant_putative" in adata.obs else None
        malignant = truth == "Malignant" if key is None else adata.obs[key].astype(bool).to_numpy()
        for compartments in (True, False):
            cells = adata.copy()
            if compartments and key is not None:
                niche.tl.call_compartments(cells, groupby=column, malignant_key=key)
            elif compartments and "compartment" not in cells.obs:
                continue
            elif not compartments and "compartment" in cells.obs:
                del cells.obs["compartment"]
            niche.tl.cluster(cells, embedding=False)
            for level in ("cluster", "cell"):
                found = measure(cells, truth, malignant, level, compartments=compartments)
                rows.append({"data": name, "compartments": "with" if compartments else "without", **found})
    return pd.DataFrame(rows)


def test_agreement_with_the_authors(table):
    assert (table["lineage"] > 0.9).all()
    clusters = table[table["level"] == "cluster"]
    assert (clusters["no lineage"] < 0.15).all()
    assert (clusters["type"] > 0.8).all()


def test_page_is_written(table):
    columns = list(table.columns)
    rows = [
        [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row]
        for row in table.itertuples(index=False)
    ]
    lines = ["| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows]]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n" + BELOW, encoding="utf-8")
    assert PAGE.is_file()
