"""A small study of metastases with known axes: bone, brain, kidney and a primary, real gene names."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

GENES = (
    "CXCL12",
    "CXCR4",
    "JAG1",
    "NOTCH1",
    "NOTCH2",
    "SPP1",
    "CD44",
    "VEGFA",
    "FLT1",
    "CCL2",
    "CCR2",
    "ACTB",
)
HIGH = {
    "Fibroblast": ("CXCL12", "JAG1"),
    "Cancer": ("CXCR4", "NOTCH1", "CD44"),
    "Macrophage": ("SPP1", "CCR2"),
}
PAIRS = pd.DataFrame(
    [
        ("CXCL12", "CXCR4"), ("JAG1", "NOTCH1"), ("JAG1", "NOTCH2"), ("SPP1", "CD44"), ("VEGFA", "FLT1"),
        ("CCL2", "CCR2"), ("CXCL12", "ACKR3"),
    ],
    columns=["ligand", "receptor"],
)  # fmt: skip
# sample, patient, organ, tissue, cells of each type
SAMPLES = (
    ("b1", "P1", "bone", "metastasis", {"Cancer": 20, "Fibroblast": 20, "Macrophage": 20}),
    ("b2", "P2", "bone", "metastasis", {"Cancer": 15, "Fibroblast": 15, "Macrophage": 3}),
    ("r1", "P1", "brain", "metastasis", {"Cancer": 20, "Fibroblast": 15}),
    ("r2", "P3", "brain", "metastasis", {"Cancer": 20, "Fibroblast": 15}),
    ("k1", "P4", "kidney", "metastasis", {"Cancer": 5, "Fibroblast": 4}),
    ("p1", "P1", "breast", "primary", {"Cancer": 12, "Fibroblast": 12}),
)


def make_study(samples: tuple = SAMPLES) -> ad.AnnData:
    rng = np.random.default_rng(3)
    rows, values = [], []
    for sample, patient, organ, tissue, sizes in samples:
        for cell_type, n in sizes.items():
            mean = np.array(
                [8.0 if gene in HIGH[cell_type] else 1.5 if gene == "ACTB" else 0.15 for gene in GENES]
            )
            if organ == "brain" and cell_type == "Fibroblast":
                mean[GENES.index("CXCL12")] = 0.0
            values.append(rng.poisson(mean, size=(n, len(GENES))))
            rows += [(sample, patient, organ, tissue, cell_type)] * n
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type"]).astype("category")
    obs["compartment"] = pd.Categorical(
        obs["cell_type"].map({"Cancer": "tumor", "Fibroblast": "stromal", "Macrophage": "immune"}).astype(str)
    )
    obs.index = [f"cell{i}" for i in range(len(obs))]
    counts = np.vstack(values).astype(np.float32)
    adata = ad.AnnData(sparse.csr_matrix(np.log1p(counts)), obs=obs, var=pd.DataFrame(index=list(GENES)))
    adata.obsm["X_niche_umap"] = (
        rng.normal(size=(adata.n_obs, 2)) + 4 * obs["cell_type"].cat.codes.to_numpy()[:, None]
    )
    return adata
