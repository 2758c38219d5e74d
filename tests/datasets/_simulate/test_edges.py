"""Every true edge, and only those, worked out again by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche.datasets._simulate.edges import COLUMNS, true_edges
from niche.datasets._simulate.expectation import Expectation
from niche.datasets._simulate.options import Options

GENES = pd.Index(["L1", "L2", "R1", "R2", "R3"])
TYPES = ["Malignant", "Fibroblast"]
PAIRS = pd.DataFrame({"ligand": ["L1", "L1", "L2", "L9"], "receptor": ["R1", "R2_R3", "R2_R3", "R1"]})
AXES = pd.DataFrame(
    [
        ("bone", "Fibroblast", "Malignant", "L1", "R1", "ligand"),
        ("bone", "Malignant", "Fibroblast", "L2", "R2_R3", "leaked"),
    ],
    columns=["organ", "source", "target", "ligand_complex", "receptor_complex", "kind"],
)


def edges(changes: dict[tuple[str, str], float]) -> pd.DataFrame:
    base = np.full((2, 5), 8.0)
    base[:, GENES.get_loc("R3")] = 6.0
    bone = base.copy()
    for (cell_type, gene), change in changes.items():
        bone[TYPES.index(cell_type), GENES.get_loc(gene)] += change
    levels = np.stack([base, bone])
    expected = Expectation(organs=["", "bone"], cell_types=TYPES, real=levels, observed=levels + 0.1)
    return true_edges(expected, GENES, PAIRS, AXES, Options(organs=("bone",)))


def test_a_moved_ligand_makes_all_its_edges_true() -> None:
    found = edges({("Fibroblast", "L1"): 1.5})
    assert list(found.columns) == list(COLUMNS)
    true = found[found["kind"] != "leaked"]
    assert len(true) == 4 and (true["source"] == "Fibroblast").all() and (true["kind"] == "ligand").all()
    assert set(true["target"]) == set(TYPES) and set(true["receptor_complex"]) == {"R1", "R2_R3"}
    assert (true["log2fc_ligand"] == 1.5).all() and (true["log2fc_receptor"] == 0).all()
    assert (true["driver_compartment"] == "host").all()
    planted = found[found["planted"]]
    assert set(zip(planted["ligand_complex"], planted["kind"], strict=True)) == {
        ("L1", "ligand"),
        ("L2", "leaked"),
    }


def test_a_complex_moves_with_its_lowest_subunit() -> None:
    assert set(edges({("Malignant", "R2"): 1.0})["kind"]) == {"leaked"}
    found = edges({("Malignant", "R3"): 3.0})
    true = found[found["kind"] != "leaked"]
    assert (true["receptor_complex"] == "R2_R3").all() and np.allclose(true["log2fc_receptor"], 2.0)
    assert len(true) == 4 and (true["driver_compartment"] == "tumor").all()


def test_both_sides() -> None:
    found = edges({("Fibroblast", "L1"): 1.0, ("Malignant", "R1"): 2.0})
    row = found[(found["kind"] == "both")]
    assert len(row) == 1 and row.iloc[0]["planted"] and row.iloc[0]["driver"] == "both"
    assert (row.iloc[0]["source"], row.iloc[0]["target"]) == ("Fibroblast", "Malignant")


def test_leaked_edges_have_no_real_effect_and_unmeasured_pairs_are_left_out() -> None:
    found = edges({})
    assert len(found) == 1 and found.iloc[0]["kind"] == "leaked" and found.iloc[0]["driver"] == "undetermined"
    assert found.iloc[0]["log2fc_ligand"] == found.iloc[0]["log2fc_receptor"] == 0
    assert "L9" not in set(found["ligand_complex"])


def test_expressed_means_seen_in_a_tenth_of_the_cells() -> None:
    found = edges({("Fibroblast", "L1"): -6.0})
    silent = found[(found["ligand_complex"] == "L1")]
    assert len(silent) == 4 and not silent["expressed"].any() and (silent["log2fc_ligand"] == -6).all()
