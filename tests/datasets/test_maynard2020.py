"""Maynard 2020: sites and tissue joined, the same from either local copy."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import niche
from niche.datasets import maynard2020
from niche.datasets.maynard2020 import site_table
from niche.datasets.registry import MAYNARD2020
from niche.errors import MissingKeyError


def stand_in(dense: bool) -> ad.AnnData:
    """Six cells as upstream stores them: half precision, dense, versions in the Ensembl ids."""
    values = np.array([[1, 0, 2, 0], [1, 0, 0, 3], [2, 1, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 2]])
    obs = pd.DataFrame(
        {
            "age": [53, 53, 40, 40, 60, 60],
            "sex": pd.Categorical(["female", "female", "male", "male", "male", "male"]),
            "sample": pd.Categorical(["LT_S47", "LT_S47", "LT_S65", "LT_S65", "LT_S66", "LT_S80"]),
            "patient": pd.Categorical(["TH220", "TH220", "TH238_NAT", "TH238_NAT", "TH238", "TH179"]),
            "cell_type": pd.Categorical(["T cell CD4", "other", "NK cell", "Fibroblast", "B cell", "B cell"]),
        },
        index=[f"SRR{i}" for i in range(6)],
    )
    var = pd.DataFrame(
        {
            "ensg": ["ENSG1.2", "ENSG2.1", "ENSG3.9", "ENSG4.1"],
            "chromosome": pd.Categorical(["chr1", "chr2", "KI1.1", "chrX"]),
            "start": [1, 2, 3, 4],
            "end": [5, 6, 7, 8],
        },
        index=["A", "B", "C", "D"],
    )
    matrix = values.astype(np.float16) if dense else csr_matrix(values, dtype=np.float32)
    if dense:
        return ad.AnnData(matrix, obs=obs, var=var, obsm={"X_umap": np.ones((6, 2), np.float32)})
    kept = (values > 0).sum(axis=0) >= 3
    return ad.AnnData(
        matrix[:, kept], obs=obs.assign(site="x"), var=var[kept], obsm={"X_umap": np.ones((6, 2))}
    )


@pytest.mark.parametrize("dense", [True, False])
def test_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dense: bool) -> None:
    stand_in(dense).write_h5ad(tmp_path / (MAYNARD2020.file if dense else MAYNARD2020.prepared))
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    adata = maynard2020()
    assert adata.var_names.tolist() == ["A", "D"] and adata.X.dtype == np.float32 and adata.X.format == "csr"
    assert adata.obs["organ"].tolist() == ["liver"] * 2 + ["lung"] * 3 + ["lymph_node"]
    assert adata.obs["tissue"].tolist() == ["metastasis"] * 2 + ["normal"] * 2 + ["primary", "metastasis"]
    assert adata.obs["patient"].tolist() == ["TH220"] * 2 + ["TH238"] * 3 + ["TH179"]
    assert adata.obs["treatment"].tolist() == ["progressive"] * 2 + ["naive"] * 3 + ["progressive"]
    assert adata.var["ensembl_id"].tolist() == ["ENSG1", "ENSG4"]
    assert adata.uns["source"]["obtained"] == "local" and adata.uns["source"]["licence"].startswith("BSD-3")
    adata.write_h5ad(tmp_path / "written.h5ad")


def test_a_copy_without_a_column_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = stand_in(dense=True)
    del raw.obs["sample"]
    raw.write_h5ad(tmp_path / MAYNARD2020.file)
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(MissingKeyError, match="'sample'"):
        maynard2020()


def test_an_unknown_sample_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = stand_in(dense=True)
    raw.obs["sample"] = "LT_S999"
    raw.write_h5ad(tmp_path / MAYNARD2020.file)
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(MissingKeyError, match="LT_S999"):
        maynard2020()


def test_the_site_table() -> None:
    table = site_table()
    assert len(table) == 51 and table.index.is_unique
    assert set(table["organ"]) == {"adrenal", "brain", "liver", "lung", "lymph_node", "pleura"}
    assert table["tissue"].value_counts().to_dict() == {"metastasis": 30, "primary": 19, "normal": 2}
    assert not table["patient"].str.endswith("_NAT").any()
    known = table["treatment"].value_counts().to_dict()  # 7 biopsies are not among the 3,000 cells
    assert known == {"progressive": 20, "naive": 14, "residual": 10, "": 7}


def test_the_real_file(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any((shared_data / name).is_file() for name in (MAYNARD2020.prepared, MAYNARD2020.file)):
        pytest.skip(f"{shared_data} holds no copy of maynard2020")
    monkeypatch.setattr(niche.settings, "data_dir", shared_data)
    adata = maynard2020()
    assert adata.shape == (3000, 41088)
    cells = adata.obs.groupby(["organ", "tissue"], observed=True).size()
    assert cells.to_dict() == {
        ("adrenal", "metastasis"): 52,
        ("brain", "metastasis"): 2,
        ("liver", "metastasis"): 402,
        ("lung", "normal"): 151,
        ("lung", "primary"): 1120,
        ("lymph_node", "metastasis"): 747,
        ("pleura", "metastasis"): 526,
    }
    assert adata.obs["treatment"].cat.categories.tolist() == ["naive", "progressive", "residual"]
