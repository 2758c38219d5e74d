"""The tables of CellPhoneDB v5: wide, with a meaning for every cell that holds no number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import get, tl
from niche.errors import InputTypeError, InputValueError

ABOUT = (
    "id_cp_interaction interacting_pair partner_a partner_b gene_a gene_b secreted receptor_a receptor_b "
    "annotation_strategy is_integrin directionality classification"
).split()
PAIRS = pd.DataFrame(
    {
        "ligand": ["CXCL12", "SPP1", "NOSUCH", "FN1", "CCL2"],
        "receptor": ["CXCR4", "ITGAV_ITGB3", "CD44", "ITGA5_NOSUCH", "CCR2"],
        "pathway": ["CXCL", "SPP1", "x", "FN1", "CCL"],
    }
)


@pytest.fixture
def tables(tiny):
    values = tiny.X.tolil()
    values[:, tiny.var_names.get_loc("CCL2")] = 0
    tiny.X = values.tocsr()
    tl.communication(tiny, resource=PAIRS, expr_prop=0.01)
    return get.to_cellphonedb(tiny, organ="liver"), get.communication(tiny, organ="liver")


def test_every_cell_holds_the_value_of_its_edge(tables):
    found, table = tables
    for name in ("means", "pvalues", "significant_means", "interaction_scores"):
        found[name] = found[name].set_index("interacting_pair")
    for edge in table.itertuples():
        pair, cells = f"{edge.ligand_complex}_{edge.receptor_complex}", f"{edge.source}|{edge.target}"
        if "NOSUCH" in pair:
            assert pair not in found["means"].index
            continue
        values = {name: found[name].at[pair, cells] for name in ("means", "pvalues", "interaction_scores")}
        if edge.status == "tested":
            assert values["means"] == edge.lr_means and values["pvalues"] == edge.pval
            assert values["interaction_scores"] == edge.interaction_score
        elif edge.status == "not_expressed":
            assert values["pvalues"] == 1 and values["interaction_scores"] == 0 and values["means"] >= 0
        else:
            assert all(np.isnan(value) for value in values.values())
        significant = found["significant_means"].at[pair, cells]
        if edge.status == "tested" and edge.pval <= 0.05:
            assert significant == edge.lr_means
        else:
            assert np.isnan(significant)
    assert set(table["status"]) == {"tested", "not_expressed", "not_testable"}
    assert found["pvalues"].attrs["n_pairs_left_out"] == 2


def test_columns_before_the_cell_types(tables):
    found, _ = tables
    for name in ("means", "pvalues", "interaction_scores"):
        assert list(found[name].columns[:13]) == ABOUT
        assert all("|" in column for column in found[name].columns[13:])
    assert list(found["significant_means"].columns[:14]) == [*ABOUT, "rank"]
    assert found["significant_means"]["rank"].is_monotonic_increasing
    spp1 = found["means"].set_index("interacting_pair").loc["SPP1_ITGAV_ITGB3"]
    assert (spp1["partner_a"], spp1["partner_b"]) == ("simple:SPP1", "complex:ITGAV_ITGB3")
    assert spp1["gene_a"] == "SPP1" and pd.isna(spp1["gene_b"]) and spp1["classification"] == "SPP1"
    assert spp1["is_integrin"] and not spp1["receptor_a"] and spp1["receptor_b"] and pd.isna(spp1["secreted"])
    cxcl = found["means"].set_index("interacting_pair").loc["CXCL12_CXCR4"]
    assert not cxcl["is_integrin"] and cxcl["gene_b"] == "CXCR4"


def test_deconvoluted_gives_every_subunit_in_every_cell_type(tables, tiny):
    found, _ = tables
    means, fractions = found["deconvoluted"], found["deconvoluted_percents"]
    mine = means[means["id_cp_interaction"] == "niche:SPP1::ITGAV:ITGB3"].set_index("gene_name")
    assert sorted(mine.index) == ["ITGAV", "ITGB3", "SPP1"]
    assert mine.at["ITGAV", "complex_name"] == "ITGAV_ITGB3" and not mine.at["SPP1", "is_complex"]
    cells = (tiny.obs["sample"] == "s4") & (tiny.obs["cell_type"] == "Hepatocyte")
    x = tiny[cells.to_numpy(), "ITGAV"].X.toarray().astype(float)
    assert mine.at["ITGAV", "Hepatocyte"] == pytest.approx(x.mean())
    row = (fractions["id_cp_interaction"] == "niche:SPP1::ITGAV:ITGB3") & (fractions["gene_name"] == "ITGAV")
    assert fractions.loc[row, "Hepatocyte"].item() == pytest.approx((x > 0).mean())
    fibroblasts = [
        tiny[
            ((tiny.obs["sample"] == s) & (tiny.obs["cell_type"] == "Fibroblast")).to_numpy(), "ITGAV"
        ].X.mean()
        for s in ("s4", "s5")
    ]
    assert mine.at["ITGAV", "Fibroblast"] == pytest.approx(np.mean(fibroblasts))


def test_cell_types_with_the_separator_are_refused_by_name(tiny):
    tiny.obs["cell_type"] = tiny.obs["cell_type"].astype(str).replace("T cell", "T|NK cell")
    tl.communication(tiny, resource=PAIRS)
    with pytest.raises(InputValueError, match=r"'T\|NK cell' contain the separator '\|'"):
        get.to_cellphonedb(tiny, organ="bone")
    table = get.to_cellphonedb(tiny, organ="bone", separator="::")["means"]
    assert "Cancer::T|NK cell" in table
    for wrong in ("", None, 1):
        with pytest.raises(InputTypeError, match="separator"):
            get.to_cellphonedb(tiny, organ="bone", separator=wrong)


def test_scores_that_were_not_computed_have_no_table(tiny):
    tl.communication(tiny, resource=PAIRS, scores=["lr_means"])
    assert "interaction_scores" not in get.to_cellphonedb(tiny, organ="bone")


def test_the_layout_is_that_of_cellphonedb(tiny_one_sample, tmp_path):
    """Its own tables of the same cells: names of tables and columns, means, where p is 1 and rows are absent."""
    method = pytest.importorskip(
        "cellphonedb.src.core.methods.cpdb_statistical_analysis_method",
        reason="compares with the tables that CellPhoneDB itself returns",
    )
    import cellphonedb_database as database

    cells = tiny_one_sample
    meta = pd.DataFrame({"Cell": cells.obs_names, "cell_type": cells.obs["cell_type"].to_numpy()})
    meta.to_csv(tmp_path / "meta.tsv", sep="\t", index=False)
    theirs = method.call(
        cpdb_file_path=str(database.write(PAIRS, tmp_path / "database.zip")), threads=1, iterations=100,
        meta_file_path=str(tmp_path / "meta.tsv"), counts_file_path=cells.copy(), counts_data="hgnc_symbol",
        output_path=str(tmp_path), result_precision=9, threshold=0.3,
    )  # fmt: skip
    with pytest.warns(match="one organ only"):
        tl.communication(
            cells, resource=PAIRS, convention="cellphonedb", expr_prop=0.3, min_cells=1, n_perms=100,
            senders="all", receivers="all",
        )  # fmt: skip
    ours = get.to_cellphonedb(cells, organ="bone")
    assert set(ours) - {"interaction_scores"} == {name for name in theirs if not name.startswith("CellSign")}
    for name in ("means", "pvalues", "significant_means", "deconvoluted", "deconvoluted_percents"):
        assert list(ours[name].columns) == list(theirs[name].columns), name
        key = "gene_name" if name.startswith("deconvoluted") else "interacting_pair"
        assert sorted(ours[name][key]) == sorted(theirs[name][key]), name
    first, second = (part["means"].set_index("interacting_pair").iloc[:, 12:] for part in (ours, theirs))
    np.testing.assert_allclose(first.to_numpy(float), second.loc[first.index].to_numpy(float), atol=1e-6)
    first, second = (part["pvalues"].set_index("interacting_pair").iloc[:, 12:] for part in (ours, theirs))
    assert np.abs(first.to_numpy(float) - second.loc[first.index].to_numpy(float)).max() < 0.35
    assert 0 < (first == 1).to_numpy().sum() < first.size
    for name in ("deconvoluted", "deconvoluted_percents"):  # of complexes, theirs repeats the lowest subunit
        first, second = (
            part[name].set_index(["gene_name", "complex_name"]).iloc[:, 5:] for part in (ours, theirs)
        )
        lowest = first.groupby("complex_name").transform("min").fillna(first).sort_index()
        np.testing.assert_allclose(lowest, second.sort_index().loc[lowest.index], atol=1e-6)


def test_ktplotspy_plots_it(tiny_communication):
    """The plotting package that CellPhoneDB points to."""
    kt = pytest.importorskip("ktplotspy", reason="draws with the package made for CellPhoneDB's tables")
    found = get.to_cellphonedb(tiny_communication, organ="bone")
    figure = kt.plot_cpdb(
        adata=tiny_communication, cell_type1="Cancer", cell_type2="Fibroblast|Macrophage", means=found["means"],
        pvals=found["pvalues"], celltype_key="cell_type", interaction_scores=found["interaction_scores"],
        keep_significant_only=True,
    )  # fmt: skip
    assert figure.draw().axes
