"""Cells whose every count is written by hand, so that what a comparison must say can be worked out on paper."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

import niche

PAIRS = pd.DataFrame(
    {
        "ligand": ["CXCL12", "SPP1", "JAG1"],
        "receptor": ["CXCR4", "ITGAV_ITGB3", "NOSUCH"],
        "pathway": ["a", "b", "c"],
    }
)
GENES = ["CXCL12", "CXCR4", "SPP1", "ITGAV", "ITGB3", "JAG1", "FILL"]
COMPARTMENT = {
    "Cancer": "tumor",
    "Fibroblast": "stromal",
    "Macrophage": "immune",
    "Hepatocyte": "parenchymal",
}
N_CELLS, LIBRARY = 12, 1000

CXCL12 = {"P1": 16, "P2": 20, "P3": 12, "P4": 2, "P5": 3, "P6": 2, "P7": 3, "P8": 2, "P9": 3, "P10": 4}
"""Counts per fibroblast by patient: high in bone (P1-P3), low in liver (P4-P6), lung (P7-P9) and brain (P10)."""
CXCR4 = {"P1": 3, "P2": 4, "P3": 4, "P4": 4, "P5": 3, "P6": 4, "P7": 3, "P8": 4, "P9": 3, "P10": 3}
"""Counts per cancer cell by patient: the same everywhere but for chance."""

BONE = tuple((f"bone{i}", f"P{i}", "bone", "metastasis") for i in (1, 2, 3))
LIVER = tuple((f"liver{i}", f"P{i}", "liver", "metastasis") for i in (4, 5, 6))
LUNG = tuple((f"lung{i}", f"P{i}", "lung", "metastasis") for i in (7, 8, 9))
BRAIN = (("brain10", "P10", "brain", "metastasis"),)
EDGE = {"source": "Fibroblast", "target": "Cancer", "ligand_complex": "CXCL12", "receptor_complex": "CXCR4"}


def counts_of(sample: str, patient: str, organ: str, cell_type: str) -> dict[str, int]:
    """Counts of one cell."""
    found = dict.fromkeys(GENES, 0)
    found |= {"SPP1": 5, "ITGAV": 4 + int(patient[1:]) % 2, "ITGB3": 2 + int(patient[1:]) % 3, "JAG1": 1}
    found["CXCL12"] = CXCL12[patient] if cell_type == "Fibroblast" else 1
    found["CXCR4"] = CXCR4[patient] if cell_type == "Cancer" else 1
    found["FILL"] = LIBRARY - sum(found.values())
    return found


def hand_made(samples: tuple, *, n_cells: int = N_CELLS, change=None) -> ad.AnnData:
    """Cells of ``(sample, patient, organ, tissue)``; macrophages but in liver, hepatocytes in liver alone.

    ``change(counts, sample, patient, organ, tissue, cell_type)`` may alter the counts of a cell.
    """
    rows, counts = [], []
    for sample, patient, organ, tissue in samples:
        types = ["Cancer", "Fibroblast", "Hepatocyte" if organ == "liver" else "Macrophage"]
        for cell_type in types:
            cell = counts_of(sample, patient, organ, cell_type)
            if change is not None:
                change(cell, sample, patient, organ, tissue, cell_type)
                cell["FILL"] += LIBRARY - sum(cell.values())
            rows += [(sample, patient, organ, tissue, cell_type, COMPARTMENT[cell_type])] * n_cells
            counts += [[cell[gene] for gene in GENES]] * n_cells
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type", "compartment"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    adata = ad.AnnData(
        sparse.csr_matrix(np.array(counts, dtype=np.float32)), obs=obs, var=pd.DataFrame(index=GENES)
    )
    niche.pp.normalize(adata)
    return adata


def log_cpm(count_per_cell: float, n_cells: int = N_CELLS) -> float:
    """log2 CPM of the sum of alike cells, as methods 2.1 has it."""
    return float(np.log2((count_per_cell * n_cells + 0.5) / (LIBRARY * n_cells + 1) * 1e6))


def edge_value(patient: str) -> float:
    """(l + r) / 2 of CXCL12 from fibroblasts to CXCR4 of cancer cells."""
    return (log_cpm(CXCL12[patient]) + log_cpm(CXCR4[patient])) / 2


def communicate(adata: ad.AnnData, **options) -> ad.AnnData:
    """``tl.communication`` on the hand-made pairs."""
    niche.tl.communication(adata, "cell_type", **({"resource": PAIRS, "null": None} | options))
    return adata
