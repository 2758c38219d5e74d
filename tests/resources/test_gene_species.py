from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.resources.gene_species import genes_of_species


def genes(*names: str, **columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=list(names))


@pytest.mark.parametrize(
    ("human", "mouse"),
    [
        ("GRCh38_CXCR4", "mm10___Cxcr4"),
        ("GRCh38______CXCR4", "mm10_Cxcr4"),
        ("hg19_CXCR4", "mm10_Cxcr4"),
        ("hg38_CXCR4", "GRCm39_Cxcr4"),
        ("GRCh38___CXCR4", "mm39___Cxcr4"),
        ("human_CXCR4", "mouse_Cxcr4"),
    ],
)
def test_prefixes_of_genomes(human: str, mouse: str) -> None:
    found = genes_of_species(genes(human, mouse))
    assert found.species.tolist() == ["human", "mouse"]
    assert found.name.tolist() == ["CXCR4", "Cxcr4"] and found.source == "var_names"


def test_ensembl_ids_with_versions_and_prefixes() -> None:
    names = [
        "ENSG00000121966.8",
        "ENSMUSG00000045382",
        "GRCh38_ENSG00000107562",
        "mm10_ENSMUSG00000061353.12",
    ]
    found = genes_of_species(genes(*names))
    assert found.species.tolist() == ["human", "mouse", "human", "mouse"]
    assert found.ensembl_id.tolist() == [
        "ENSG00000121966", "ENSMUSG00000045382", "ENSG00000107562", "ENSMUSG00000061353"
    ]  # fmt: skip


def test_a_column_of_var_says_it_where_the_names_do_not() -> None:
    var = genes("CXCR4", "Cxcr4", gene_ids=["GRCh38_ENSG00000121966", "mm10___ENSMUSG00000045382"])
    found = genes_of_species(var)
    assert found.species.tolist() == ["human", "mouse"] and found.source == "var['gene_ids']"
    assert found.name.tolist() == ["CXCR4", "Cxcr4"]
    assert found.ensembl_id.tolist() == ["ENSG00000121966", "ENSMUSG00000045382"]


@pytest.mark.parametrize("values", [["human", "mouse"], ["GRCh38", "mm10__"], ["hg38", "GRCm39"]])
def test_a_named_column_of_species_or_genomes(values: list[str]) -> None:
    var = genes("CXCR4", "Cxcr4", genome=values)
    var["genome"] = pd.Categorical(var["genome"])
    found = genes_of_species(var, "genome")
    assert found.species.tolist() == ["human", "mouse"] and found.source == "var['genome']"


@pytest.mark.parametrize(
    ("names", "columns", "key", "error", "message"),
    [
        (("GRCh38_A", "GRCh38_B"), {}, None, InputValueError, "all 2 genes are human by var_names: without mouse"),
        (("ENSMUSG00000045382",), {}, None, InputValueError, "all 1 genes are mouse"),
        (("GRCh38_A", "hg19_B", "mm10_C"), {}, None, InputValueError, "human genes come from 2 genomes.*'GRCh38', 'hg19'"),
        (("GRCh38_A", "mm10_B", "mm39_C"), {}, None, InputValueError, "mouse genes come from 2 genomes"),
        (("GRCh38_A", "mm10_B", "GFP"), {}, None, InputValueError, "1 of 3 genes have no species.*'GFP'"),
        (("CXCR4", "Cxcr4"), {}, None, InputValueError, "species of 2 of 2 genes cannot be told.*species_key="),
        (("A", "B"), {"g": ["human", "rat"]}, "g", InputValueError, "Found 'rat' for 1 of 2 genes"),
        (("A", "B"), {"g": ["human", np.nan]}, "g", InputValueError, "Found '' for 1 of 2 genes"),
        (("A", "B"), {"g": ["human", "mouse"]}, "h", MissingKeyError, "column 'h' not found.*'g'"),
        (("A", "B"), {"g": ["human", "mouse"]}, 3, InputTypeError, "name of a column of var"),
    ],
)  # fmt: skip
def test_what_is_no_combined_reference_is_refused(names, columns, key, error, message) -> None:
    with pytest.raises(error, match=message):
        genes_of_species(genes(*names, **columns), key)
