"""A CellPhoneDB v5 database file of any ligand-receptor pairs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

FLAGS = ("receptor", "other", "secreted_highlight", "transmembrane", "secreted", "peripheral", "integrin")


def write(pairs: pd.DataFrame, path: Path) -> Path:
    """Write the tables of a database as ``cellphonedb.src.core`` reads them; complexes are joined by ``_``."""
    names = sorted(set(pairs["ligand"]) | set(pairs["receptor"]))
    complexes = [name for name in names if "_" in name]
    genes = sorted({gene for name in names for gene in name.split("_")})
    id_of = {name: i for i, name in enumerate([*genes, *complexes])}
    multidata = pd.DataFrame({"id_multidata": id_of.values(), "name": id_of.keys()})
    multidata[list(FLAGS)] = False
    multidata["is_complex"] = multidata["name"].str.contains("_")
    number = [id_of[gene] for gene in genes]
    composition = [
        (id_of[name], id_of[gene], len(name.split("_"))) for name in complexes for gene in name.split("_")
    ]
    tables = {
        "multidata_table": multidata,
        "protein_table": pd.DataFrame(
            {"id_protein": number, "protein_multidata_id": number, "protein_name": genes}
        ),
        "gene_table": pd.DataFrame(
            {"id_gene": number, "protein_id": number, "ensembl": genes, "gene_name": genes, "hgnc_symbol": genes}
        ),
        "complex_table": pd.DataFrame({"complex_multidata_id": [id_of[name] for name in complexes]}),
        "complex_composition_table": pd.DataFrame(
            composition, columns=["complex_multidata_id", "protein_multidata_id", "total_protein"]
        ).rename_axis("id_complex_composition").reset_index(),
        "interaction_table": pd.DataFrame(
            {
                "id_interaction": range(len(pairs)),
                "id_cp_interaction": [f"CPI-{i}" for i in range(len(pairs))],
                "multidata_1_id": pairs["ligand"].map(id_of).to_numpy(),
                "multidata_2_id": pairs["receptor"].map(id_of).to_numpy(),
                "annotation_strategy": "test",
                "directionality": "Ligand-Receptor",
                "classification": "test",
            }
        ),
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, table in tables.items():
            archive.writestr(f"{name}.csv", table.to_csv(index=False))
    return path
