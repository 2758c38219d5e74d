"""A study whose organs were compared: four patients in bone, brain and lung, some in two organs; one in kidney."""

from __future__ import annotations

import warnings

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

import niche

PAIRS = pd.DataFrame(
    [
        ("CXCL12", "CXCR4"), ("JAG1", "NOTCH1"), ("SPP1", "CD44"), ("VEGFA", "FLT1"), ("TGFB1", "TGFBR1_TGFBR2"),
        ("CCL2", "CCR2"), ("CXCL12", "ACKR3"),
    ],
    columns=["ligand", "receptor"],
).assign(pathway=["chemokine", "notch", "ECM", "VEGF", "TGFb", "chemokine", "chemokine"])  # fmt: skip
GENES = (
    "CXCL12", "CXCR4", "JAG1", "NOTCH1", "SPP1", "CD44", "VEGFA", "FLT1", "TGFB1", "TGFBR1", "TGFBR2", "CCL2",
    "CCR2",
)  # fmt: skip
FILL = tuple(f"GENE{i}" for i in range(40))
AXIS = ("Fibroblast", "Cancer", "CXCL12", "CXCR4")
"""Its ligand is eight times as high in bone."""
SAMPLES = (
    ("bone1", "P1", "bone"), ("bone2", "P2", "bone"), ("bone3", "P3", "bone"), ("bone4", "P4", "bone"),
    ("brain1", "P1", "brain"), ("brain5", "P5", "brain"), ("brain6", "P6", "brain"), ("brain7", "P7", "brain"),
    ("lung2", "P2", "lung"), ("lung5", "P5", "lung"), ("lung8", "P8", "lung"), ("lung9", "P9", "lung"),
    ("kidney9", "P9", "kidney"),
)  # fmt: skip
TWO_PATIENTS = (
    ("bone1", "P1", "bone"), ("bone2", "P2", "bone"), ("lung5", "P5", "lung"), ("lung8", "P8", "lung"),
)  # fmt: skip
"""A p-value, and no call."""
FEW = {"brain7": "Macrophage"}
"""Samples with too few cells of a type."""
UNPAIRED = tuple((name, f"P{i}", organ) for i, (name, _, organ) in enumerate(SAMPLES))


LONG_NAMES = {
    "Cancer": "Malignant epithelial cell, cycling (G2M) A1",
    "Fibroblast": "Cancer-associated fibroblast, inflammatory",
    "Macrophage": "Tissue-resident macrophage, FOLR2+ LYVE1+",
}
"""Names of cell types as authors give them, of about 40 letters."""


def make_compared(
    samples: tuple = SAMPLES, *, n_cells: int = 24, names: dict[str, str] | None = None
) -> ad.AnnData:
    """Counts, with communication and its comparison stored; cell types may have other ``names``."""
    rng = np.random.default_rng(11)
    genes = (*GENES, *FILL)
    rows, values = [], []
    for sample, patient, organ in samples:
        scatter = rng.normal(scale=0.25, size=len(genes))
        for cell_type in ("Cancer", "Fibroblast", "Macrophage"):
            if organ == "kidney" and cell_type == "Macrophage":
                continue
            n = 4 if FEW.get(sample) == cell_type else n_cells
            mean = np.full(len(genes), 2.0)
            mean[: len(GENES)] = 1.0
            mean[genes.index("CCR2")] = 0.001
            if cell_type == "Fibroblast" and organ == "bone":
                mean[genes.index("CXCL12")] *= 8
            values.append(rng.poisson(mean * np.exp(scatter), size=(n, len(genes))))
            rows += [(sample, patient, organ, "metastasis", cell_type)] * n
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type"])
    kind = {"Cancer": "tumor", "Fibroblast": "stromal", "Macrophage": "immune"}
    obs["compartment"] = obs["cell_type"].map(kind)
    obs["cell_type"] = obs["cell_type"].replace(names or {})
    obs["study"] = np.where(obs["organ"] == "brain", "second", "first")
    obs["age"] = obs["patient"].str[1:].astype(float)
    obs.index = [f"cell{i}" for i in range(len(obs))]
    counts = sparse.csr_matrix(np.vstack(values).astype(np.float32))
    adata = ad.AnnData(counts, obs=obs.astype({c: "category" for c in obs if c != "age"}))
    adata.var_names = list(genes)
    niche.pp.normalize(adata)
    niche.tl.communication(adata, "cell_type", resource=PAIRS)
    with warnings.catch_warnings():  # the column study is hidden behind brain
        warnings.simplefilter("ignore", niche.errors.NicheWarning)
        niche.tl.compare_communication(adata)
    return adata
