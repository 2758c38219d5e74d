"""Chung 2017: only from a local copy with the registered checksum, and an honest word without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche.datasets import chung2017 as loader
from niche.datasets.fetch import sha256_of
from niche.datasets.registry import CHUNG2017
from niche.errors import InputValueError, NicheError

module = __import__("niche.datasets.chung2017", fromlist=["CHUNG2017"])


def stand_in() -> ad.AnnData:
    """Four cells with the columns of the prepared file."""
    obs = pd.DataFrame(
        {
            "sample": ["BC01", "BC01", "BC03LN", "BC03LN"],
            "patient": ["BC01", "BC01", "BC03", "BC03"],
            "site": ["breast", "breast", "lymph_node", "lymph_node"],
            "is_metastasis": [False, False, True, True],
            "subtype": ["ER+", "ER+", "HER2+", "HER2+"],
            "cell_type_marker": ["Epithelial", "T", "B", "Unassigned"],
            "malignant_putative": [True, False, False, False],
            "has_TCR": [False, True, False, False],
            "low_quality": [False] * 4,
        },
        index=[f"SRR{i}" for i in range(4)],
    )
    var = pd.DataFrame(
        {"chromosome": ["chr1", "chr2"], "start": [1.0, 3.0], "end": [2.0, 4.0]}, index=["A", "B"]
    )
    adata = ad.AnnData(np.arange(8, dtype=np.float64).reshape(4, 2), obs=obs, var=var)
    adata.uns["provenance"] = {"patient_site_labels": "weakest for BC06"}
    return adata


def test_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / CHUNG2017.file
    stand_in().write_h5ad(file)
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(InputValueError, match="registered checksum"):
        loader()
    monkeypatch.setattr(module, "CHUNG2017", replace(CHUNG2017, sha256=sha256_of(file)))
    adata = loader()
    assert adata.obs["tissue"].tolist() == ["primary"] * 2 + ["metastasis"] * 2
    assert adata.obs["organ"].tolist() == ["breast"] * 2 + ["lymph_node"] * 2
    assert adata.X.format == "csr" and adata.X.dtype == np.float32
    assert adata.uns["source"]["labels"] == "weakest for BC06"
    adata.write_h5ad(tmp_path / "written.h5ad")


def test_without_a_copy_the_message_says_where_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NICHE_DATA_DIR", raising=False)
    monkeypatch.setattr(niche.settings, "data_dir", None)
    with pytest.raises(NicheError, match=r"NICHE_DATA_DIR.*none is set.*cannot be downloaded.*GSE75688"):
        loader()
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(NicheError, match="does not hold it"):
        loader()


def test_the_real_file(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shared_data / CHUNG2017.file).is_file():
        pytest.skip(f"{shared_data} holds no copy of chung2017")
    monkeypatch.setattr(niche.settings, "data_dir", shared_data)
    adata = loader()
    assert adata.shape == (549, 23438)
    assert adata.obs["tissue"].value_counts().to_dict() == {"primary": 441, "metastasis": 108}
    assert float(adata.X.max()) > 1e6, "raw counts"
