"""A small study with real gene names for the preparation steps."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

GENES = [
    "ACTB", "GAPDH", "B2M", "MALAT1", "EPCAM", "KRT8", "KRT18", "PTPRC", "CD3D", "CD3E", "CD68", "CD14", "COL1A1",
    "COL1A2", "PECAM1", "VWF", "CXCL12", "CXCR4", "SPP1", "CD44", "VEGFA", "KDR", "TGFB1", "TGFBR1", "FN1", "ITGB1",
    "CCL2", "CCR2", "IL6", "IL6R", "EGF", "EGFR", "CSF1", "CSF1R", "JAG1", "NOTCH1", "MT-CO1", "MT-ND1", "LYZ", "S100A4",
]  # fmt: skip
COMPARTMENTS = {"Malignant": "tumor", "Macrophage": "immune", "Fibroblast": "stromal"}


def make_study(design=None, *, seed=0, n=(30, 20, 15)):
    """Counts of every (sample, patient, organ) in ``design``: three types with ``n`` cells each."""
    design = design or [
        ("s1", "p1", "bone"),
        ("s2", "p2", "bone"),
        ("s3", "p3", "bone"),
        ("s4", "p3", "liver"),
        ("s5", "p4", "liver"),
        ("s6", "p5", "liver"),
        ("s7", "p6", "brain"),
    ]
    rng = np.random.default_rng(seed)
    base = rng.gamma(2.0, 1.5, len(GENES))
    effect = {name: np.exp(rng.normal(0, 1.2, len(GENES))) for name in COMPARTMENTS}
    rows, counts = [], []
    for sample, patient, organ in design:
        for (name, compartment), size in zip(COMPARTMENTS.items(), n, strict=True):
            mean = base * effect[name]
            counts.append(rng.negative_binomial(2, 2 / (2 + mean), (size, len(GENES))))
            rows += [(sample, patient, organ, "metastasis", name, compartment)] * size
    obs = pd.DataFrame(rows, columns=["sample", "patient", "organ", "tissue", "cell_type", "compartment"])
    obs.index = [f"cell{i}" for i in range(len(obs))]
    values = sparse.csr_matrix(np.vstack(counts).astype(np.float32))
    return ad.AnnData(values, obs=obs, var=pd.DataFrame(index=GENES))


@pytest.fixture(scope="session")
def _study():
    return make_study()


@pytest.fixture
def study(_study):
    """Bone and liver with three patients each, brain with one; raw counts in X."""
    return _study.copy()
