"""A table of screening hits: what is refused, left out, and said beside items."""

from __future__ import annotations

import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.tl import _account, _account_screen

HITS = pd.DataFrame(
    {
        "gene": ["COL1A1", "ITGB1", "CXCR4"],
        "organ": ["bone", "Bone", "lung"],
        "effect": [-1.2, 0.4, 2.0],
        "qval": [0.01, 0.5, 0.02],
    }
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["qval", "organ"]), "no column 'organ', 'qval'"),
        (lambda t: t.assign(effect="much"), "3 rows have no number as effect"),
        (
            lambda t: t.assign(qval=[0.1, 1.5, 0.2]),
            "1 rows have no number as effect or a qval outside 0 to 1",
        ),
        (lambda t: pd.concat([t, t.iloc[:1]]), "'COL1A1' in 'bone' occurs twice"),
        (lambda t: t.assign(gene=["x", "y", "z"]), "no row fits the study: 0 of 3 rows have a gene"),
        (lambda t: t.assign(organ="moon"), "0 an organ of it"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(demo, change, message):
    with pytest.raises(InputValueError, match=message):
        _account_screen.checked(change(HITS), demo, ["bone", "lung"])


def test_something_else_is_refused(demo):
    with pytest.raises(InputTypeError, match="screen must be a DataFrame with gene, organ, effect, qval"):
        _account_screen.checked(["CXCR4"], demo, ["bone"])


def test_unknown_genes_and_organs_are_named_and_left_out(demo):
    more = pd.concat([HITS, HITS.iloc[:1].assign(gene="NOSUCH"), HITS.iloc[:1].assign(organ="moon")])
    with pytest.warns(NicheWarning) as told:
        table = _account_screen.checked(more, demo, ["bone", "lung"])
    assert table["gene"].tolist() == HITS["gene"].tolist()
    assert table["organ"].tolist() == ["bone", "bone", "lung"]
    said = " ".join(str(one.message) for one in told)
    assert "1 genes are not in adata.var_names and left out: 'NOSUCH'" in said
    assert "'moon'" in said


def test_hits_stand_beside_items_of_their_organ(corridor):
    items = [
        {"organ": "bone", "kind": "edge", "ligand_complex": "COL1A1", "receptor_complex": "ITGA1_ITGB1"},
        {"organ": "lung", "kind": "edge", "ligand_complex": "COL1A1", "receptor_complex": "CXCR4"},
        {"organ": "bone", "kind": "mediator", "gene": "COL1A1"},
        {"organ": "bone", "kind": "cell_type", "item": "COL1A1"},
    ]
    screen = _account_screen.checked(HITS, corridor, ["bone", "lung"])
    table = _account_screen.with_screen(_account.rows_of(items), screen, corridor, None)
    assert table["screen"].tolist() == [
        "COL1A1: effect -1.20, q 0.01", "CXCR4: effect +2.00, q 0.02", "COL1A1: effect -1.20, q 0.01", "",
    ]  # fmt: skip


def test_hits_among_the_genes_of_a_program(corridor):
    genes = corridor.uns["programs"]["names"]
    name = str(genes[0])
    import niche

    first = niche.get.programs(corridor, program=name)["gene"].iloc[0]
    screen = pd.DataFrame({"gene": [first], "organ": ["bone"], "effect": [1.0], "qval": [0.001]})
    rows = _account.rows_of([{"organ": "bone", "kind": "program", "item": name}])
    table = _account_screen.with_screen(rows, screen, corridor, "programs")
    assert table["screen"].tolist() == [f"{first}: effect +1.00, q 0.001"]
