"""LIANA's table, and LIANA's own plots of it."""

from __future__ import annotations

import pandas as pd
import pytest

from niche import get, tl

FIRST = ["source", "target", "ligand_complex", "receptor_complex", "lr_means", "cellphone_pvals"]


def test_one_row_per_tested_edge_with_its_values(tiny_communication):
    table = get.to_liana(tiny_communication, organ="bone")
    edges = get.communication(tiny_communication, organ="bone", status="tested")
    assert list(table.columns[:6]) == FIRST and len(table) == len(edges) == table.attrs["n_tested"]
    key = FIRST[:4]
    both = table.merge(edges.astype(dict.fromkeys(key, str)), on=key, suffixes=("", "_niche"))
    assert len(both) == len(table)
    for name in ("lr_means", "scaled_weight", "lrscore", "ligand_props", "magnitude_rank"):
        assert (both[name] == both[f"{name}_niche"]).all()
    assert (both["cellphone_pvals"] == both["pval"]).all()


def test_the_strongest_come_first_and_names_are_plain_strings(tiny_communication):
    table = get.to_liana(tiny_communication, organ="liver")
    assert table["magnitude_rank"].is_monotonic_increasing
    joined = table["ligand_complex"] + " -> " + table["receptor_complex"]
    assert joined.str.contains(" -> ").all()
    assert not any(isinstance(dtype, pd.CategoricalDtype) for dtype in table.dtypes)


def test_only_what_the_run_computed_is_written(tiny):
    tl.communication(tiny, scores=["lr_means"], null=None)
    table = get.to_liana(tiny, organ="bone")
    assert "lr_means" in table and not {"cellphone_pvals", "lrscore", "magnitude_rank"} & set(table)


def test_the_columns_are_those_of_liana(tiny_communication):
    li = pytest.importorskip("liana", reason="compares with the table that LIANA itself returns")
    cells = tiny_communication[tiny_communication.obs["organ"] == "bone"].copy()
    cells.obs["cell_type"] = cells.obs["cell_type"].astype("category")
    pairs = pd.DataFrame({"ligand": ["CXCL12", "FN1", "SPP1"], "receptor": ["CXCR4", "ITGA5_ITGB1", "CD44"]})
    options = {
        "resource": pairs,
        "groupby": "cell_type",
        "use_raw": False,
        "n_perms": 2,
        "verbose": False,
        "inplace": False,
    }
    ranked = li.mt.rank_aggregate(cells, **options)
    single = li.mt.cellphonedb(cells, **options)
    assert {*ranked.columns, *single.columns} - {"prop_min"} <= set(
        get.to_liana(tiny_communication, organ="bone")
    )


def test_liana_plots_it(tiny_communication):
    li = pytest.importorskip("liana", reason="draws with LIANA's own functions")
    table = get.to_liana(tiny_communication, organ="bone")
    dots = li.pl.dotplot(
        liana_res=table, colour="lr_means", size="cellphone_pvals", inverse_size=True, top_n=5,
        orderby="magnitude_rank", orderby_ascending=True, return_fig=True,
    )  # fmt: skip
    assert set(dots.data["ligand_complex"]) <= set(table["ligand_complex"]) and len(dots.data)
    tiles = li.pl.tileplot(
        liana_res=table, fill="means", label="props", top_n=5, orderby="lr_means", orderby_ascending=False,
        return_fig=True,
    )  # fmt: skip
    for figure in (dots, tiles):
        assert figure.draw().axes
