"""Thrane 2018: only from a local copy with the registered checksum, and an honest word without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import niche
from niche.datasets import thrane2018 as loader
from niche.datasets.fetch import sha256_of
from niche.datasets.registry import THRANE2018
from niche.errors import InputValueError, NicheError

module = __import__("niche.datasets.thrane2018", fromlist=["THRANE2018"])


def stand_in() -> ad.AnnData:
    """Two spots, one of them not decomposed."""
    shares = pd.DataFrame(0.0, index=["1", "2"], columns=list(module._TYPES))
    shares.loc["1", ["B", module.TUMOR]] = 0.4, 0.6
    return ad.AnnData(np.ones((2, 3)), obs=shares, obsm={"spatial": np.array([[1, 2], [2, 2]])})


def test_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / THRANE2018.file
    stand_in().write_h5ad(file)
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(InputValueError, match="registered checksum"):
        loader()
    monkeypatch.setattr(module, "THRANE2018", replace(THRANE2018, sha256=sha256_of(file)))
    adata = loader()
    assert adata.obs["organ"].tolist() == ["lymph_node"] * 2 and adata.X.dtype == np.float32
    assert adata.obsm["proportions"].loc["spot_1", module.TUMOR] == 0.6
    assert adata.obsm["proportions"].loc["spot_2"].isna().all()
    adata.write_h5ad(tmp_path / "written.h5ad")


def test_without_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(niche.settings, "data_dir", tmp_path)
    with pytest.raises(NicheError, match="cannot be downloaded"):
        loader()


def test_the_section(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shared_data / THRANE2018.file).is_file():
        pytest.skip("no copy of the section")
    monkeypatch.setattr(niche.settings, "data_dir", shared_data)
    adata = loader()
    assert adata.shape == (293, 16148)
    assert adata.uns["source"]["licence"].startswith("Apache-2.0")
