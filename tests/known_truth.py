"""A study of three organs whose truth is written by hand."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

GENES = ["CXCL12", "CXCR4", "JAG1", "NOTCH2", "SPP1", "CD44", "HGF", "MET", "IL11", "IL11RA", "IL6ST"]
EDGE = ["source", "target", "ligand_complex", "receptor_complex"]
CXCL12 = ("Fibroblast", "Malignant", "CXCL12", "CXCR4")
JAG1 = ("Malignant", "Macrophage", "JAG1", "NOTCH2")
SPP1 = ("Fibroblast", "Malignant", "SPP1", "CD44")
HGF = ("Fibroblast", "Malignant", "HGF", "MET")
IL11 = ("Malignant", "Fibroblast", "IL11", "IL11RA_IL6ST")


def study(*, primary: bool = False) -> ad.AnnData:
    """CXCL12 rises in bone and lung, JAG1-NOTCH2 in bone and liver, HGF-MET in liver; SPP1 leaks in bone."""
    edges = pd.DataFrame(
        [
            ("bone", *CXCL12, "ligand", True, 2.0, 0.0, True),
            ("bone", *JAG1, "both", True, 2.0, 1.0, True),
            ("bone", *SPP1, "leaked", True, 0.0, 0.0, False),
            ("liver", *HGF, "both", True, 2.0, 2.0, True),
            ("liver", *JAG1, "receptor", False, 0.0, 3.0, False),
            ("lung", *CXCL12, "ligand", False, 2.0, 0.0, False),
        ],
        columns=["organ", *EDGE, "kind", "planted", "log2fc_ligand", "log2fc_receptor", "expressed"],
    )
    types = pd.DataFrame(
        {
            "cell_type": ["Malignant", "Fibroblast", "Macrophage", "Hepatocyte"],
            "compartment": ["tumor", "stromal", "immune", "parenchymal"],
            "organ": ["", "", "", "liver"],
        }
    )
    samples = pd.DataFrame({"organ": ["bone", "liver", "lung"], "tissue": "metastasis"})
    if primary:
        samples.loc[3] = ["breast", "primary"]
    genes = pd.DataFrame(
        {"organ": ["liver"], "cell_type": ["Fibroblast"], "gene": ["IL6ST"], "cause": ["ambient"]}
    )
    adata = ad.AnnData(np.ones((1, len(GENES)), dtype=np.float32), var=pd.DataFrame(index=GENES))
    adata.uns["truth"] = {"edges": edges, "genes": genes, "cell_types": types, "samples": samples}
    return adata


def liver_table() -> pd.DataFrame:
    """What a tool might say of liver against the rest: edge, q, effect, driver, compartment."""
    rows = [
        (*HGF, 0.01, 1.8, "both", "both"),
        (*SPP1, 0.02, 0.1, "ligand", "host"),
        (*IL11, 0.03, 0.4, "receptor", "host"),
        (*CXCL12, 0.05, -0.9, "undetermined", "host"),
        ("Fibroblast", "Macrophage", "HGF", "MET", 0.08, 1.0, "ligand", "host"),
        ("Macrophage", "Macrophage", "HGF", "MET", 0.5, 0.0, "undetermined", "host"),
        ("Macrophage", "Fibroblast", "HGF", "MET", np.nan, np.nan, "undetermined", "host"),
        (*JAG1, np.nan, 0.7, "undetermined", "host"),
        ("Hepatocyte", "Malignant", "HGF", "MET", 0.001, 3.0, "ligand", "host"),
        ("Fibroblast", "Malignant", "JAG1", "CD44", 0.001, 3.0, "ligand", "host"),
    ]
    table = pd.DataFrame(rows, columns=[*EDGE, "qval_joint", "log2fc", "driver", "driver_compartment"])
    return table.assign(contrast="liver_vs_rest")
