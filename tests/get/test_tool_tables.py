"""Tables as LIANA, CellChat and CellPhoneDB write them, read into one form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError
from niche.get._tool_tables import NAMES, tool_table


def cellchat() -> pd.DataFrame:
    """Rows as subsetCommunication gives them: the receptor under the name of its complex."""
    return pd.DataFrame(
        {
            "source": ["Fib", "Fib"], "target": ["Cancer", "Cancer"], "ligand": ["TGFB1", "CXCL12"],
            "receptor": ["TGFbR1_R2", "CXCR4"], "prob": [0.2, 0.1], "pval": [0.0, 0.01],
            "interaction_name": ["TGFB1_TGFBR1_TGFBR2", "CXCL12_CXCR4"],
            "interaction_name_2": ["TGFB1 - (TGFBR1+TGFBR2)", "CXCL12  - CXCR4"], "pathway_name": ["TGFb", "CXCL"],
        }
    )  # fmt: skip


def cellphonedb() -> dict[str, pd.DataFrame]:
    """Three interactions: a complex as receptor, the receptor named first, and two adhesion molecules."""
    about = {
        "id_cp_interaction": ["CPI-1", "CPI-2", "CPI-3"],
        "interacting_pair": ["FN1_integrin_a5b1_complex", "CXCR4_CXCL12", "CDH1_CDH2"],
        "partner_a": ["simple:P02751", "simple:P61073", "simple:P12830"],
        "partner_b": ["complex:integrin_a5b1_complex", "simple:P48061", "simple:P19022"],
        "gene_a": ["FN1", "CXCR4", "CDH1"],
        "gene_b": [np.nan, "CXCL12", "CDH2"],
        "receptor_a": [False, True, False],
        "receptor_b": [True, False, False],
        "classification": ["a", "b", "c"],
    }
    means = pd.DataFrame({**about, "Fib|Cancer": [1.5, 0.8, 0.4], "Cancer|Fib": [0.5, 0.9, 0.0]})
    p = pd.DataFrame({**about, "Fib|Cancer": [0.0, 1.0, 0.2], "Cancer|Fib": [0.5, 0.01, 1.0]})
    parts = pd.DataFrame(
        {
            "gene_name": ["ITGB1", "ITGA5", "FN1", "CXCR4"],
            "complex_name": ["integrin_a5b1_complex", "integrin_a5b1_complex", np.nan, np.nan],
            "id_cp_interaction": ["CPI-1", "CPI-1", "CPI-1", "CPI-2"],
        }
    )
    return {"means": means, "pvalues": p.iloc[::-1], "deconvoluted": parts}


def _rows(edges: pd.DataFrame) -> list[tuple]:
    return sorted(edges[[*NAMES, "score"]].itertuples(index=False, name=None))


def test_cellchat_complexes_are_read_from_the_spelt_name():
    read = tool_table(cellchat())
    assert (read.tool, read.score, read.ours) == ("CellChat", "prob", "lr_probs")
    assert _rows(read.edges) == [
        ("Fib", "Cancer", "CXCL12", "CXCR4", 0.1),
        ("Fib", "Cancer", "TGFB1", "TGFBR1_TGFBR2", 0.2),
    ]
    assert read.edges["pval"].tolist() == [0.0, 0.01] and not read.edges["undirected"].any()


def test_liana_scores_are_the_first_that_niche_has_too():
    table = pd.DataFrame(
        {
            "source": ["A"], "target": ["B"], "ligand_complex": ["L"], "receptor_complex": ["R1_R2"],
            "magnitude_rank": [0.1], "lrscore": [0.7], "cellphone_pvals": [0.03],
        }
    )  # fmt: skip
    read = tool_table(table)
    assert read.score == read.ours == "lrscore" and read.edges["score"].tolist() == [0.7]
    assert read.edges["pval"].tolist() == [0.03]
    with pytest.raises(InputValueError, match="none of the scores that niche has too"):
        tool_table(table.drop(columns=["magnitude_rank", "lrscore"]))


def test_cellphonedb_directions_complexes_and_p():
    edges = tool_table(cellphonedb()).edges
    assert _rows(edges) == [
        ("Cancer", "Fib", "CXCL12", "CXCR4", 0.8),  # CXCR4 of Fib meets CXCL12 of Cancer
        ("Cancer", "Fib", "FN1", "ITGA5_ITGB1", 0.5),
        ("Fib", "Cancer", "CDH1", "CDH2", 0.4),
        ("Fib", "Cancer", "CXCL12", "CXCR4", 0.9),
        ("Fib", "Cancer", "FN1", "ITGA5_ITGB1", 1.5),
    ], "a mean of 0 is no edge"
    one = edges.set_index(["source", "ligand_complex"])
    assert one.loc[("Fib", "CXCL12"), "pval"] == 0.01, "rows of pvalues are matched by interaction"
    assert one.loc[("Cancer", "CXCL12"), "undecided"] and one["undecided"].sum() == 1
    assert one["undirected"].sum() == 1 and one.loc[("Fib", "CDH1"), "undirected"]


def test_refusals():
    with pytest.raises(InputTypeError, match=r"Got list\."):
        tool_table([cellchat()])
    with pytest.raises(InputValueError, match="Columns found: 'source', 'x'"):
        tool_table(pd.DataFrame({"source": ["A"], "x": [1]}))
    tables = cellphonedb()
    with pytest.raises(InputValueError, match="Give the dict of all"):
        tool_table(tables["means"])
    with pytest.raises(InputValueError, match="must hold the table 'means'.*Found: 'pvalues'"):
        tool_table({"pvalues": tables["pvalues"]})
    with pytest.raises(InputValueError, match="lacks the table 'deconvoluted'"):
        tool_table({"means": tables["means"]})
    with pytest.raises(InputValueError, match=r"named sender\|receiver\. Got 'Fib-Cancer'"):
        tool_table(tables | {"means": tables["means"].rename(columns={"Fib|Cancer": "Fib-Cancer"})})
    twice = pd.concat([cellchat(), cellchat().head(1)])
    with pytest.raises(InputValueError, match="lists 1 edges more than once, such as Fib, Cancer, TGFB1"):
        tool_table(twice)
