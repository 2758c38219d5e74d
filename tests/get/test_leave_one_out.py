"""Effects without one patient: those of the test, run without the cells of the patient."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from compared import AXIS, UNPAIRED, make_compared

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError

EDGE = ["source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture(scope="module")
def compared() -> ad.AnnData:
    return make_compared()


def test_with_all_patients_it_is_the_stored_result(compared: ad.AnnData) -> None:
    stored = niche.get.compare_communication(compared)
    stored = stored[(stored["contrast"] != "omnibus") & stored["log2fc"].notna()]
    whole = niche.get.leave_one_out(compared, stored)
    whole = whole[whole["left_out"] == ""].astype(dict.fromkeys((*EDGE, "contrast"), str))
    both = stored.astype(dict.fromkeys((*EDGE, "contrast"), str)).merge(
        whole, on=[*EDGE, "contrast"], how="outer", suffixes=("", "_again"), indicator=True
    )
    assert (both["_merge"] != "left_only").all() and both["_merge"].eq("both").sum() == len(stored)
    both = both[both["_merge"] == "both"]
    for name in ("log2fc", "ci_low", "ci_high", "pval"):
        np.testing.assert_allclose(both[name], both[f"{name}_again"], rtol=1e-4, atol=1e-5)


def test_signs_agree_with_the_stored_stability(compared: ad.AnnData) -> None:
    """The tool keeps the correlation of all patients; where the effect is clear both say the same."""
    row = niche.get.compare_communication(compared, contrast="bone_vs_rest", call="enriched")
    table = niche.get.leave_one_out(compared, row, contrast="bone_vs_rest")
    parts = table[table["left_out"] != ""]
    assert len(parts) == 9 and float(row["sign_stability"].iloc[0]) == 1.0
    assert (parts["log2fc"] > 0).all() and (parts["ci_low"] > 0).all()
    assert "P9" in set(parts["left_out"])


def test_an_effect_is_the_fit_without_the_patient() -> None:
    adata = make_compared(UNPAIRED)
    table = niche.get.leave_one_out(adata, [AXIS], contrast="bone_vs_brain")
    samples = niche.get.compare_samples(adata, [AXIS])
    samples = samples[samples["used"]]
    patients = samples.loc[samples["organ"].isin(["bone", "brain"]), "patient"]
    assert set(table["left_out"]) == {"", *patients}
    for row in table[table["left_out"] != ""].itertuples():
        kept = samples[samples["patient"] != row.left_out]
        mean = {
            organ: np.average(part["mean_log2cpm"], weights=part["weight"])
            for organ, part in kept.groupby("organ", observed=True)
        }
        assert row.log2fc == pytest.approx(mean["bone"] - mean["brain"])


def test_without_the_only_patient_nothing_can_be_estimated(compared: ad.AnnData) -> None:
    table = niche.get.leave_one_out(compared, [AXIS], contrast="kidney_vs_rest").set_index("left_out")
    assert np.isnan(table.loc["P9", "log2fc"]) and table.loc["P9", "reason"] == "cannot be estimated"
    assert table.loc["", "reason"] == "fewer than 2 patients on a side"
    assert not np.isnan(table.loc["P1", "log2fc"])


def test_edges_that_were_not_compared_have_no_rows(compared: ad.AnnData) -> None:
    silent = ("Cancer", "Fibroblast", "CCL2", "CCR2")
    assert niche.get.leave_one_out(compared, [silent]).empty
    both = niche.get.leave_one_out(compared, [silent, AXIS], contrast="bone_vs_lung")
    assert set(both["ligand_complex"]) == {"CXCL12"}


def test_bad_input(compared: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="'omnibus' compares all organs at once"):
        niche.get.leave_one_out(compared, [AXIS], contrast="omnibus")
    with pytest.raises(InputTypeError, match="edges must be a table"):
        niche.get.leave_one_out(compared, "CXCL12")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_communication first"):
        niche.get.leave_one_out(compared, [AXIS], key="other")
