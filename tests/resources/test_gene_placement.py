from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import resources
from niche.errors import InputValueError
from niche.resources.gene_placement import HOW, chromosome_names, place_genes


def frame(names, **columns):
    return pd.DataFrame(columns, index=pd.Index(names, dtype=object))


def test_both_spellings_of_chromosomes_are_understood():
    given = [
        "1",
        "chr1",
        "Chr1",
        1,
        1.0,
        "x",
        "chrX",
        "MT",
        "chrM",
        "m",
        "KI270721.1",
        "chr1_random",
        None,
        np.nan,
        "nan",
        "",
    ]
    expected = ["chr1"] * 5 + ["chrX"] * 2 + ["chrM"] * 3 + ["KI270721.1", "chr1_random", "", "", "", ""]
    assert chromosome_names(pd.Series(given, dtype=object)).tolist() == expected
    assert chromosome_names(pd.Series(["2", "chr2"]).astype("category")).tolist() == ["chr2"] * 2
    assert chromosome_names(pd.Series([1, 22])).tolist() == ["chr1", "chr22"]


def test_id_first_then_current_then_previous_symbol():
    ids = ["ENSG00000121966.8", "", "", "", ""]
    found = place_genes(
        frame(["GAPDH", "ACTB", "CTGF", "NOSUCHGENE", "SDF1"], gene_ids=ids), organism="human"
    )
    # less than half of the genes have an id, so the column is no column of ids
    assert found.how.tolist()[:1] == ["current_symbol"]
    ids = ["ENSG00000121966.8", "ENSG00000075624", "ENSG00000118523", "", ""]
    found = place_genes(frame(["GAPDH", "x", "CTGF", "NOSUCHGENE", "TMEM173"], gene_ids=ids))
    assert found.how.tolist() == ["ensembl_id", "ensembl_id", "ensembl_id", "not_placed", "previous_symbol"]
    assert found.chromosome.tolist() == ["chr2", "chr7", "chr6", "", "chr5"]  # the id says CXCR4, not GAPDH
    assert found.organism == "human"
    assert np.isnan(found.start[3]) and found.placed.tolist() == [True, True, True, False, True]
    assert set(found.how) <= set(HOW)


@pytest.mark.parametrize(("organism", "names"), [("human", ["CXCR4", "ACTB"]), ("mouse", ["Cxcr4", "Actb"])])
def test_both_organisms_are_recognised(organism, names):
    found = place_genes(frame(names))
    assert found.organism == organism
    table = resources.gene_positions(organism).drop_duplicates("symbol").set_index("symbol").loc[names]
    assert found.chromosome.tolist() == table["chromosome"].tolist()
    assert found.start.tolist() == table["start"].tolist()


def test_a_symbol_of_two_chromosomes_is_not_placed_one_of_x_and_y_is_on_x():
    table = resources.gene_positions()
    homes = table.groupby("symbol")["chromosome"].agg(lambda c: tuple(sorted(set(c))))
    shared = homes[homes == ("chrX", "chrY")].index[0]
    several = homes[homes.map(lambda c: len(c) > 1 and "chrX" not in c)].index[0]
    found = place_genes(frame([shared, several, "ACTB"]), organism="human")
    assert found.chromosome.tolist() == ["chrX", "", "chr7"]


def test_columns_of_ones_own_are_never_mixed_with_the_tables():
    var = frame(
        ["ACTB", "GAPDH", "CD44"], chromosome=["1", None, "2"], start=[5, 6, None], end=[7.0, 8.0, 9.0]
    )
    found = place_genes(var)
    assert (found.chromosome.tolist(), found.how.tolist()) == (
        ["chr1", "", ""],
        ["var", "not_placed", "not_placed"],
    )
    assert found.organism == ""
    builtin = place_genes(var, positions="builtin")
    assert builtin.chromosome.tolist() == ["chr7", "chr12", "chr11"]


def test_empty_columns_are_passed_over_unless_asked_for():
    var = frame(["ACTB", "GAPDH"], chromosome=[None, None], start=[1, 2], end=[3, 4])
    assert place_genes(var).how.tolist() == ["current_symbol"] * 2
    assert not place_genes(var, positions="var").placed.any()
    with pytest.raises(InputValueError, match="positions='var' needs the columns .*missing: 'end'"):
        place_genes(var.drop(columns="end"), positions="var")
    with pytest.raises(InputValueError, match="positions must be one of"):
        place_genes(var, positions="gtf")
    with pytest.raises(InputValueError, match="organism"):
        place_genes(frame(["ACTB"]), organism="rat")
