"""Sections compared over patients: planted organs differ, others do not, one organ has its mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from spatial_study import analysed

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError


def compared(statistic: str = "tumor_to_host", **options):
    adata = analysed()
    niche.tl.compare_spatial(adata, statistic=statistic, **options)
    table = niche.get.compare_spatial(adata)
    truth = adata.uns["truth"]["pairs"].rename(columns={"organ": "where"})
    return adata, table.merge(
        truth, left_on=["ligand_complex", "receptor_complex"], right_on=["ligand", "receptor"]
    )


def test_planted_organ_is_found_across_the_border() -> None:
    _, table = compared()
    mine = (table["kind"] == "organ_interface") & (table["direction"] == "tumor_to_host")
    at = table.set_index("contrast")
    for contrast in ("liver_vs_rest", "liver_vs_lung"):
        rows = at.loc[contrast]
        planted = rows[mine.to_numpy()[table["contrast"] == contrast]]
        assert (planted["effect"] > 0).all() and (planted["pval"] < 0.05).mean() > 0.5
    means = table[table["contrast"] == "mean_in_liver"]
    assert (means.loc[means["kind"] == "compartment", "call"] != "consistent").all()
    wanted = (means["kind"] == "interface") & (means["direction"] == "tumor_to_host")
    assert (means.loc[wanted, "effect"] > 0).all() and (means.loc[wanted, "n_patients"] == 3).all()


def test_mean_of_one_organ_is_a_weighted_t_test_over_patients() -> None:
    adata = analysed()
    adata = adata[adata.obs["organ"] == "liver"].copy()
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    niche.tl.compare_spatial(adata)
    table = niche.get.compare_spatial(adata)
    assert set(table["contrast"]) == {"mean_in_liver"}
    values = niche.get.compare_spatial(adata, level="sample")
    first = table.iloc[0]
    mine = values[values["ligand_complex"] == first["ligand_complex"]]
    assert np.allclose(mine["null_sd"], mine["null_sd"].mean(), rtol=0.2)
    t, _ = stats.ttest_1samp(mine["value"], 0)
    assert abs(first["statistic"] / t - 1) < 0.1
    assert set(table["call"]) <= {"consistent", "undetermined", "not_testable"}


def test_few_patients_are_not_testable() -> None:
    adata = analysed()
    adata = adata[adata.obs["sample"].isin(["liver_P1_S1", "lung_P1_S1", "lung_P2_S1"])].copy()
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], local=None)
    niche.tl.compare_spatial(adata)
    table = niche.get.compare_spatial(adata).set_index("contrast")
    liver, lung = table.loc["mean_in_liver"], table.loc["mean_in_lung"]
    assert (liver["status"] == "not_testable").all() and liver["pval"].isna().all()
    assert (
        liver["effect"].notna().any() and liver["reason"].astype(str).str.contains("1 patient in liver").any()
    )
    tested_rows = lung[lung["status"] == "tested"]
    assert (tested_rows["call"] == "not_testable").all() and len(tested_rows)
    assert set(table.loc["liver_vs_rest", "call"]) == {"not_testable"}


def test_a_pair_not_tested_says_why() -> None:
    adata = analysed()
    pairs = adata.uns["truth"]["pairs"][["ligand", "receptor"]].copy()
    pairs.loc[len(pairs)] = [pairs["ligand"][0], "NOSUCHGENE"]
    niche.tl.spatial_communication(adata, resource=pairs, local=None)
    niche.tl.compare_spatial(adata)
    table = niche.get.compare_spatial(adata, receptor="NOSUCHGENE")
    assert (table["status"] == "not_testable").all()
    assert table["reason"].astype(str).str.contains("gene not measured: receptor").all()


def test_stale_and_missing() -> None:
    adata = analysed()
    with pytest.raises(MissingKeyError, match="spatial_communication"):
        niche.tl.compare_spatial(adata, key="other")
    with pytest.raises(InputValueError, match="statistic must be"):
        niche.tl.compare_spatial(adata, statistic="both")
    niche.tl.compare_spatial(adata)
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], permuted="ligand")
    with pytest.raises(StaleResultError, match="changed since niche.tl.compare_spatial"):
        niche.get.compare_spatial(adata)


def test_sections_keep_their_patients_when_categories_are_reordered() -> None:
    adata = analysed()
    niche.tl.compare_spatial(adata)
    values = niche.get.compare_spatial(adata, level="sample")
    organs = niche.get.compare_spatial(adata)
    adata.obs["sample"] = adata.obs["sample"].astype("category")
    adata.obs["sample"] = adata.obs["sample"].cat.reorder_categories(
        list(adata.obs["sample"].cat.categories)[::-1]
    )
    niche.tl.compare_spatial(adata)
    labels = ["sample", "ligand_complex", "receptor_complex"]
    again = niche.get.compare_spatial(adata, level="sample").astype({"sample": str})
    both = values.astype({"sample": str}).merge(again, on=labels, suffixes=("", "_again"))
    assert len(both) == len(values) and (both["value"] == both["value_again"]).all()
    np.testing.assert_allclose(niche.get.compare_spatial(adata)["effect"], organs["effect"], rtol=1e-9)
