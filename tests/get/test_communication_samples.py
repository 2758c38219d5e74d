"""Edges of every sample: against the raw matrix, the tidy table, and scanpy run on them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

PAIRS = pd.DataFrame({"ligand": ["CXCL12", "SPP1", "NOSUCH"], "receptor": ["CXCR4", "ITGAV_ITGB3", "CD44"]})
MIN_CELLS = 10


@pytest.fixture(scope="module")
def samples(tiny_communication):
    return get.communication_samples(tiny_communication)


def test_shape_and_labels(samples):
    assert samples.obs_names.tolist() == ["s1", "s2", "s3", "s4", "s5"], "the primary took no part"
    assert samples.obs["patient"].tolist() == ["p1", "p1", "p2", "p2", "p3"]
    assert samples.obs["organ"].tolist() == ["bone", "bone", "bone", "liver", "liver"]
    assert samples.obs["n_cells"].tolist() == [107, 98, 107, 127, 35]
    assert list(samples.var)[:5] == ["source", "target", "ligand_complex", "receptor_complex", "pathway"]
    assert samples.var_names.is_unique
    assert samples.X.shape == (5, samples.n_vars)
    assert {name for name in samples.layers if name is not None} == {"ligand_means", "receptor_means"}


def test_every_value_from_the_raw_matrix(samples, tiny_communication):
    """A complex is its least expressed subunit in the sample; NaN follows the cells of the sample."""
    x, obs = tiny_communication.to_df().astype(float), tiny_communication.obs
    n = obs.groupby(["sample", "cell_type"], observed=True).size()
    means = x.groupby([obs["sample"], obs["cell_type"]], observed=True).mean()
    for place in range(0, samples.n_vars, 5):
        edge = samples.var.iloc[place]
        for row, sample in enumerate(samples.obs_names):
            side = {}
            for role, name in (("source", "ligand"), ("target", "receptor")):
                group = (sample, edge[role])
                there = n.get(group, 0) >= MIN_CELLS
                genes = edge[f"{name}_complex"].split("_")
                side[name] = means.loc[group, genes].min() if there else np.nan
                found = samples.layers[f"{name}_means"][row, place]
                assert found == pytest.approx(side[name], rel=1e-9, nan_ok=True)
            silent = side["ligand"] == 0 or side["receptor"] == 0
            whole = side["ligand"] + side["receptor"]
            expected = 0.0 if silent and not np.isnan(whole) else whole / 2
            assert samples.X[row, place] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_same_as_the_tidy_table(samples, tiny_communication):
    table = get.communication(tiny_communication, level="sample")
    edge = table[["source", "target", "ligand_complex", "receptor_complex"]].astype(str).agg("|".join, axis=1)
    column = samples.var_names.get_indexer(edge)
    row = samples.obs_names.get_indexer(table["sample"].astype(str))
    assert (column >= 0).all()
    for name, values in (("lr_means", samples.X), ("ligand_means", samples.layers["ligand_means"])):
        np.testing.assert_allclose(values[row, column], table[name], rtol=1e-12)


def test_absent_is_not_zero(samples):
    """Bone has no hepatocytes, s5 has four cancer cells, s2 three T cells."""
    var = samples.var
    hepatocyte = ((var["source"] == "Hepatocyte") | (var["target"] == "Hepatocyte")).to_numpy()
    assert hepatocyte.any()
    assert np.isnan(samples.X[:3][:, hepatocyte]).all() and not np.isnan(samples.X[3][hepatocyte]).any()
    assert np.isnan(samples["s5"].X).all()
    assert (var.loc[hepatocyte, ["n_samples", "n_patients"]] == 1).all().all()
    t_cell = (var["target"] == "T cell").to_numpy()
    ligand, receptor = (samples["s2"].layers[f"{side}_means"][:, t_cell] for side in ("ligand", "receptor"))
    assert not np.isnan(ligand).any() and np.isnan(receptor).all()
    fibroblast = ((var["source"] == "Cancer") & (var["target"] == "Fibroblast")).to_numpy()
    assert (var.loc[fibroblast, "n_samples"] == 4).all() and (var.loc[fibroblast, "n_patients"] == 2).all()


def test_complete_drops_and_counts(tiny_communication):
    whole = get.communication_samples(tiny_communication, organ="bone")
    complete = get.communication_samples(tiny_communication, organ="bone", complete=True)
    assert not np.isnan(complete.X).any() and complete.n_obs == 3
    kept = ~np.isnan(whole.X).any(axis=0)
    assert complete.var_names.tolist() == whole.var_names[kept].tolist()
    assert complete.uns["communication_samples"]["n_dropped"] == (~kept).sum()
    assert (
        complete.uns["communication_samples"]["n_missing"].tolist() == np.isnan(whole.X).sum(axis=1).tolist()
    )
    with pytest.raises(InputValueError, match="lacks a value in one of 5 samples. Most are lacking in 's5'"):
        get.communication_samples(tiny_communication, complete=True)


def test_complete_opens_the_way_to_scanpy(demo_result):
    sc = pytest.importorskip("scanpy")
    samples = get.communication_samples(demo_result, edges="tested", complete=True)
    sc.pp.pca(samples, n_comps=3)
    sc.tl.rank_genes_groups(samples, "organ", method="t-test")
    assert samples.obsm["X_pca"].shape == (samples.n_obs, 3) and samples.n_vars > 100


def test_filters_and_edges(tiny_communication, samples):
    tested = get.communication_samples(tiny_communication, edges="tested")
    table = get.communication(tiny_communication, status="tested")
    names = (
        table[["source", "target", "ligand_complex", "receptor_complex"]].astype(str).agg("|".join, axis=1)
    )
    assert sorted(tested.var_names) == sorted(set(names)) and set(tested.var_names) < set(samples.var_names)
    one = get.communication_samples(tiny_communication, organ="liver", source="Cancer", target=["T cell"])
    assert one.obs_names.tolist() == ["s4", "s5"]
    assert set(one.var["source"]) == {"Cancer"} and set(one.var["target"]) == {"T cell"}
    with pytest.raises(InputValueError, match="organ: 'skin' not in the result"):
        get.communication_samples(tiny_communication, organ="skin")


def test_genes_that_are_not_measured_make_no_edge(tiny):
    tl.communication(tiny, resource=PAIRS)
    samples = get.communication_samples(tiny)
    assert set(samples.var["ligand_complex"]) == {"CXCL12", "SPP1"}


def test_other_tissues_are_organs_of_their_own(tiny):
    tl.communication(tiny, tissues=["metastasis", "primary"], null=None)
    samples = get.communication_samples(tiny)
    assert samples.obs.loc["s6", ["organ", "tissue"]].tolist() == ["breast (primary)", "primary"]


def test_survives_writing_before_and_after(tiny_communication, samples, tmp_path):
    tiny_communication.write_h5ad(tmp_path / "result.h5ad")
    again = get.communication_samples(ad.read_h5ad(tmp_path / "result.h5ad"))
    np.testing.assert_array_equal(again.X, samples.X)
    samples.write_h5ad(tmp_path / "samples.h5ad")
    samples.write_zarr(tmp_path / "samples.zarr")
    for read in (ad.read_h5ad(tmp_path / "samples.h5ad"), ad.read_zarr(tmp_path / "samples.zarr")):
        np.testing.assert_array_equal(read.X, samples.X)
        assert read.uns["communication_samples"]["key"] == "communication"


def test_refusals(tiny, tiny_communication):
    with pytest.raises(MissingKeyError, match="Run niche.tl.communication first"):
        get.communication_samples(tiny)
    with pytest.raises(InputTypeError, match="complete must be True or False"):
        get.communication_samples(tiny_communication, complete=1)
    with pytest.raises(InputValueError, match="edges must be one of 'measured', 'tested'"):
        get.communication_samples(tiny_communication, edges="all")
    tl.communication(tiny, convention="liana", n_perms=5)
    with pytest.raises(InputValueError, match="convention='liana', which pools the samples"):
        get.communication_samples(tiny)
    tiny.obs["patient"] = "p1"
    with pytest.raises(StaleResultError, match="obs patient changed"):
        get.communication_samples(tiny)
