"""Programs between organs: the planted kinds get the verdicts they deserve."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError


@pytest.fixture(scope="module")
def _study() -> ad.AnnData:
    adata = niche.datasets.simulate_metastases(
        4, organs=["bone", "lung"], patients_per_organ=5, design="unpaired", primaries=0, normals=0, cells=220,
        n_genes=1800, private_programs=1, program_shift=4.0, program_sd=0.3, doublets=0.0, low_quality=0.0,
        ambient=0.12,
    )  # fmt: skip
    niche.pp.normalize(adata)
    niche.pp.ambient(adata, "cell_type")
    niche.tl.programs(adata, k=[14, 16], n_starts=5)
    niche.tl.compare_programs(adata)
    return adata


@pytest.fixture
def study(_study: ad.AnnData) -> ad.AnnData:
    return _study.copy()


def matches(adata: ad.AnnData) -> dict[str, str]:
    """Planted program to the found one with most of its genes."""
    genes = niche.get.programs(adata).groupby("program")["gene"].agg(set)
    table = adata.uns["truth"]["program_genes"]
    out = {}
    for name, part in table.groupby("program", observed=True):
        real = set(part["gene"])
        overlap = {p: len(found & real) / len(found | real) for p, found in genes.items()}
        best = max(overlap, key=lambda p: overlap[p])
        if overlap[best] > 0.4:
            out[str(name)] = best
    return out


def test_verdicts_of_planted_programs(_study: ad.AnnData) -> None:
    found = matches(_study)
    verdicts = niche.get.compare_programs(_study, what="verdicts").set_index("program")["verdict"]
    for name in ("organ_bone", "organ_lung"):
        assert verdicts[found[name]] == "organ-associated", name
    assert verdicts[found["private_1"]] == "patient-private"
    leaked = [name for name in found if name.startswith("leaked")]
    assert leaked
    assert all(verdicts[found[name]] == "ambient-suspect" for name in leaked)
    shared = [verdicts[found[name]] for name in ("cell_cycle", "shared_1", "shared_2")]
    assert not {"ambient-suspect", "patient-private"} & set(shared)
    assert "organ-associated" not in shared


def test_effects_point_to_the_organ(_study: ad.AnnData) -> None:
    found = matches(_study)
    table = niche.get.compare_programs(_study).set_index(["program", "contrast"])
    for organ in ("bone", "lung"):
        row = table.loc[(found[f"organ_{organ}"], f"{organ}_vs_rest")]
        assert row["effect"] > 4 * 0.3 / np.log(2) - 0.5  # the log2 ratio of what was planted, or more
        assert row["qval"] <= 0.1
        assert row["call"] == "enriched"
        assert row["control"] < 0.3
        assert row["ambient_share"] < 0.5
        assert row["sign_stability"] == 1.0
        assert row["var_organ"] > row["var_patient"]


def test_the_table_says_what_is_missing(_study: ad.AnnData) -> None:
    table = niche.get.compare_programs(_study)
    private = table[table["verdict"] == "patient-private"]
    assert private["pval"].isna().all()
    assert (private["reason"].astype(str) != "").all()
    tested = table[table["status"] == "tested"]
    assert (tested["pval"] > 0).all()
    shares = table[["var_within", "var_patient", "var_organ"]].drop_duplicates()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_without_ambient_it_is_not_assessed_and_the_control_still_speaks(study: ad.AnnData) -> None:
    del study.uns["ambient"]
    niche.tl.compare_programs(study)
    assert set(niche.get.compare_programs(study)["ambient_share"]) == {"not_assessed"}
    verdicts = niche.get.compare_programs(study, what="verdicts").set_index("program")
    found = matches(study)
    assert "ambient share not assessed" in verdicts.loc[found["organ_bone"], "reason"]
    leaked = [verdicts.loc[found[name], "verdict"] for name in found if name.startswith("leaked")]
    assert "ambient-suspect" in leaked


def test_few_patients_get_an_estimate_and_no_call(study: ad.AnnData) -> None:
    lung = study.obs.loc[study.obs["organ"] == "lung", "patient"].astype(str)
    kept = study.obs["organ"].ne("lung") | study.obs["patient"].astype(str).isin(sorted(set(lung))[:2])
    part = study[kept.to_numpy()].copy()
    del part.uns["ambient"]
    niche.tl.programs(part, k=14, n_starts=4)
    niche.tl.compare_programs(part)
    table = niche.get.compare_programs(part, contrast="lung_vs_rest")
    tested = table[table["status"] == "tested"]
    assert len(tested)
    assert set(tested["call"]) == {"not_testable"}
    verdicts = niche.get.compare_programs(part, what="verdicts")
    assert "organ-associated" not in set(verdicts["verdict"])


def test_patients_with_few_cells_are_skipped_and_it_is_said(study: ad.AnnData) -> None:
    niche.tl.compare_programs(study, min_cells=10_000)
    assert niche.get.compare_programs(study, what="units").empty
    table = niche.get.compare_programs(study).astype({"reason": str, "call": str})
    assert table["pval"].isna().all()
    assert set(table["call"]) == {"not_testable"}
    real = table[table["program"].isin(matches(study)[name] for name in ("organ_bone", "shared_1"))]
    assert real["reason"].str.contains("no patient with enough tumor cells in bone").all()
    assert not set(niche.get.compare_programs(study, what="verdicts")["verdict"]) & {
        "organ-associated", "intrinsic"
    }  # fmt: skip


def test_patients_are_the_replicates(study: ad.AnnData) -> None:
    """Ten patients are ten units of every program, however many cells they have."""
    table = niche.get.compare_programs(study, contrast="bone_vs_rest")
    units = niche.get.compare_programs(study, what="units")
    assert units.groupby("program").size().eq(10).all()
    assert (table.loc[table["status"] == "tested", "n_patients"] == 10).all()


def test_sensitivity_tells_purity_and_assay(study: ad.AnnData) -> None:
    study.obs["malignant_probability"] = 0.95
    study.obs["assay"] = np.where(study.obs["patient"].cat.codes % 2 == 0, "cell", "nucleus")
    niche.tl.compare_programs(study)
    table = niche.get.compare_programs(study, what="sensitivity")
    assert set(table["setting"]) == {
        "all cells", "malignant probability >= 0.5", "malignant probability >= 0.9",
        "malignant probability >= 0.99", "assay cell", "assay nucleus", _near(study),
    }  # fmt: skip
    whole = table[table["setting"] == "all cells"]["effect"].to_numpy()
    pure = table[table["setting"] == "malignant probability >= 0.9"]["effect"].to_numpy()
    np.testing.assert_allclose(whole, pure)
    assert table.loc[table["setting"] == "malignant probability >= 0.99", "effect"].isna().all()


def _near(adata: ad.AnnData) -> str:
    """The setting of the number of programs that was tried and not taken."""
    curve = niche.get.programs(adata, what="curve")
    return f"k = {curve.loc[~curve['chosen'], 'k'].item()}"


def test_programs_are_looked_for_at_the_next_k(_study: ad.AnnData) -> None:
    table = niche.get.compare_programs(_study, what="sensitivity").set_index(["program", "contrast"])
    near = table[table["setting"] == _near(_study)]
    found = matches(_study)
    shared = niche.get.programs(_study, what="near").set_index("program")["n_shared"]
    for organ in ("bone", "lung"):
        assert shared[found[f"organ_{organ}"]] >= 35
        row = near.loc[(found[f"organ_{organ}"], f"{organ}_vs_rest")]
        whole = table[table["setting"] == "all cells"].loc[row.name]
        assert row["same_sign"] == 1.0
        assert row["effect"] == pytest.approx(whole["effect"], abs=0.3)
        assert row["reason"] == whole["reason"]
    gone = near[shared.loc[near.index.get_level_values("program")].to_numpy() < 35]
    assert gone["effect"].isna().all()
    assert gone["reason"].str.contains("shares 70% of its genes").all()
    assert near["same_sign"].isna().equals(near["effect"].isna())


def test_calls_of_leaked_programs_are_not_of_an_organ(_study: ad.AnnData) -> None:
    found = matches(_study)
    table = niche.get.compare_programs(_study).astype({"program": str, "call": str, "reason": str})
    leaked = table[table["program"].isin([found[name] for name in found if name.startswith("leaked")])]
    assert not set(leaked["call"]) & {"enriched", "depleted"}
    suspect = leaked[leaked["call"] == "ambient-suspect"]
    assert len(suspect)
    assert suspect["reason"].str.contains("ambient molecules explain|host cells rise").all()
    enriched = table[table["call"] == "enriched"]
    assert {found["organ_bone"], found["organ_lung"]} <= set(enriched["program"])
    assert not (enriched["verdict"] == "ambient-suspect").any()


def test_a_covariate_that_hides_the_organs_is_refused(study: ad.AnnData) -> None:
    study.obs["study"] = study.obs["organ"].astype(str).replace({"bone": "A", "lung": "B"})
    with pytest.raises(InputValueError, match="study"):
        niche.tl.compare_programs(study, covariates=["study"])


def test_bad_input(study: ad.AnnData, demo: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match=r"niche\.tl\.programs"):
        niche.tl.compare_programs(demo)
    with pytest.raises(InputValueError, match="only organ"):
        bone = study[(study.obs["organ"] == "bone").to_numpy()].copy()
        niche.tl.programs(bone, k=5, n_starts=2)
        niche.tl.compare_programs(bone)
    with pytest.raises(InputValueError, match="max_share"):
        niche.tl.compare_programs(study, max_share=2)
    part = study[:-50].copy()
    niche.tl.programs(part, k=5, n_starts=2)
    with pytest.raises(StaleResultError, match="ambient"):
        niche.tl.compare_programs(part)
    study.obs["sample"] = study.obs["sample"].astype(str) + "x"
    with pytest.raises(StaleResultError, match="sample"):
        niche.tl.compare_programs(study)
