"""Default axes are real pairs on genes of their own; random ones too; bad tables are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche import resources
from niche.datasets._simulate.axes import COLUMNS, axes_table, axis_genes, axis_sides
from niche.datasets._simulate.cell_types import MALIGNANT, cell_type_table
from niche.datasets._simulate.options import Options
from niche.errors import InputValueError, MissingKeyError

ORGANS = ["bone", "lung", "brain", "liver", "lymph_node"]
PAIRS = resources.ligand_receptor("consensus")


def axes(organs: list[str] = ORGANS, **options: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    asked = Options(organs=organs, **options)
    types = cell_type_table(asked, organs)
    return axes_table(np.random.default_rng(0), asked, PAIRS, types, {"CD44"}, organs), types


def test_defaults_are_pairs_of_the_consensus_list_of_all_four_kinds() -> None:
    found, _ = axes()
    listed = set(zip(PAIRS["ligand"], PAIRS["receptor"], strict=True))
    assert set(zip(found["ligand_complex"], found["receptor_complex"], strict=True)) <= listed
    assert (found.groupby("organ")["kind"].nunique() == 4).all()
    assert found["receptor_complex"].str.contains("_").any()
    assert ((found["source"] == MALIGNANT) | (found["target"] == MALIGNANT)).all()


def test_default_effects_never_meet_in_one_cell_type() -> None:
    found, types = axes()
    sides = axis_sides(found, types)
    moved = sides[sides["log2fc"] != 0]
    assert not moved.duplicated(["cell_type", "gene"]).any()
    still = sides[sides["log2fc"] == 0]
    assert not set(zip(moved["cell_type"], moved["gene"], strict=True)) & set(
        zip(still["cell_type"], still["gene"], strict=True)
    )


def test_sides_of_every_kind() -> None:
    found, types = axes(["bone"])
    sides = axis_sides(found, types).set_index(["cell_type", "gene"])
    assert sides.loc[("Fibroblast", "CXCL12"), "log2fc"] == 2
    assert sides.loc[(MALIGNANT, "CXCR4"), "log2fc"] == 0
    assert sides.loc[(MALIGNANT, "IGF1R"), "log2fc"] == 2 and sides.loc[("Fibroblast", "IGF1"), "log2fc"] == 0
    assert sides.loc[("Fibroblast", "IL11RA"), "log2fc"] == sides.loc[("Fibroblast", "IL6ST"), "log2fc"] == 2
    assert sides.loc[("Osteoblast", "SPP1"), "cpm"] > 1000 * sides.loc[("Fibroblast", "SPP1"), "cpm"]


def test_random_axes_have_genes_of_their_own() -> None:
    found, _ = axes(["bone", "skin"], extra_axes=3)
    extra = found[found["organ"] == "skin"]
    assert extra["kind"].value_counts().to_dict() == {"both": 4, "ligand": 4, "receptor": 4, "leaked": 1}
    drawn = found.iloc[5:]
    genes = [g for c in [*drawn["ligand_complex"], *drawn["receptor_complex"]] for g in c.split("_")]
    assert (
        len(genes) == len(set(genes))
        and "CD44" not in genes
        and not set(genes) & set(axis_genes(found.iloc[:5]))
    )
    with pytest.raises(InputValueError, match="extra_axes"):
        axes(extra_axes=900)


def test_losses_start_from_a_higher_level() -> None:
    table = pd.DataFrame([("bone", "Fibroblast", MALIGNANT, "CXCL12", "CXCR4", "ligand", -2.0)])
    table.columns = [c for c in COLUMNS if c != "leaked_side"]
    found, types = axes(["bone"], axes=table)
    side = axis_sides(found, types).iloc[0]
    assert side["log2fc"] == -2 and side["cpm"] == 600


def test_without_parenchyma_nothing_leaks() -> None:
    found, _ = axes(parenchyma=False)
    assert "leaked" not in set(found["kind"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "sideways"}, "kind"),
        ({"organ": "skin"}, "organ"),
        ({"source": "Hepatocyte"}, "source"),
        ({"leaked_side": "middle", "kind": "leaked"}, "leaked_side"),
    ],
)
def test_bad_tables(change: dict[str, str], said: str) -> None:
    good = axes(["bone"])[0].iloc[:1]
    with pytest.raises(InputValueError, match=said):
        axes(["bone"], axes=good.assign(**change))
    with pytest.raises(MissingKeyError, match="kind"):
        axes(["bone"], axes=good.drop(columns="kind"))
    with pytest.raises(InputValueError, match="parenchyma"):
        axes(["bone"], axes=good.assign(kind="leaked", leaked_side="ligand"), parenchyma=False)
