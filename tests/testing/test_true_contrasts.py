"""The truth of contrasts, by hand."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from known_truth import CXCL12, EDGE, HGF, JAG1, SPP1, study

from niche.datasets import simulate_metastases
from niche.errors import InputTypeError, MissingKeyError
from niche.testing import true_contrasts


def of(table: pd.DataFrame, contrast: str) -> dict[tuple[str, ...], pd.Series]:
    """Rows of a contrast by edge."""
    rows = table[table["contrast"] == contrast]
    return {tuple(row[EDGE]): row for _, row in rows.iterrows()}


def kinds(table: pd.DataFrame, contrast: str) -> dict[tuple[str, ...], str]:
    return {edge: row["kind"] for edge, row in of(table, contrast).items()}


def effects(table: pd.DataFrame, contrast: str, edge: tuple[str, ...]) -> list[float]:
    return of(table, contrast)[edge][["log2fc_ligand", "log2fc_receptor", "log2fc"]].tolist()


def test_contrasts_and_their_organ() -> None:
    table = true_contrasts(study(primary=True))
    found = table[["contrast", "organ"]].drop_duplicates()
    assert list(found.itertuples(index=False, name=None)) == [
        ("omnibus", ""),
        ("bone_vs_rest", "bone"),
        ("liver_vs_rest", "liver"),
        ("lung_vs_rest", "lung"),
        ("bone_vs_liver", "bone"),
        ("bone_vs_lung", "bone"),
        ("liver_vs_lung", "liver"),
        ("bone_vs_primary", "bone"),
        ("liver_vs_primary", "liver"),
        ("lung_vs_primary", "lung"),
    ]
    assert not true_contrasts(study())["contrast"].str.endswith("primary").any()


def test_rest_is_the_mean_of_the_other_organs() -> None:
    table = true_contrasts(study())
    assert effects(table, "bone_vs_rest", CXCL12) == [1.0, 0.0, 0.5]
    assert effects(table, "liver_vs_rest", CXCL12) == [-2.0, 0.0, -1.0]
    assert effects(table, "lung_vs_rest", CXCL12) == [1.0, 0.0, 0.5]
    assert effects(table, "bone_vs_rest", JAG1) == [2.0, -0.5, 0.75]
    assert effects(table, "liver_vs_rest", JAG1) == [-1.0, 2.5, 0.75]
    assert effects(table, "lung_vs_rest", JAG1) == [-1.0, -2.0, -1.5]
    assert effects(table, "lung_vs_rest", HGF) == [-1.0, -1.0, -1.0]


def test_kinds_of_each_contrast() -> None:
    table = true_contrasts(study(primary=True))
    assert kinds(table, "omnibus") == {CXCL12: "ligand", JAG1: "both", SPP1: "leaked", HGF: "both"}
    assert kinds(table, "bone_vs_rest") == {CXCL12: "ligand", JAG1: "opposed", SPP1: "leaked", HGF: "both"}
    assert kinds(table, "lung_vs_rest") == {CXCL12: "ligand", JAG1: "both", SPP1: "leaked", HGF: "both"}
    assert kinds(table, "bone_vs_liver") == {CXCL12: "ligand", JAG1: "opposed", SPP1: "leaked", HGF: "both"}
    assert kinds(table, "bone_vs_lung") == {JAG1: "both", SPP1: "leaked"}, "CXCL12 rises alike in both"
    assert kinds(table, "liver_vs_lung") == {CXCL12: "ligand", JAG1: "receptor", HGF: "both"}, (
        "SPP1 leaks in bone"
    )
    assert kinds(table, "liver_vs_primary") == {JAG1: "receptor", HGF: "both"}
    assert effects(table, "liver_vs_primary", JAG1) == [0.0, 3.0, 1.5]


def test_planted_belongs_to_the_organ_of_the_contrast() -> None:
    table = true_contrasts(study())
    planted = {
        name: {edge for edge, row in of(table, name).items() if row["planted"]}
        for name in table["contrast"].unique()
    }
    assert planted["bone_vs_rest"] == {CXCL12, JAG1, SPP1}
    assert planted["liver_vs_rest"] == {HGF}
    assert planted["lung_vs_rest"] == set()
    assert planted["bone_vs_liver"] == {CXCL12, JAG1, SPP1, HGF}
    assert planted["liver_vs_lung"] == {HGF}
    assert planted["omnibus"] == {CXCL12, JAG1, SPP1, HGF}


def test_driver_and_its_compartment() -> None:
    table = true_contrasts(study())

    def driver(contrast: str, edge: tuple[str, ...]) -> tuple[str, str]:
        return tuple(of(table, contrast)[edge][["driver", "driver_compartment"]])

    assert driver("bone_vs_rest", CXCL12) == ("ligand", "host")
    assert driver("liver_vs_rest", HGF) == ("both", "both")
    assert driver("liver_vs_lung", JAG1) == ("receptor", "host")
    assert driver("bone_vs_lung", JAG1) == ("both", "both")
    assert driver("bone_vs_liver", JAG1) == ("undetermined", "both")
    assert driver("bone_vs_rest", SPP1) == ("undetermined", "")


def test_expressed_reads_the_organs_of_the_contrast() -> None:
    table = true_contrasts(study())
    assert of(table, "bone_vs_rest")[CXCL12]["expressed"]
    assert not of(table, "liver_vs_lung")[CXCL12]["expressed"], "lung lists it as not expressed"
    assert not of(table, "bone_vs_rest")[SPP1]["expressed"]


def test_omnibus_has_no_direction() -> None:
    rows = true_contrasts(study()).query("contrast == 'omnibus'")
    assert rows[["log2fc", "log2fc_ligand", "log2fc_receptor"]].isna().all().all()
    assert len(rows) == 4


def test_pairwise_is_the_difference_of_the_contrasts_with_the_primary() -> None:
    adata = simulate_metastases(5, patients_per_organ=1, cells=10, n_genes=1500, normals=0)
    table = true_contrasts(adata)
    sides = ["log2fc_ligand", "log2fc_receptor"]

    def wide(contrast: str) -> pd.DataFrame:
        return table[table["contrast"] == contrast].set_index(EDGE)[sides]

    first, second = wide("brain_vs_primary"), wide("lung_vs_primary")
    expected = first.sub(second, fill_value=0)
    expected = expected[(expected.abs() > 0.01).any(axis=1)]
    moving = wide("brain_vs_lung")
    moving = moving[(moving != 0).any(axis=1)]
    assert len(moving) > 100
    pd.testing.assert_frame_equal(moving.sort_index(), expected.sort_index(), atol=0.011, rtol=0)


def test_null_and_single_organ_draws_have_no_row() -> None:
    small = {"patients_per_organ": 1, "cells": 10, "n_genes": 1400, "primaries": 0, "normals": 0}
    table = true_contrasts(simulate_metastases(1, **small, null=True))
    assert len(table) == 0
    assert list(table.columns) == list(true_contrasts(study()).columns)
    assert len(true_contrasts(simulate_metastases(1, **small, organs=["bone"]))) == 0


def test_survives_a_file(tmp_path: Path) -> None:
    adata = simulate_metastases(2, organs=("bone", "liver"), patients_per_organ=1, cells=10, n_genes=1400)
    adata.write_h5ad(tmp_path / "draw.h5ad")
    pd.testing.assert_frame_equal(true_contrasts(ad.read_h5ad(tmp_path / "draw.h5ad")), true_contrasts(adata))


def test_no_truth_is_refused() -> None:
    adata = ad.AnnData(np.ones((2, 2)))
    with pytest.raises(MissingKeyError, match=r"uns\['truth'\].*simulate_metastases"):
        true_contrasts(adata)
    adata.uns["truth"] = {"edges": pd.DataFrame()}
    with pytest.raises(MissingKeyError, match="cell_types"):
        true_contrasts(adata)
    with pytest.raises(InputTypeError, match="AnnData"):
        true_contrasts(pd.DataFrame())
