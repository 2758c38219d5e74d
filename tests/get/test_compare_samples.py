"""Every patient's numbers are those of the cells, and those of the test."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import AXIS, FEW, SAMPLES, UNPAIRED, make_compared

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError

COMPLEX = ("Fibroblast", "Cancer", "TGFB1", "TGFBR1_TGFBR2")
TO_MACROPHAGE = ("Macrophage", "Cancer", "SPP1", "CD44")


@pytest.fixture(scope="module")
def _compared() -> ad.AnnData:
    return make_compared()


@pytest.fixture
def compared(_compared: ad.AnnData) -> ad.AnnData:
    return _compared.copy()


def counts(adata: ad.AnnData, patient: str, organ: str, cell_type: str) -> pd.Series:
    obs = adata.obs
    mine = (obs["patient"] == patient) & (obs["organ"] == organ) & (obs["cell_type"] == cell_type)
    summed = np.asarray(adata.layers["counts"][mine.to_numpy()].sum(axis=0), dtype=float).ravel()
    return pd.Series(summed, adata.var_names)


def test_one_row_per_patient_and_organ(compared: ad.AnnData) -> None:
    table = niche.get.compare_samples(compared, [AXIS])
    assert sorted(zip(table["organ"], table["patient"], strict=True)) == sorted((o, p) for _, p, o in SAMPLES)
    assert (table["n_source"] == 24).all() and (table["n_samples"] == 1).all()
    assert set(table["ligand_complex"]) == {"CXCL12"} and set(table["source"]) == {"Fibroblast"}


def test_values_are_those_of_the_cells(compared: ad.AnnData) -> None:
    """Two genes of a cell type differ by the ratio of their counts, whatever its library."""
    one, other = ("Fibroblast", "Cancer", "JAG1", "NOTCH1"), ("Fibroblast", "Cancer", "SPP1", "CD44")
    table = niche.get.compare_samples(compared, [one, other])
    first, second = (table[table["ligand_complex"] == name] for name in ("JAG1", "SPP1"))
    for a, b in zip(first.itertuples(), second.itertuples(), strict=True):
        assert (a.patient, a.organ) == (b.patient, b.organ)
        seen = counts(compared, a.patient, a.organ, "Fibroblast")
        ratio = np.log2(seen["JAG1"] + 0.5) - np.log2(seen["SPP1"] + 0.5)
        assert a.ligand_log2cpm - b.ligand_log2cpm == pytest.approx(ratio)


def test_a_complex_is_its_lowest_subunit_and_the_mean_is_of_both(compared: ad.AnnData) -> None:
    table = niche.get.compare_samples(compared, [COMPLEX, ("Fibroblast", "Cancer", "JAG1", "NOTCH1")])
    whole, simple = (table[table["receptor_complex"] == name] for name in ("TGFBR1_TGFBR2", "NOTCH1"))
    for a, b in zip(whole.itertuples(), simple.itertuples(), strict=True):
        if not a.used:
            continue
        seen = counts(compared, a.patient, a.organ, "Cancer")
        lowest = min(seen["TGFBR1"], seen["TGFBR2"])
        ratio = np.log2(lowest + 0.5) - np.log2(seen["NOTCH1"] + 0.5)
        assert a.receptor_log2cpm - b.receptor_log2cpm == pytest.approx(ratio)
        assert a.mean_log2cpm == pytest.approx((a.ligand_log2cpm + a.receptor_log2cpm) / 2)
        assert a.weight == pytest.approx(4 / (1 / a.ligand_weight + 1 / a.receptor_weight))


def test_the_effect_is_the_weighted_fit_to_these_numbers() -> None:
    adata = make_compared(UNPAIRED)
    effects = niche.get.compare_communication(adata, contrast=["bone_vs_brain", "bone_vs_rest"])
    edge = (
        effects[["source", "target", "ligand_complex", "receptor_complex"]].astype(str).apply(tuple, axis=1)
    )
    mine = effects[edge == AXIS].set_index("contrast")["log2fc"]
    table = niche.get.compare_samples(adata, [AXIS])
    means = {
        organ: np.average(part["mean_log2cpm"], weights=part["weight"])
        for organ, part in table[table["used"]].groupby("organ", observed=True)
    }
    assert mine["bone_vs_brain"] == pytest.approx(means["bone"] - means["brain"], rel=1e-5)
    rest = (means["brain"] + means["lung"]) / 2
    assert mine["bone_vs_rest"] == pytest.approx(means["bone"] - rest, rel=1e-5)


def test_what_was_not_used_says_why(compared: ad.AnnData) -> None:
    table = niche.get.compare_samples(compared, [TO_MACROPHAGE]).set_index(["organ", "patient"])
    (sample,) = FEW
    few = table.loc[("brain", "P" + sample[-1])]
    assert few["reason"] == "too few cells of the source" and not few["used"]
    assert few["n_source"] == 4 and np.isnan(few["ligand_log2cpm"]) and np.isnan(few["mean_log2cpm"])
    none = table.loc[("kidney", "P9")]
    assert none["reason"] == "no cell of the source" and none["n_source"] == 0
    used = table[table["used"]]
    assert len(used) == len(table) - 2 and set(used["reason"]) == {""}
    assert used["mean_log2cpm"].notna().all()


def test_edges_that_could_not_be_compared(compared: ad.AnnData) -> None:
    silent, unmeasured = ("Cancer", "Fibroblast", "CCL2", "CCR2"), ("Cancer", "Fibroblast", "CXCL12", "ACKR3")
    table = niche.get.compare_samples(compared, [silent, unmeasured])
    assert not table["used"].any()
    reasons = table.groupby("receptor_complex", observed=True)["reason"].agg(lambda r: sorted(set(r)))
    assert reasons["CCR2"] == ["depth in bone", "depth in brain", "depth in kidney", "depth in lung"]
    assert reasons["ACKR3"] == ["gene not measured"]
    assert table.loc[table["receptor_complex"] == "ACKR3", "receptor_log2cpm"].isna().all()


def test_samples_of_a_patient_in_an_organ_are_one_row() -> None:
    adata = make_compared((*SAMPLES, ("bone1b", "P1", "bone")))
    table = niche.get.compare_samples(adata, [AXIS]).set_index(["organ", "patient"])
    both = table.loc[("bone", "P1")]
    assert both["n_samples"] == 2 and both["n_source"] == 48
    assert (table["n_samples"] == 1).sum() == len(table) - 1


def test_edges_are_rows_or_names(compared: ad.AnnData) -> None:
    called = niche.get.compare_communication(compared, contrast="bone_vs_rest", call="enriched")
    by_row = niche.get.compare_samples(compared, called)
    names = [tuple(called.iloc[0][["source", "target", "ligand_complex", "receptor_complex"]])]
    pd.testing.assert_frame_equal(by_row, niche.get.compare_samples(compared, names))
    pd.testing.assert_frame_equal(by_row, niche.get.compare_samples(compared, names[0]))
    pd.testing.assert_frame_equal(by_row, niche.get.compare_samples(compared, [*names, *names]))
    empty = niche.get.compare_samples(compared, called.iloc[:0])
    assert len(empty) == 0 and list(empty) == list(by_row)


def test_sides_of_a_contrast(compared: ad.AnnData) -> None:
    plain = niche.get.compare_samples(compared, [AXIS, TO_MACROPHAGE])
    table = niche.get.compare_samples(
        compared, [AXIS, TO_MACROPHAGE], contrast=["lung_vs_rest", "bone_vs_lung"]
    )
    assert len(table) == 2 * len(plain)
    part = table[(table["contrast"] == "lung_vs_rest") & (table["ligand_complex"] == "CXCL12")]
    assert dict(zip(part["organ"], part["side"], strict=True)) == {
        "bone": "minus", "brain": "minus", "kidney": "", "lung": "plus",
    }  # fmt: skip
    means = part[part["side"] == "minus"].groupby("organ", observed=True)["mean_log2cpm"].mean()
    assert np.allclose(part["log2fc"], part["mean_log2cpm"] - means.mean(), atol=0.2)
    weighted = [
        np.average(p["mean_log2cpm"], weights=p["weight"])
        for _, p in part[part["side"] == "minus"].groupby("organ", observed=True)
    ]
    assert np.allclose(part["log2fc"], part["mean_log2cpm"] - np.mean(weighted))
    pair = table[(table["contrast"] == "bone_vs_lung") & (table["ligand_complex"] == "SPP1")]
    assert set(pair.loc[pair["side"] == "minus", "organ"]) == {"lung"}
    assert pair.loc[~pair["used"], "log2fc"].isna().all() and set(pair.loc[~pair["used"], "side"]) == {""}
    with pytest.raises(InputValueError, match="'omnibus' compares all organs"):
        niche.get.compare_samples(compared, [AXIS], contrast="omnibus")
    with pytest.raises(InputValueError, match="'skin_vs_rest' not in the result"):
        niche.get.compare_samples(compared, [AXIS], contrast="skin_vs_rest")


@pytest.mark.parametrize(
    ("edges", "error", "words"),
    [
        (pd.DataFrame({"source": ["Cancer"]}), InputValueError, "no column 'target'"),
        ("CXCL12", InputTypeError, "edges must be a table or a list"),
        ([("Cancer", "CXCL12")], InputTypeError, "every edge is"),
        ([("Neuron", "Cancer", "CXCL12", "CXCR4")], InputValueError, "'Neuron' -> 'Cancer' was not compared"),
        ([("Cancer", "Fibroblast", "CXCL12", "CXCR9")], InputValueError, "not among the 7 of the run"),
    ],
)
def test_bad_edges(compared: ad.AnnData, edges: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.get.compare_samples(compared, edges)


def test_missing_and_stale(compared: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_communication first"):
        niche.get.compare_samples(compared, [AXIS], key="other")
    compared.obs["patient"] = compared.obs["patient"].astype(str).replace("P1", "P2")
    with pytest.raises(StaleResultError, match="patient"):
        niche.get.compare_samples(compared, [AXIS])


def test_a_type_without_enough_cells_anywhere_still_has_its_rows(corridor: ad.AnnData) -> None:
    table = niche.get.compare_communication(corridor, contrast="omnibus")
    everywhere = table["reason"].astype(str).str.count("too few cells in [a-z]+: source") == 4
    edge = table[everywhere].iloc[[0]][["source", "target", "ligand_complex", "receptor_complex"]]
    rows = niche.get.compare_samples(corridor, edge)
    assert len(rows) == 14
    assert (rows["n_source"] < 10).all()
    assert rows["ligand_log2cpm"].isna().all() and rows["receptor_log2cpm"].notna().any()
    assert not rows["used"].any()
    assert rows["reason"].str.contains("too few cells of the source").all()
