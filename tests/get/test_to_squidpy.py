"""The result of squidpy's ligrec, and squidpy's own plot of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import get, tl

PAIRS = pd.DataFrame({"ligand": ["CXCL12", "SPP1", "NOSUCH"], "receptor": ["CXCR4", "ITGAV_ITGB3", "CD44"]})


def test_values_and_what_a_missing_one_means(tiny_communication):
    result = get.to_squidpy(tiny_communication, organ="liver")
    table = get.communication(tiny_communication, organ="liver")
    means, p = result["means"], result["pvalues"]
    assert means.index.equals(p.index) and means.columns.equals(p.columns)
    assert means.columns.names == ["cluster_1", "cluster_2"] and means.index.names == ["source", "target"]
    for edge in table.itertuples():
        row, column = (edge.ligand_complex, edge.receptor_complex), (edge.source, edge.target)
        if row not in means.index:
            assert edge.status == "not_testable"
            continue
        if edge.status == "tested":
            assert means.at[row, column] == edge.lr_means and p.at[row, column] == edge.pval
        else:
            assert np.isnan(p.at[row, column])
            assert np.isnan(means.at[row, column]) == (edge.status == "not_testable")


def test_pairs_that_are_not_measured_are_left_out_and_counted(tiny):
    tl.communication(tiny, resource=PAIRS)
    result = get.to_squidpy(tiny, organ="liver")
    assert list(result["means"].index) == [("CXCL12", "CXCR4"), ("SPP1", "ITGAV_ITGB3")]
    assert result["means"].attrs["n_pairs_left_out"] == 1
    metadata = result["metadata"]
    assert metadata.index.equals(result["means"].index)
    counted = metadata[["n_tested", "n_not_expressed", "n_not_testable"]].sum(axis=1)
    assert (counted == result["means"].shape[1]).all()
    assert (metadata["n_tested"] == result["pvalues"].notna().sum(axis=1)).all()


def test_the_shape_is_that_of_squidpy(tiny_one_sample):
    sq = pytest.importorskip("squidpy", reason="compares with the result that squidpy itself returns")
    cells = tiny_one_sample.copy()
    cells.obs["cell_type"] = cells.obs["cell_type"].astype("category")
    pairs = PAIRS.rename(columns={"ligand": "source", "receptor": "target"}).iloc[:1]
    theirs = sq.gr.ligrec(
        cells, "cell_type", interactions=pairs, use_raw=False, copy=True, n_perms=5, seed=0, n_jobs=1,
        show_progress_bar=False,
    )  # fmt: skip
    with pytest.warns(match="one organ only"):
        tl.communication(
            cells, resource=PAIRS.iloc[:1], convention="squidpy", expr_prop=0.01, min_cells=1, n_perms=5,
            senders="all", receivers="all",
        )  # fmt: skip
    ours = get.to_squidpy(cells, organ="bone")
    assert sorted(ours) == sorted(theirs)
    np.testing.assert_allclose(ours["means"].to_numpy(), np.asarray(theirs["means"]))
    for name in ("means", "pvalues"):
        assert list(ours[name].columns) == list(theirs[name].columns)
        assert list(ours[name].index) == list(theirs[name].index)
        assert ours[name].index.names == theirs[name].index.names
    assert theirs["pvalues"].columns.nlevels == ours["pvalues"].columns.nlevels
    assert (ours["pvalues"].isna().to_numpy() == np.isnan(np.asarray(theirs["pvalues"]))).all()


def test_squidpy_plots_it(tiny_communication):
    sq = pytest.importorskip("squidpy", reason="draws with squidpy's own function")
    import matplotlib.pyplot as plt

    result = get.to_squidpy(tiny_communication, organ="bone")
    before = {name: table.copy() for name, table in result.items()}
    sq.pl.ligrec(result, source_groups="Cancer", pvalue_threshold=0.5, alpha=0.05, title="bone")
    assert any(
        "bone" in axis.get_title() for figure in map(plt.figure, plt.get_fignums()) for axis in figure.axes
    )
    for name, table in before.items():
        pd.testing.assert_frame_equal(result[name], table)
