from __future__ import annotations

import pandas as pd
import pytest

from niche import resources
from niche.resources import gene_identity


def frame(names, **columns):
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object))


def test_ensembl_ids_drop_versions_and_refuse_others():
    found = gene_identity.ensembl_ids(
        pd.Index(["ENSG00000121966", "ENSG00000121966.8", "ENSMUSG00000061353.1", "ENSG00000182378.15_PAR_Y"])
    )
    assert list(found) == ["ENSG00000121966", "ENSG00000121966", "ENSMUSG00000061353", "ENSG00000182378"]
    assert (
        list(gene_identity.ensembl_ids(pd.Index(["CXCR4", "ENST00000000001", "xENSG00000121966"])))
        == [""] * 3
    )


def test_id_wins_over_symbol_and_current_over_previous():
    var = frame(["GAPDH", "CXCR4", "CTGF", "NOSUCHGENE"], ids=["ENSG00000121966.8", "", "", ""])
    var.loc[["CXCR4", "CTGF", "NOSUCHGENE"], "ids"] = ["ENSG00000075624", "ENSG00000000000", "x"]
    found = gene_identity.identify(var, "human")
    assert found["symbol"].tolist() == ["CXCR4", "ACTB", "CCN2", "NOSUCHGENE"]
    assert found["how"].tolist() == ["ensembl_id", "ensembl_id", "previous_symbol", "unknown"]
    assert found["ensembl_id"].tolist() == ["ENSG00000121966", "ENSG00000075624", "ENSG00000118523", ""]


def test_a_previous_symbol_that_is_current_stays():
    table = gene_identity.gene_table("human")
    assert not set(table.current_of) & set(table.id_of)
    assert set(table.current_of.values()) <= set(table.id_of)


def test_aliases_are_never_used():
    # SDF1 is an alias of CXCL12; HER2 of ERBB2
    found = gene_identity.identify(frame(["SDF1", "HER2"]), "human")
    assert found["how"].tolist() == ["unknown", "unknown"]


def test_a_shared_symbol_has_no_single_id():
    positions = resources.gene_positions()
    twice = positions.loc[positions["symbol"].duplicated(), "symbol"].iloc[0]
    assert gene_identity.identify(frame([twice]), "human")["ensembl_id"].tolist() == [""]


@pytest.mark.parametrize(
    ("names", "organism"), [(["CXCR4", "ACTB", "x"], "human"), (["Cxcr4", "Actb"], "mouse")]
)
def test_best_organism(names, organism):
    best, shares = gene_identity.best_organism(frame(names))
    assert best == organism
    assert shares[organism] > 0.6 > shares[{"human": "mouse", "mouse": "human"}[organism]]


def test_ids_are_found_in_the_column_that_holds_most():
    var = frame(
        ["a", "b"], note=["x", "ENSG00000121966"], gene=["ENSG00000075624.17", "ENSG00000121966"], n=[1, 2]
    )
    assert gene_identity.ids_of_genes(var)[1] == "gene"
    assert gene_identity.ids_of_genes(var[["note", "n"]])[1] == ""
    assert gene_identity.ids_of_genes(frame(["ENSG00000121966", "b"]))[1] == "var_names"


def test_known_share():
    assert gene_identity.known_share(gene_identity.identify(frame(["CXCR4", "x", "y", "z"]), "human")) == 0.25
