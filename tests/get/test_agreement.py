"""Edges beside those of another tool: niche's own exports agree, and every difference has its reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import get, resources, tl
from niche.errors import InputValueError
from niche.get._tool_tables import NAMES
from niche.get.agreement import COLUMNS

PAIRS = pd.DataFrame(
    [("CXCL12", "CXCR4"), ("TGFB1", "TGFBR1_TGFBR2"), ("FN1", "ITGAV_ITGB3"), ("NOSUCH", "CD44")],
    columns=["ligand", "receptor"],
)


@pytest.fixture(scope="module")
def run(_tiny):
    return tl.communication(_tiny, resource=PAIRS, expr_prop=0.0, null="analytic", copy=True)


def cellchat(*rows: tuple) -> pd.DataFrame:
    """Rows (source, target, ligand, receptor, spelt name, prob)."""
    names = ["source", "target", "ligand", "receptor", "interaction_name_2", "prob"]
    return pd.DataFrame(list(rows), columns=names).assign(pval=0.01)


@pytest.mark.parametrize("export", [get.to_liana, get.to_cellchat, get.to_cellphonedb])
def test_our_own_exports_agree_with_us(tiny_communication, export):
    table = get.agreement(tiny_communication, export(tiny_communication, organ="bone"), organ="bone")
    edges = get.communication(tiny_communication, organ="bone", status="tested")
    assert tuple(table) == COLUMNS and len(table) == len(edges) > 50
    assert (table["found"] == "both").all() and table.attrs["n_both"] == len(edges)
    np.testing.assert_allclose(table["score"], table["score_table"], rtol=1e-12)
    np.testing.assert_allclose(table["pval"], table["pval_table"], rtol=1e-12)
    assert table.attrs["spearman"] == pytest.approx(1.0)
    assert table.attrs["n_niche_only"] == table.attrs["n_table_only"] == table.attrs["n_merged"] == 0


def test_the_table_of_liana_itself(tiny_communication):
    li = pytest.importorskip("liana", reason="compares with what LIANA returns")
    cells = tiny_communication[tiny_communication.obs["organ"] == "bone"].copy()
    cells.obs["cell_type"] = cells.obs["cell_type"].astype("category")
    pairs = resources.ligand_receptor()
    genes = pairs["ligand"].str.cat(pairs["receptor"], sep="_").str.split("_")
    pairs = pairs.loc[[set(one) <= set(cells.var_names) for one in genes], ["ligand", "receptor"]]
    options = {"groupby": "cell_type", "use_raw": False, "n_perms": 20, "verbose": False, "inplace": False}
    theirs = li.mt.cellphonedb(cells, resource=pairs, **options)
    table = get.agreement(tiny_communication, theirs, organ="bone")
    assert table.attrs["tool"] == "LIANA" and table.attrs["score"] == "lr_means"
    both = table[table["found"] == "both"]
    assert len(both) > 30 and table.attrs["spearman"] > 0.9, "three samples of one organ, pooled or not"
    there = theirs.set_index(NAMES)["lr_means"]
    np.testing.assert_array_equal(both["score_table"], there.loc[pd.MultiIndex.from_frame(both[NAMES])])
    only = table[table["found"] == "table only"]
    assert (
        set(only["status"]) <= {"not_expressed", "not_testable", "not_assessed"}
        and (only["reason"] != "").all()
    )
    unpaired = only[(only["source"] != "Cancer") & (only["target"] != "Cancer")]
    assert len(unpaired) and set(unpaired["reason"]) == {
        "cell types not paired in the run (senders=, receivers=)"
    }


def test_every_edge_that_only_the_table_has_has_its_reason(run):
    theirs = cellchat(
        ("Cancer", "Fibroblast", "FN1", "AV_B3", "FN1 - (ITGB3+ITGAV)", 0.5),
        ("Cancer", "Fibroblast", "CSF1", "CSF1R", "CSF1 - CSF1R", 0.4),
        ("Cancer", "B cell", "CXCL12", "CXCR4", "CXCL12  - CXCR4", 0.3),
        ("Fibroblast", "Macrophage", "CXCL12", "CXCR4", "CXCL12  - CXCR4", 0.2),
        ("Cancer", "Hepatocyte", "CXCL12", "CXCR4", "CXCL12  - CXCR4", 0.1),
        ("Cancer", "Fibroblast", "NOSUCH", "CD44", "NOSUCH - CD44", 0.1),
    )
    table = get.agreement(run, theirs, organ="bone")
    only = table[table["found"] == "table only"].set_index(["target", "ligand_complex"])
    assert only["reason"].astype(str).to_dict() == {
        ("Fibroblast", "CSF1"): "pair not in the resource of the run",
        ("B cell", "CXCL12"): "cell type not in the result",
        ("Macrophage", "CXCL12"): "cell types not paired in the run (senders=, receivers=)",
        ("Hepatocyte", "CXCL12"): "cell type structurally absent in this organ: target",
        ("Fibroblast", "NOSUCH"): "gene not measured: ligand",
    }
    assert set(only["status"]) == {"not_assessed", "not_testable"} and only["score"].isna().all()
    both = table[table["found"] == "both"].iloc[0]
    assert (both["receptor_complex"], both["score_table"]) == ("ITGAV_ITGB3", 0.5), "niche's spelling"
    tested = get.communication(run, organ="bone", status="tested")
    assert table.attrs["n_both"] == 1 and table.attrs["n_niche_only"] == len(tested) - 1
    assert table.attrs["n_table_only"] == 5 and np.isnan(table.attrs["spearman"])
    assert table["found"].is_monotonic_increasing


def test_spearman_is_that_of_the_scores_of_both(run):
    ours = get.to_cellchat(run, organ="bone")
    turned = ours.assign(prob=-ours["prob"])
    assert get.agreement(run, turned, organ="bone").attrs["spearman"] == pytest.approx(-1.0)
    few = ours.head(4).assign(prob=[0.4, 0.1, 0.3, 0.2])
    expected = pd.Series([0.4, 0.1, 0.3, 0.2]).corr(ours["prob"].head(4), method="spearman")
    assert get.agreement(run, few, organ="bone").attrs["spearman"] == pytest.approx(expected)


def test_the_same_edge_in_other_words_counts_once(run):
    theirs = cellchat(
        ("Cancer", "Fibroblast", "FN1", "AV_B3", "FN1 - (ITGAV+ITGB3)", 0.2),
        ("Cancer", "Fibroblast", "FN1", "B3_AV", "FN1 - (ITGB3+ITGAV)", 0.5),
    )
    table = get.agreement(run, theirs, organ="bone")
    assert table.attrs["n_merged"] == 1 and table.attrs["n_both"] == 1
    assert table.loc[table["found"] == "both", "score_table"].tolist() == [0.5], "the stronger is kept"


def test_pairs_without_a_direction_are_met_either_way(run):
    tables = get.to_cellphonedb(run, organ="bone")
    means = tables["means"].copy()
    row = means["interacting_pair"] == "CXCL12_CXCR4"
    means.loc[row, ["gene_a", "gene_b"]] = ["CXCR4", "CXCL12"]
    means.loc[row, "receptor_b"] = False
    cells = [name for name in means if "|" in name]
    back = {name: "|".join(reversed(name.split("|"))) for name in cells}
    turned = tables["means"].rename(columns=back)
    means.loc[row, cells] = turned.loc[row, cells].to_numpy()
    table = get.agreement(run, {"means": means, "deconvoluted": tables["deconvoluted"]}, organ="bone")
    both = table[(table["found"] == "both") & (table["ligand_complex"] == "CXCL12")]
    assert len(both) and np.allclose(both["score"], both["score_table"]) and both["pval_table"].isna().all()


def test_refusals(run, tiny):
    theirs = get.to_cellchat(run, organ="bone")
    with pytest.raises(
        InputValueError, match="none of the cell types of the table is in the result: 'B', 'b'"
    ):
        get.agreement(run, theirs.head(1).assign(source="b", target="B"), organ="bone")
    with pytest.raises(InputValueError, match="organ: 'skin' not in the result"):
        get.agreement(run, theirs, organ="skin")
    tl.communication(tiny, resource=PAIRS, scores=["lr_means"], null=None)
    with pytest.raises(InputValueError, match=r"no lr_probs\. Run niche\.tl\.communication with scores"):
        get.agreement(tiny, theirs, organ="bone")
    assert len(get.agreement(tiny, get.to_liana(tiny, organ="bone"), organ="bone")), "without p-values"
