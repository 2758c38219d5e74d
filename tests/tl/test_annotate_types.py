from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import resources
from niche.tl._annotate_types import host_types, lineage_of


@pytest.fixture(scope="module")
def everything():
    """All markers measured, all organs."""
    names = pd.Index(sorted(set(resources.markers()["gene"])))
    organs = ["bone", "brain", "breast", "liver", "lung", "lymph_node"]
    return host_types(names, "human", organs), names


def test_tumor_types_and_programs_are_no_candidates(everything):
    types, _ = everything
    assert not {"Breast carcinoma cell", "Cycling program"} & set(types.table["cell_type"])
    assert (types.table["status"] == "used").all()
    assert (types.table["n_measured"] == types.table["n_markers"]).all()


def test_markers_are_those_of_the_table(everything):
    types, names = everything
    row = int(np.flatnonzero(types.table["cell_type"] == "B cell")[0])
    found = set(names[types.genes[types.member[row]]])
    table = resources.markers()
    assert found == set(table.loc[table["cell_type"] == "B cell", "gene"])


@pytest.mark.parametrize(
    ("organ", "inside", "outside"),
    [
        ("liver", {"Hepatocyte", "Kupffer cell", "LSEC"}, {"Astrocyte", "Osteoblast", "AT2"}),
        ("brain", {"Astrocyte", "Microglia"}, {"Hepatocyte", "Osteoclast"}),
        ("adrenal", {"T cell", "Epithelial cell"}, {"Hepatocyte", "Astrocyte", "Osteoblast", "AT2"}),
    ],
)
def test_types_of_an_organ(everything, organ, inside, outside):
    types, _ = everything
    here = types.of_organ(organ)
    found = set(here.table["cell_type"])
    assert inside <= found
    assert not outside & found
    assert here.member.shape == (len(here.table), len(types.genes))
    assert "Hepatocyte" in here.ids


def test_a_type_with_two_measured_markers_is_none():
    types = host_types(pd.Index(["CD19", "CD79A", "ACTB"]), "human", [])
    table = types.table.set_index("cell_type")
    assert table.loc["B cell", ["n_measured", "status"]].tolist() == [2, "too few markers measured"]
    assert len(types.of_organ("liver").table) == 0


def test_mouse():
    names = pd.Index(sorted(set(resources.markers(organism="mouse")["gene"])))
    assert "Kupffer cell" in set(host_types(names, "mouse", ["liver"]).of_organ("liver").table["cell_type"])


def test_weights_of_shared_genes(everything):
    types, names = everything
    here = types.of_organ("liver")
    weights = here.specificity()
    column = {name: int(np.flatnonzero(names[here.genes] == name)[0]) for name in ("CD79A", "FCGR3A", "C1QA")}
    of = {name: i for i, name in enumerate(here.table["cell_type"])}
    assert weights[of["B cell"], column["CD79A"]] == 1
    assert weights[of["NK cell"], column["FCGR3A"]] == 0.5
    assert weights[of["Kupffer cell"], column["C1QA"]] == 1, "a type and its broader type are one tree"
    assert weights[of["B cell"], column["C1QA"]] == 0


def test_lineages():
    assert lineage_of("Kupffer cell") == "myeloid"
    assert lineage_of("Osteoblast") == "parenchymal"
    assert lineage_of("cluster 7") == "other"
