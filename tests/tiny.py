"""Small data sets for the tools: real gene names, known expression."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import sparse

GENES = [
    "CXCL12", "CXCR4", "JAG1", "NOTCH1", "NOTCH2", "SPP1", "CD44", "VEGFA", "FLT1", "KDR", "TGFB1", "TGFBR1",
    "TGFBR2", "CCL2", "CCR2", "IL6", "IL6R", "IL6ST", "FN1", "ITGA5", "ITGB1", "ITGAV", "ITGB3", "ITGA4", "VCAM1",
    "COL1A1", "EPCAM", "PTPRC", "ACTB", "GAPDH", "MALAT1", "B2M", "EGF", "EGFR", "CSF1", "CSF1R", "IGF1", "IGF1R",
]  # fmt: skip


def make(design, *, seed=0, types=None):
    """Cells of every (sample, patient, organ, tissue) in ``design`` with a numbers-per-type dict each."""
    rng = np.random.default_rng(seed)
    base = rng.gamma(1.0, 0.8, len(GENES))
    effect = {}
    rows, counts = [], []
    for sample, patient, organ, tissue, numbers in design:
        for name, n in numbers.items():
            if name not in effect:
                effect[name] = np.exp(rng.normal(0, 0.7, len(GENES)))
            mean = base * effect[name] * np.exp(rng.normal(0, 0.2, len(GENES)))
            counts.append(rng.negative_binomial(2, 2 / (2 + mean), (n, len(GENES))))
            rows += [
                (sample, patient, organ, tissue, name, "tumor" if name == "Cancer" else COMPARTMENT[name])
            ] * n
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type", "compartment"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    adata = ad.AnnData(
        sparse.csr_matrix(np.vstack(counts).astype(np.float32)), obs=obs, var=pd.DataFrame(index=GENES)
    )
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    order = rng.permutation(adata.n_obs)
    return adata[order].copy()


COMPARTMENT = {
    "Fibroblast": "stromal",
    "Macrophage": "immune",
    "Hepatocyte": "parenchymal",
    "Osteoblast": "parenchymal",
    "T cell": "immune",
}


@pytest.fixture(scope="session")
def _tiny():
    full = {"Cancer": 40, "Fibroblast": 25, "Macrophage": 30, "T cell": 12}
    return make(
        [
            ("s1", "p1", "bone", "metastasis", full),
            ("s2", "p1", "bone", "metastasis", {**full, "T cell": 3}),
            ("s3", "p2", "bone", "metastasis", full),
            ("s4", "p2", "liver", "metastasis", {**full, "Hepatocyte": 20}),
            ("s5", "p3", "liver", "metastasis", {"Cancer": 4, "Fibroblast": 30, "T cell": 1}),
            ("s6", "p3", "breast", "primary", full),
        ]
    )


@pytest.fixture
def tiny(_tiny):
    """Two organs with one primary: three patients, a missing parenchyma, samples with too few cells."""
    return _tiny.copy()


@pytest.fixture(scope="session")
def tiny_one_sample():
    return make(
        [("s1", "p1", "bone", "metastasis", {"Cancer": 60, "Fibroblast": 40, "Macrophage": 30})], seed=1
    )


@pytest.fixture(scope="session")
def tiny_communication(_tiny):
    """``tiny`` after ``tl.communication`` with its defaults; do not change it."""
    from niche import tl

    return tl.communication(_tiny, copy=True)
