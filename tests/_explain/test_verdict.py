"""A verdict in plain words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche._explain.published import published
from niche._explain.verdict import Facts, fold, small, verdict

ROW = {
    "contrast": "bone_vs_rest", "log2fc": 2.0, "ci_low": 1.0, "ci_high": 3.0, "pval": 1e-4, "qval": 0.01,
    "qval_joint": 0.8, "driver": "ligand", "call": "enriched", "reason": "", "n_patients": 8,
    "sign_stability": 1.0, "ambient_share": "not_assessed", "ambient_side": "not_assessed",
    "min_detectable_log2fc": 0.9, "log2fc_ligand": 4.0, "log2fc_receptor": 0.0, "pval_ligand": 1e-5, "pval_receptor": 0.9, "kind": "rest", "raised": "bone",
    "other": "the mean of the other organs",
}  # fmt: skip


def facts(*rows: dict, used: int = 4, unused: tuple[str, ...] = (), **changed: object) -> Facts:
    patients = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(used + len(unused))],
            "used": [True] * used + [False] * len(unused),
            "reason": [""] * used + list(unused),
        }
    )
    given = {
        "organ": "bone", "source": "Fibroblast", "target": "Cancer", "ligand": "CXCL12", "receptor": "CXCR4",
        "compartments": ("stromal", "tumor"), "tests": pd.DataFrame([ROW | row for row in rows], columns=list(ROW)),
        "within": pd.Series({"status": "tested", "qval": 0.02, "reason": "", "n_samples": 5}),
        "patients": patients, "published": published("ACTB", "GAPDH", "human"), "min_cells": 10,
    }  # fmt: skip
    return Facts(**(given | changed))


def test_an_enriched_edge() -> None:
    text = verdict(facts({}))
    for part in (
        "bone: enriched. The mean of ligand and receptor is 4-fold higher in bone than in the mean of the other "
        "organs (log2 +2.00, 95 % interval 1.00 to 3.00, q = 0.01).",
        "The ligand drives it (ligand CXCL12 in Fibroblast log2 +4.00 (p = 1e-05), receptor CXCR4 in Cancer log2 "
        "+0.00 (p = 0.9)): the host side, the soil.",
        "4 patients of 4 with a sample of bone enter, 8 patients on both sides.",
        "No single patient decides the direction.",
        "Ambient RNA was not assessed",
        "Within samples the pair was tested for specificity to these cell types: q = 0.02, 5 samples.",
        "What would change it:",
        "It does not say that Fibroblast and Cancer touch",
    ):
        assert part in text


def test_the_seed_and_both_sides() -> None:
    assert "The receptor drives it" in verdict(facts({"driver": "receptor"}))
    assert "the tumor side, the seed" in verdict(facts({"driver": "receptor"}))
    both = verdict(facts({"driver": "both", "qval_joint": 0.03}))
    assert "host side, the soil and tumor side, the seed; q that both do = 0.03" in both
    unknown = verdict(facts({}, compartments=("not assessed", "not assessed")))
    assert "side of unknown compartment" in unknown


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ({"call": "specific"}, ["bone: specific", "silent in all of them"]),
        ({"call": "depleted", "log2fc": -1.0}, ["bone: depleted", "2-fold lower in bone"]),
        (
            {"call": "shared", "log2fc": 0.1},
            ["bone: shared", "within one doubling", "not say that the organs are identical"],
        ),
        (
            {"call": "undetermined", "reason": "q above 0.1"},
            ["undetermined (q above 0.1)", "What moves, if anything, is the ligand", "log2 0.90 or more",
             "does not say that the organs are alike"],
        ),
        ({"sign_stability": 0.75}, ["holds in 75% of analyses"]),
        (
            {"ambient_share": 0.9, "ambient_side": "ligand", "call": "ambient-suspect"},
            ["bone: ambient-suspect", "Ambient RNA can explain 90%", "less ambient RNA"],
        ),
        ({"ambient_share": 0.1, "ambient_side": ""}, ["Ambient RNA explains 10% of the difference."]),
        ({"ambient_share": 0.4, "ambient_side": "receptor"}, ["and how its receptor moves."]),
        ({"ambient_share": np.nan}, ["cannot be said"]),
    ],
)  # fmt: skip
def test_calls(row: dict, parts: list[str]) -> None:
    text = verdict(facts(row))
    for part in parts:
        assert part in text


UNKNOWN = dict.fromkeys(
    ("log2fc", "ci_low", "ci_high", "pval", "qval", "sign_stability", "min_detectable_log2fc"), np.nan
) | {"driver": "", "call": "not_testable", "n_patients": 0}  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "need"),
    [
        ("cell type absent in bone: source", "level='lineage'"),
        ("too few cells in bone: source", "at least 10 cells of both types"),
        ("depth in bone", "deeper sequencing"),
        ("aliased with study; without lung", "break the tie with study."),
        ("1 patient in bone", "at least 2 patients on each side for a p-value, 3 for a call"),
        ("a call needs 3 patients on each side: 2 patients in bone", "at least 3 patients on each side."),
        ("gene not measured", "both genes are measured"),
        ("something else", "more patients"),
    ],
)
def test_what_would_make_it_testable(reason: str, need: str) -> None:
    text = verdict(facts(UNKNOWN | {"reason": reason}, used=0, unused=("no cell of the source",) * 2))
    assert f"bone: not testable ({reason})." in text
    assert need in text.split("What would change it:")[1]
    assert "0 patients of 2 with a sample of bone enter. Left out: no cell of the source (2)." in text
    assert "estimate" not in text
    assert text.endswith("It does not say that there is no difference, nor that the pair is absent.")


def test_an_estimate_without_a_test_is_given() -> None:
    row = UNKNOWN | {"log2fc": 1.0, "reason": "1 patient in bone", "n_patients": 3}
    text = verdict(facts(row))
    assert (
        "The estimate alone is 2-fold higher in bone than in the mean of the other organs (log2 +1.00)."
        in text
    )


def test_other_contrasts_and_what_comes_first() -> None:
    pair = {"contrast": "bone_vs_lung", "kind": "pair", "other": "lung", "log2fc": 3.0, "qval": np.nan}
    text = verdict(facts(pair, {}))
    assert "than in the mean of the other organs" in text, "the rest speaks first"
    assert "Against each, log2: lung +3.00 (no q)." in text
    alone = verdict(facts(pair | {"qval": 0.04}))
    assert "8-fold higher in bone than in lung" in alone


def test_nothing_compared() -> None:
    text = verdict(facts(within=None))
    assert "bone: not tested, the run compared it with nothing." in text
    assert "Another organ" in text


def test_within_samples_and_literature() -> None:
    silent = pd.Series({"status": "not_expressed", "reason": "measured and not expressed: ligand"})
    text = verdict(facts({}, within=silent, published=published("CXCL12", "CXCR4", "human")))
    assert "Within samples: not expressed (measured and not expressed: ligand)." in text
    assert "published for bone as host->tumor" in text
    assert "Zhang XH-F, Cell 2013" in text
    without_p = pd.Series({"status": "tested", "reason": "", "n_samples": 1})
    assert "without a p-value, 1 sample." in verdict(facts({}, within=without_p))


def test_numbers() -> None:
    assert (fold(3), fold(-1), fold(0.5)) == ("8-fold higher", "2-fold lower", "1.41-fold higher")
    assert (small(np.nan), small(0.04567), small(1e-9)) == ("unknown", "0.046", "1e-09")
