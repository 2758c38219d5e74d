"""Whether receivers respond: planted programs as targets, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import niche
from niche import get, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError

pytest.importorskip("decoupler", reason="decoupler is not installed (extra: activity)")

PLANTED = {
    "organ_bone": "CXCL12",
    "organ_lung": "TGFB1",
    "organ_liver": "IL6",
    "shared_1": "JAG1",
    "private_1": "EGF",
}


@pytest.fixture(scope="module")
def _normal(_demo):
    return niche.pp.normalize(_demo, copy=True)


@pytest.fixture
def normal(_normal):
    return _normal.copy()


@pytest.fixture(scope="module")
def network(_demo):
    """Ligands whose targets are the programs planted in tumor cells."""
    table = _demo.uns["truth"]["program_genes"].astype({"program": str, "gene": str})
    table = table[table["program"].isin(list(PLANTED))]
    return pd.DataFrame(
        {"ligand": table["program"].map(PLANTED), "target": table["gene"], "weight": table["weight"]}
    )


def test_planted_responses_are_found(normal, network):
    tl.ligand_activity(normal, network)
    table = get.ligand_activity(normal, receiver="Malignant")
    own = table.set_index(["ligand", "contrast"])
    assert own.loc[("TGFB1", "lung_vs_rest"), "call"] == "enriched"
    for ligand, organ in (("CXCL12", "bone"), ("IL6", "liver")):
        found = own.loc[(ligand, f"{organ}_vs_rest")]
        assert found["effect"] > 2 and found["pval"] < 0.05
    nothing = table[table["ligand"].isin(["JAG1", "EGF"])]
    assert (nothing["qval"].dropna() > 0.1).all()


def test_repressed_targets_turn_the_sign(normal, network):
    tl.ligand_activity(normal, network)
    first = get.ligand_activity(normal, receiver="Malignant")
    tl.ligand_activity(normal, network.assign(weight=-network["weight"]))
    second = get.ligand_activity(normal, receiver="Malignant")
    np.testing.assert_allclose(first["effect"], -second["effect"], atol=1e-9)
    np.testing.assert_allclose(first["pval"], second["pval"], atol=1e-9)


def test_activities_of_a_receiver_are_relative(normal, network):
    """The profile is centred over the samples of the receiver: they sum to about nothing."""
    tl.ligand_activity(normal, network)
    table = get.ligand_activity(normal, level="sample", receiver="Malignant")
    assert (table["status"] == "observed").all()
    mean = table.groupby("ligand", observed=True)["activity"].mean()
    assert (mean.abs() < table.groupby("ligand", observed=True)["activity"].std()).all()


def test_reasons(normal, network):
    few = pd.concat(
        [network, pd.DataFrame({"ligand": "SPP1", "target": network["target"][:4], "weight": 1.0})]
    )
    tl.ligand_activity(normal, few)
    table = get.ligand_activity(normal)
    spp1 = table[(table["ligand"] == "SPP1") & (table["receiver"] == "Malignant")]
    assert set(spp1["reason"]) == {"too few targets measured: 4 of 4, 10 needed"}
    assert spp1["pval"].isna().all() and set(spp1["status"]) == {"not_testable"}
    osteoblast = table[(table["receiver"] == "Osteoblast") & (table["ligand"] == "TGFB1")]
    assert (osteoblast["reason"] != "").all() and osteoblast["effect"].isna().all()
    tl.ligand_activity(normal, few, min_targets=4)
    again = get.ligand_activity(normal, ligand="SPP1", receiver="Malignant", contrast="bone_vs_rest")
    assert again["status"].tolist() == ["tested"]


def test_log_values_without_counts(normal, network):
    del normal.layers["counts"]
    tl.ligand_activity(normal, network)
    assert normal.uns["ligand_activity"]["kind"] == "lognorm"
    assert (
        get.ligand_activity(normal, ligand="TGFB1", contrast="lung_vs_rest", receiver="Malignant")[
            "effect"
        ].item()
        > 2
    )


def test_covariates(normal, network):
    tl.ligand_activity(normal, network)
    plain = get.ligand_activity(normal, receiver="Malignant")["pval"]
    tl.ligand_activity(normal, network, covariates=["subtype"])
    assert not np.allclose(get.ligand_activity(normal, receiver="Malignant")["pval"], plain, equal_nan=True)
    normal.obs["site"] = normal.obs["organ"].astype(str)
    with pytest.raises(InputValueError, match="'site' cannot be told apart from the organs"):
        tl.ligand_activity(normal, network, covariates=["site"])


def test_the_same_bits_for_any_number_of_threads_and_storage(normal, network):
    other = normal.copy()
    other.layers["counts"] = sparse.csc_matrix(other.layers["counts"])
    tl.ligand_activity(normal, network, n_jobs=1)
    tl.ligand_activity(other, network.sample(frac=1, random_state=0), n_jobs=3)
    for level in ("organ", "sample"):
        pd.testing.assert_frame_equal(
            get.ligand_activity(normal, level=level),
            get.ligand_activity(other, level=level),
            check_exact=True,
        )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"min_targets": 1}, InputValueError, "min_targets must be an integer"),
        ({"min_cells": 0}, InputValueError, "min_cells must be an integer"),
        ({"level": "gene"}, InputValueError, "level must be one of"),
        ({"patients": "fixed"}, InputValueError, "needs complete pairing"),
        ({"copy": 1}, InputTypeError, "copy must be"),
        ({"groupby": "label"}, MissingKeyError, "column 'label' not found"),
        ({"covariates": ["age"]}, MissingKeyError, "covariate 'age' not found"),
        ({"key_added": "a/b"}, InputValueError, "key_added must be"),
    ],
)
def test_refusals_leave_nothing(normal, network, options, error, message):
    before = set(normal.uns)
    with pytest.raises(error, match=message):
        tl.ligand_activity(normal, network, **options)
    assert set(normal.uns) == before


def test_one_organ(normal, network):
    with pytest.raises(InputValueError, match="'bone' is the only organ, and an activity is relative"):
        tl.ligand_activity(normal[normal.obs["organ"] == "bone"].copy(), network)


def test_counts_with_fractions_leave_nothing(normal, network):
    counts = normal.layers["counts"].astype(np.float64).tolil()
    counts[1000, 3] = 0.5
    normal.layers["counts"] = sparse.csr_matrix(counts)
    with pytest.raises(InputValueError, match="must hold raw counts"):
        tl.ligand_activity(normal, network)
    assert "ligand_activity" not in normal.uns
