"""Compartments agree with the lexicon; shares are shares."""

from __future__ import annotations

import pytest

from niche import resources
from niche.datasets._simulate.cell_types import MALIGNANT, cell_type_table, sample_shares
from niche.datasets._simulate.options import Options
from niche.errors import InputValueError

ORGANS = ["bone", "lung", "brain", "liver", "lymph_node", "adrenal"]


def test_compartments_agree_with_the_lexicon() -> None:
    table = cell_type_table(Options(organs=ORGANS), ORGANS)
    assert table["cell_type"].is_unique
    for row in table.itertuples():
        found = resources.classify_cell_type(row.cell_type)
        assert found is not None and found[0] == row.compartment, row.cell_type


def test_markers_exist() -> None:
    labels = set(resources.markers()["cell_type"])
    table = cell_type_table(Options(organs=ORGANS), ORGANS)
    assert set(table["markers"]) - {""} <= labels
    assert (table.groupby("organ")["leaks"].sum().drop("") == 1).all()


def test_shares() -> None:
    options = Options(composition={"bone": {"T cell": 0.0}})
    table = cell_type_table(options, list(options.organs))
    bone = sample_shares(table, options, "bone", "metastasis")
    assert (
        bone.sum() == pytest.approx(1)
        and bone["T cell"] == 0
        and bone["Hepatocyte"] == 0 < bone["Osteoblast"]
    )
    normal = sample_shares(table, options, "bone", "normal")
    assert normal[MALIGNANT] == 0 and normal["T cell"] > 0
    assert not cell_type_table(Options(parenchyma=False), ["bone"])["organ"].any()


def test_unknown_cell_types_are_refused() -> None:
    with pytest.raises(InputValueError, match="Hepatocyte"):
        cell_type_table(Options(composition={"bone": {"Hepatocyte": 1.0}}), ["bone"])
    options = Options(
        composition={"bone": dict.fromkeys(cell_type_table(Options(), ["bone"])["cell_type"], 0.0)}
    )
    with pytest.raises(InputValueError, match="no cell"):
        sample_shares(cell_type_table(options, ["bone"]), options, "bone", "metastasis")
