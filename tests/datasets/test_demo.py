"""The bundled draw is what its generator draws, and shows what it is meant to show."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche.datasets import demo
from niche.datasets.demo import FILE, draw_demo, write_demo


def test_the_bundled_file_is_the_draw() -> None:
    """Design and truth are compared always; counts only on the numpy that drew the file.

    numpy may change its random streams between versions. Then the same design must come out, with
    the same expected profile within sampling error.
    """
    stored, drawn = demo(), draw_demo()
    truth, expected = stored.uns["truth"], drawn.uns["truth"]
    assert truth["params"] == expected["params"] and list(truth) == sorted(expected)
    assert sorted(stored.obs["sample"].unique()) == sorted(drawn.obs["sample"].unique())
    if truth["numpy_version"] != np.__version__ and stored.shape != drawn.shape:
        pytest.skip(f"numpy {np.__version__} draws other numbers than numpy {truth['numpy_version']}")
    assert stored.var_names.equals(drawn.var_names) and stored.obs_names.equals(drawn.obs_names)
    assert (stored.X != drawn.X).nnz == 0 and (stored.layers["counts"] != drawn.X).nnz == 0
    assert stored.obs.astype(str).equals(drawn.obs.astype(str))
    np.testing.assert_array_equal(stored.obsm["truth_usage"], drawn.obsm["truth_usage"])
    for name, table in expected.items():
        if isinstance(table, pd.DataFrame):
            pd.testing.assert_frame_equal(truth[name], table, check_categorical=False, check_index_type=False)


def test_it_is_small() -> None:
    assert len((files("niche.datasets") / FILE).read_bytes()) < 2.5e6


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = demo()[:200, :300].copy()
    few.uns["truth"] = {key: few.uns["truth"][key] for key in ("edges", "genes", "program_genes")}
    monkeypatch.setattr(sys.modules[draw_demo.__module__], "draw_demo", few.copy)
    write_demo(tmp_path / FILE)
    again = ad.read_h5ad(tmp_path / FILE)
    assert again.X.dtype == np.uint16 and (few.X.toarray() == again.X).all()
    assert again.uns["truth"]["edges"].astype(str).equals(few.uns["truth"]["edges"].astype(str))


def test_every_call_returns_its_own_object() -> None:
    first = demo()
    first.X.data[:] = 0
    first.obs["organ"] = "none"
    second = demo()
    assert second.X.sum() > 0 and second.layers["counts"].sum() > 0
    assert set(second.obs["organ"]) == {"bone", "brain", "breast", "liver", "lung"}
    assert first.layers["counts"].sum() > 0


def test_the_design_holds_what_an_analysis_should_notice() -> None:
    adata = demo()
    metastases = adata.obs[adata.obs["tissue"] == "metastasis"]
    patients = metastases.groupby("organ", observed=True)["patient"].nunique()
    assert patients.to_dict() == {"bone": 4, "brain": 2, "liver": 4, "lung": 4}
    assert metastases.groupby("patient", observed=True)["organ"].nunique().eq(2).sum() == 6
    assert adata.obs.loc[adata.obs["tissue"] == "primary", "patient"].nunique() == 2
    cells = metastases.groupby(["sample", "cell_type"], observed=True).size().unstack(fill_value=0)
    assert (cells["Malignant"] >= 30).all() and (cells["B cell"] < 10).all()
    planted = adata.uns["truth"]["edges"].query("planted")
    assert planted.groupby("organ", observed=True)["kind"].nunique().eq(4).sum() >= 3
