"""The truth agrees with the draw it belongs to."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd


def test_keys_and_plain_columns(small: ad.AnnData) -> None:
    truth = small.uns["truth"]
    assert set(truth) == {
        *("schema_version", "numpy_version", "params", "program_names", "edges", "genes", "programs"),
        *("program_genes", "program_samples", "cell_types", "composition", "clones", "segments", "samples"),
    }
    for table in truth.values():
        if isinstance(table, pd.DataFrame):
            assert table.index.equals(pd.RangeIndex(len(table)))
            assert all(isinstance(d, pd.CategoricalDtype) or d.kind in "bif" for d in table.dtypes)


def test_cells_belong_to_the_tables(small: ad.AnnData) -> None:
    truth = small.uns["truth"]
    cells = small.obs.groupby("sample", observed=True).size()
    assert truth["samples"].set_index("sample")["n_cells"].to_dict() == cells.to_dict()
    assert set(small.obs["truth_clone"]) - {""} <= set(truth["clones"]["clone"])
    owner = truth["clones"].astype(str).set_index("clone")["patient"]
    tumor = small.obs[small.obs["truth_malignant"]]
    assert (owner.loc[tumor["truth_clone"].astype(str)].to_numpy() == tumor["patient"].astype(str)).all()
    assert set(small.obs["cell_type"]) <= set(truth["cell_types"]["cell_type"])


def test_usage_per_sample_is_the_mean_over_malignant_cells(small: ad.AnnData) -> None:
    truth = small.uns["truth"]
    table = truth["program_samples"].pivot(index="sample", columns="program", values="usage")
    for sample, usage in table.iterrows():
        inside = ((small.obs["sample"] == sample) & small.obs["truth_malignant"]).to_numpy()
        wanted = small.obsm["truth_usage"][inside].mean(axis=0)
        np.testing.assert_allclose(usage[list(truth["program_names"])], wanted, rtol=1e-5)
    assert not any("normal" in sample for sample in table.index)


def test_true_edges_are_measured(small: ad.AnnData) -> None:
    edges = small.uns["truth"]["edges"]
    assert not edges.duplicated(["organ", "source", "target", "ligand_complex", "receptor_complex"]).any()
    genes = {
        g for column in ("ligand_complex", "receptor_complex") for c in edges[column] for g in c.split("_")
    }
    assert genes <= set(small.var_names)
    assert edges["planted"].sum() == 10
