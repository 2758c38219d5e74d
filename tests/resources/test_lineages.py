from __future__ import annotations

import re

import pytest

from niche import resources
from niche.errors import InputTypeError

COMPARTMENTS = {"tumor", "stromal", "endothelial", "immune", "parenchymal", "epithelial_normal"}
LINEAGES = {"malignant", "fibroblast-like", "endothelial", "myeloid", "lymphoid", "parenchymal", "other"}

MAYNARD = {
    "Alevolar cell type 1": ("parenchymal", "parenchymal"),
    "B cell": ("immune", "lymphoid"),
    "Ciliated": ("parenchymal", "parenchymal"),
    "Endothelial cell": ("endothelial", "endothelial"),
    "Epithelial cell": ("epithelial_normal", "parenchymal"),
    "Fibroblast": ("stromal", "fibroblast-like"),
    "Macrophage": ("immune", "myeloid"),
    "Mast cell": ("immune", "myeloid"),
    "Monocyte": ("immune", "myeloid"),
    "NK cell": ("immune", "lymphoid"),
    "Pericyte": ("stromal", "fibroblast-like"),
    "Plasma cell": ("immune", "lymphoid"),
    "Smooth muscle cell": ("stromal", "fibroblast-like"),
    "T cell CD4": ("immune", "lymphoid"),
    "T cell dividing": ("immune", "lymphoid"),
    "mDC": ("immune", "myeloid"),
    "pDC": ("immune", "myeloid"),
}
CHUNG = {
    "Epithelial": ("epithelial_normal", "parenchymal"),
    "Stromal": ("stromal", "fibroblast-like"),
    "T": ("immune", "lymphoid"),
    "B": ("immune", "lymphoid"),
    "Myeloid": ("immune", "myeloid"),
}
COMMON = {
    "Malignant": ("tumor", "malignant"),
    "Tumor": ("tumor", "malignant"),
    "Cancer cell": ("tumor", "malignant"),
    "Carcinoma": ("tumor", "malignant"),
    "CAF": ("stromal", "fibroblast-like"),
    "Hepatocyte": ("parenchymal", "parenchymal"),
    "Astrocyte": ("parenchymal", "parenchymal"),
    "Osteoblast": ("stromal", "parenchymal"),
    "Microglia": ("immune", "myeloid"),
    "Kupffer": ("immune", "myeloid"),
    "LSEC": ("endothelial", "endothelial"),
}
TRAPS = {
    "tumor-associated macrophage": ("immune", "myeloid"),
    "Tumor infiltrating lymphocytes": ("immune", "lymphoid"),
    "cancer-associated fibroblast": ("stromal", "fibroblast-like"),
    "Tumour endothelial cells": ("endothelial", "endothelial"),
    "non-malignant epithelial": ("epithelial_normal", "parenchymal"),
    "Hepatocellular carcinoma": ("tumor", "malignant"),
    "Epithelial cell (tumor)": ("tumor", "malignant"),
    "Follicular dendritic cell": ("stromal", "fibroblast-like"),
    "plasmacytoid DC": ("immune", "myeloid"),
    "T_cells_c4_CD8+": ("immune", "lymphoid"),
    "CD8+ T": ("immune", "lymphoid"),
    "Alveolar macrophage": ("immune", "myeloid"),
    "Osteoclast": ("stromal", "myeloid"),
    "vSMC": ("stromal", "fibroblast-like"),
    "AT2": ("parenchymal", "parenchymal"),
}


@pytest.mark.parametrize(
    ("name", "expected"), [*MAYNARD.items(), *CHUNG.items(), *COMMON.items(), *TRAPS.items()]
)
def test_names_of_published_data(name, expected):
    assert resources.classify_cell_type(name) == expected


@pytest.mark.parametrize(
    "name",
    ["other", "Unassigned", "unknown", "Doublet", "cluster 7", "7", "HSC", "basal", "Cycling",
     "Non-malignant", "Non-tumor cells", "normal", "nan", ""],
)  # fmt: skip
def test_names_that_say_nothing(name):
    assert resources.classify_cell_type(name) is None


def test_every_marker_cell_type_keeps_its_compartment():
    table = resources.markers()[["cell_type", "compartment"]].drop_duplicates()
    for name, compartment in table.itertuples(index=False):
        found = resources.classify_cell_type(name)
        assert found is not None, name
        assert found[0] == compartment, name


@pytest.mark.parametrize("name", sorted(MAYNARD | COMMON))
def test_case_and_separators_do_not_matter(name):
    expected = resources.classify_cell_type(name)
    assert resources.classify_cell_type(name.upper().replace(" ", "_")) == expected
    assert resources.classify_cell_type(f"  {name.replace(' ', '-')}") == expected


def test_compartments_are_names_of_themselves():
    for compartment in COMPARTMENTS:
        assert resources.classify_cell_type(compartment)[0] == compartment


def test_lexicon_values():
    table = resources.lineages()
    assert list(table) == ["pattern", "compartment", "lineage", "note"]
    assert set(table["compartment"]) == COMPARTMENTS
    assert set(table["lineage"]) == LINEAGES
    assert table["pattern"].is_unique
    for pattern in table["pattern"]:
        assert pattern == pattern.lower() or "\\" in pattern
        re.compile(pattern)
    assert ((table["compartment"] == "tumor") == (table["lineage"] == "malignant")).all()


def test_only_text():
    with pytest.raises(InputTypeError, match=r"must be text\. Got float"):
        resources.classify_cell_type(float("nan"))
