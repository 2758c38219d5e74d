from __future__ import annotations

import numpy as np
import pytest

from niche._slots import validate
from niche.pp.design_tables import CALL, DESCRIBE, TEST, Cells, cell_type_table, organ_table, sample_table


def cells_of(adata, *, types=True, compartments=True, min_cells=10):
    samples = validate.samples(adata, None, None, None, None)
    return Cells(
        samples,
        adata.obs["cell_type"].to_numpy(dtype=object) if types else None,
        adata.obs["compartment"].to_numpy(dtype=object) if compartments else None,
        min_cells,
    )


def organs_of(adata, **options):
    return organ_table(sample_table(cells_of(adata, **options), None)).set_index(["organ", "tissue"])


def test_samples(study):
    totals = np.asarray(study.X.sum(axis=1)).ravel()
    table = sample_table(cells_of(study), totals).set_index("sample")
    assert table["n_cells"].tolist() == [65] * 7
    assert table["n_tumor"].tolist() == [30] * 7
    assert table["n_cell_types_usable"].tolist() == [3] * 7
    assert table["usable"].all()
    assert table.loc["s4", ["patient", "organ", "tissue"]].tolist() == ["p3", "liver", "metastasis"]
    assert table.loc["s1", "median_counts"] == np.median(totals[:65])


def test_organs_by_patients(study):
    organs = organs_of(study)
    assert organs["possible"].to_dict() == {
        ("bone", "metastasis"): CALL,
        ("brain", "metastasis"): DESCRIBE,
        ("liver", "metastasis"): CALL,
    }
    assert organs["n_patients"].tolist() == [3, 1, 3]
    assert organs["n_patients_paired"].tolist() == [1, 0, 1]
    assert (
        organs.loc[("brain", "metastasis"), "reason"] == "1 patient with usable cells, 2 are needed to test"
    )


def test_two_patients_on_either_side_allow_no_call(study):
    study = study[study.obs["sample"].isin(["s1", "s2", "s4", "s5", "s6"])].copy()
    organs = organs_of(study)
    assert organs["possible"].tolist() == [TEST, TEST]
    assert organs["reason"].tolist() == [
        "2 patients with usable cells, 3 are needed for a call",
        "no comparison has 3 patients on its other side",
    ]


def test_an_organ_alone_is_described(study):
    organs = organs_of(study[study.obs["organ"] == "bone"].copy())
    assert organs["possible"].tolist() == [DESCRIBE]
    assert organs["reason"].tolist() == [
        "no other organ, primary or normal tissue with 2 patients to compare with"
    ]


def test_primary_tumors_are_a_partner(study):
    study.obs["tissue"] = np.where(study.obs["organ"] == "liver", "primary", "metastasis")
    organs = organs_of(study)
    assert organs["possible"].tolist() == [CALL, DESCRIBE, CALL]
    assert organs.index.tolist()[-1] == ("liver", "primary")


def test_samples_need_tumor_and_host_cells(study):
    few = (study.obs["cell_type"] == "Malignant") & study.obs["sample"].isin(["s1", "s2"])
    kept = few & (study.obs.groupby("sample").cumcount() >= 9)
    study = study[~kept].copy()
    table = sample_table(cells_of(study), None).set_index("sample")
    assert table["usable"].to_dict() == {f"s{i}": i > 2 for i in range(1, 8)}
    assert organs_of(study).loc[("bone", "metastasis"), "possible"] == DESCRIBE
    without = sample_table(cells_of(study, compartments=False), None)
    assert without["usable"].all()


def test_normal_tissue_needs_no_tumor_cells(study):
    study = study[~((study.obs["organ"] == "liver") & (study.obs["compartment"] == "tumor"))].copy()
    study.obs["tissue"] = np.where(study.obs["organ"] == "liver", "normal", "metastasis")
    assert organs_of(study).loc[("liver", "normal"), "possible"] == CALL


def test_types_are_split_as_communication_splits_them(study):
    study.obs["compartment"] = study.obs["compartment"].astype(object)
    first = study.obs_names[study.obs["cell_type"] == "Malignant"][:15]
    study.obs.loc[first, "compartment"] = "epithelial_normal"
    last = study.obs_names[study.obs["cell_type"] == "Fibroblast"][-15:]
    study.obs.loc[last, "compartment"] = "unresolved"
    cells = cells_of(study)
    found = set(cells.sizes()["cell_type"])
    assert found == {"Malignant", "Malignant (tumor)", "Macrophage", "Fibroblast"}
    table = cell_type_table(cells, sample_table(cells, None))
    part = table[table["cell_type"] == "Malignant"]
    assert part[["organ", "n_cells", "n_samples_usable"]].to_numpy().tolist() == [["bone", 15, 1]]
    assert "brain" not in set(table.loc[table["cell_type"] == "Fibroblast", "organ"])


def test_cell_types(study):
    cells = cells_of(study, min_cells=20)
    table = cell_type_table(cells, sample_table(cells, None))
    fibroblasts = table[table["cell_type"] == "Fibroblast"].set_index("organ")
    assert fibroblasts["n_cells"].to_dict() == {"bone": 45, "brain": 15, "liver": 45}
    assert fibroblasts["n_samples_usable"].sum() == 0
    assert (table.loc[table["cell_type"] == "Macrophage", "n_patients_usable"] > 0).all()


@pytest.mark.parametrize("compartments", [True, False])
def test_without_cell_types(study, compartments):
    cells = cells_of(study, types=False, compartments=compartments)
    assert cell_type_table(cells, sample_table(cells, None)).empty
    assert organs_of(study, types=False, compartments=compartments)["possible"].tolist() == [
        CALL,
        DESCRIBE,
        CALL,
    ]
