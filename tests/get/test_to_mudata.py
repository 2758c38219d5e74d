"""Samples x edges, and programs, as a MuData: against the tables it is made of, and through a file."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from compared import AXIS, make_compared

from niche import get, tl
from niche.errors import (
    InputTypeError,
    InputValueError,
    MissingKeyError,
    MissingPackageError,
    StaleResultError,
)

mudata = pytest.importorskip("mudata", reason="the extra mudata is not installed")


@pytest.fixture(scope="module")
def compared():
    return make_compared()


@pytest.fixture(scope="module")
def edges(compared):
    return get.to_mudata(compared)


def test_edges_are_those_of_the_samples(tiny_communication):
    found, samples = get.to_mudata(tiny_communication), get.communication_samples(tiny_communication)
    assert list(found.mod) == ["edges"]
    assert found.obs_names.tolist() == samples.obs_names.tolist()
    assert list(found.obs) == ["sample", "patient", "organ", "tissue"]
    assert found.obs["organ"].tolist() == ["bone", "bone", "bone", "liver", "liver"]
    np.testing.assert_array_equal(found["edges"].X, samples.X)
    assert np.isnan(found["edges"]["s5"].X).all(), "what a sample cannot speak for is NaN, never 0"
    assert found["edges"].var.equals(samples.var), "nothing was compared"
    about = found.uns["to_mudata"]
    assert about["compared"] == about["programs"] == about["verdicts"] == "not_assessed"


def test_calls_are_those_of_the_comparison(edges, compared):
    var = edges["edges"].var
    called = [name for name in var if name.startswith("call_")]
    assert called == [f"call_{organ}_vs_rest" for organ in ("bone", "brain", "kidney", "lung")]
    name = "|".join(AXIS)
    assert (
        var.loc[name, "call_bone_vs_rest"] in ("enriched", "specific")
        and var.loc[name, "log2fc_bone_vs_rest"] > 1
    )
    for organ in ("bone", "lung"):
        table = get.compare_communication(compared, contrast=f"{organ}_vs_rest")
        parts = [
            table[part].astype(str) for part in ("source", "target", "ligand_complex", "receptor_complex")
        ]
        table.index = parts[0] + "|" + parts[1] + "|" + parts[2] + "|" + parts[3]
        table = table.loc[var.index]
        assert (var[f"call_{organ}_vs_rest"].astype(str) == table["call"].astype(str)).all()
        for number in ("log2fc", "qval"):
            np.testing.assert_array_equal(var[f"{number}_{organ}_vs_rest"], table[number])
    assert edges.uns["to_mudata"]["compared"] == "compare_communication"


def test_views_of_cell_pairs_hold_the_samples_with_both(tiny_communication):
    views = get.to_mudata(tiny_communication, by="cell_pairs")
    whole = get.communication_samples(tiny_communication)
    assert views["Cancer&Hepatocyte"].obs_names.tolist() == ["s4"]
    assert views["Cancer&T cell"].obs_names.tolist() == ["s1", "s3", "s4"], "s2 has three T cells"
    assert views.n_vars == whole.n_vars and views.uns["to_mudata"]["n_views_left_out"] == 0
    assert "s5" not in views.obs_names, "it has four cancer cells"
    for name, view in views.mod.items():
        source, target = name.split("&")
        assert set(view.var["source"]) == {source} and set(view.var["target"]) == {target}
        assert not np.isnan(view.X).any()
        np.testing.assert_array_equal(view.X, whole[view.obs_names, view.var_names].X)


def test_names_with_a_slash_become_plain_keys(tiny, tmp_path):
    tiny.obs["cell_type"] = tiny.obs["cell_type"].astype(str).replace({"Macrophage": "Mono/Mac"})
    tl.communication(tiny, null=None)
    views = get.to_mudata(tiny, by="cell_pairs", edges="tested")
    assert "Cancer&Mono|Mac" in views.mod and set(views["Cancer&Mono|Mac"].var["target"]) == {"Mono/Mac"}
    views.write(tmp_path / "views.h5mu")
    assert set(mudata.read_h5mu(tmp_path / "views.h5mu").mod) == set(views.mod)


def test_programs_stand_beside_the_edges(corridor):
    found = get.to_mudata(corridor, key="few_pairs")
    usage = get.programs(corridor, what="usage")
    programs = found["programs"]
    for row in usage.itertuples():
        if row.sample in programs.obs_names:
            assert programs[row.sample, row.program].X.item() == pytest.approx(row.usage, rel=1e-12)
            assert programs[row.sample, row.program].layers["se"].item() == pytest.approx(row.se, rel=1e-12)
            assert programs.obs.loc[row.sample, "n_cells"] == row.n_cells
    assert set(programs.obs_names) == set(usage["sample"]) & set(found["edges"].obs_names)
    verdicts = get.compare_programs(corridor, what="verdicts").set_index("program")["verdict"].astype(str)
    assert programs.var["verdict"].to_dict() == verdicts.to_dict()
    assert found.uns["to_mudata"]["compared"] == "compare_communication", "that compares few_pairs"
    assert get.to_mudata(corridor).uns["to_mudata"]["compared"] == "not_assessed", (
        "nothing compares the other run"
    )


def test_survives_h5mu(compared, edges, tmp_path):
    edges.write(tmp_path / "edges.h5mu")
    again = mudata.read_h5mu(tmp_path / "edges.h5mu")
    assert list(again.mod) == list(edges.mod) and again.obs_names.equals(edges.obs_names)
    for name in edges.obs:
        assert again.obs[name].astype(str).equals(edges.obs[name].astype(str))
    for name, view in edges.mod.items():
        read = again[name]
        np.testing.assert_array_equal(read.X, view.X)
        assert np.isnan(view.X).any(), "NaN comes back as NaN"
        for layer in ("ligand_means", "receptor_means"):
            np.testing.assert_array_equal(read.layers[layer], view.layers[layer])
        assert list(read.var) == list(view.var)
        for column in view.var:
            same = (read.var[column].astype(str) == view.var[column].astype(str)).all()
            assert same, f"{column} changed"
    assert again.uns["to_mudata"]["by"] == "edges"


def test_scanpy_takes_a_modality(compared):
    sc = pytest.importorskip("scanpy")
    found = get.to_mudata(compared, complete=True)
    samples = found["edges"]
    sc.pp.pca(samples, n_comps=2)
    assert samples.obsm["X_pca"].shape == (found.n_obs, 2) and np.isfinite(samples.obsm["X_pca"]).all()


def test_refusals(tiny_communication, compared, corridor, monkeypatch):
    with pytest.raises(InputValueError, match="by must be one of 'edges', 'cell_pairs'"):
        get.to_mudata(tiny_communication, by="cells")
    with pytest.raises(InputTypeError, match="complete must be True or False"):
        get.to_mudata(tiny_communication, complete=1)
    with pytest.raises(MissingKeyError, match="'no_such'.*Run niche.tl.compare_communication first"):
        get.to_mudata(tiny_communication, compared="no_such")
    with pytest.raises(MissingKeyError, match="'no_such'.*Run niche.tl.programs first"):
        get.to_mudata(tiny_communication, programs="no_such")
    with pytest.raises(
        InputValueError, match="compares adata.uns\\['few_pairs'\\], not adata.uns\\['communication'\\]"
    ):
        get.to_mudata(corridor, compared="compare_communication")
    changed = compared.copy()
    changed.obs["patient"] = pd.Categorical(["P1"] * changed.n_obs)
    with pytest.raises(StaleResultError, match="obs patient changed"):
        get.to_mudata(changed)
    monkeypatch.setattr(sys.modules["niche.get.to_mudata"], "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r'python -m pip install "niche\[mudata\]"'):
        get.to_mudata(tiny_communication)
