"""The order of verdicts, from evidence made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planned_study import study_of

from niche.tl._organ_results import OrganResults
from niche.tl._program_evidence import Evidence
from niche.tl._program_usage import rest_columns
from niche.tl._program_verdicts import verdict

ORGANS = ["bone", "brain", "lung"]


@pytest.fixture
def evidence() -> Evidence:
    """One program that nothing is known about, in three organs."""
    results = OrganResults(study_of("unpaired", 4, ORGANS), 1)
    results.values["pval"][:] = 0.5
    results.values["effect"][:] = 0.1
    results.callable[:] = 1
    q = np.full(results.values["pval"].shape, 0.6)
    nothing = np.zeros((1, 3))
    return Evidence(
        ["program"], [""], results, q, np.array([False]), np.full((1, 3), 0.05), np.ones(3, dtype=bool),
        nothing, nothing.copy(), nothing.copy(), [["", "", ""]], {}, 0.5,
    )  # fmt: skip


def called(found: Evidence, organ: str, effect: float) -> None:
    column = rest_columns(found.results)[ORGANS.index(organ)]
    found.results.values["effect"][0, column] = effect
    found.q[0, column] = 0.01


def test_nothing_by_evidence_is_undetermined(evidence: Evidence) -> None:
    assert verdict(evidence, 0)[0] == "undetermined"


def test_higher_and_lower_are_of_the_organ(evidence: Evidence) -> None:
    called(evidence, "lung", 2.0)
    found = replace(
        evidence, within=[["", "", "within 2 of 2 patients with another site"]], incoming={2: "incoming: X"}
    )
    name, why = verdict(found, 0)
    assert name == "organ-associated"
    assert why == "higher in lung (q 0.01), within 2 of 2 patients with another site, incoming: X"
    called(evidence, "lung", -2.0)
    assert verdict(evidence, 0) == ("organ-associated", "lower in lung (q 0.01)")


def test_a_small_effect_or_too_few_patients_are_no_call(evidence: Evidence) -> None:
    called(evidence, "lung", 0.3)
    assert verdict(evidence, 0)[0] == "undetermined"
    called(evidence, "lung", 3.0)
    evidence.results.callable[:] = 0
    assert verdict(evidence, 0) == (
        "undetermined", "a call needs 3 patients on both sides: estimate and p only"
    )  # fmt: skip


def test_a_rise_that_ambient_molecules_explain(evidence: Evidence) -> None:
    called(evidence, "lung", 2.0)
    evidence.effect_share[0, 2] = 0.8
    assert verdict(evidence, 0) == ("ambient-suspect", "lung: ambient molecules explain 80%")
    evidence.effect_share[0, 2] = np.nan
    evidence.control[0, 2] = 0.9
    assert verdict(evidence, 0) == ("ambient-suspect", "lung: host cells rise 0.9 times as much")


def test_one_organ_of_its_own_and_one_leaked(evidence: Evidence) -> None:
    called(evidence, "lung", 2.0)
    called(evidence, "bone", 2.0)
    evidence.effect_share[0, 2] = 0.8
    name, why = verdict(evidence, 0)
    assert name == "organ-associated"
    assert why.startswith("higher in bone") and "in lung ambient molecules explain 80%" in why


def test_a_leak_that_is_not_called_is_seen_where_it_is_most(evidence: Evidence) -> None:
    evidence.share[0, 1] = 0.9
    assert verdict(evidence, 0)[0] == "undetermined"  # no organ has clearly more of it
    evidence.level[0, 1] = 0.2
    assert verdict(evidence, 0)[0] == "ambient-suspect"
    private = replace(evidence, kind=["patient-private"])
    assert verdict(private, 0)[0] == "ambient-suspect"


def test_private_background_and_unstable(evidence: Evidence) -> None:
    assert verdict(replace(evidence, kind=["patient-private"], kind_reason=["one patient"]), 0) == (
        "patient-private", "one patient"
    )  # fmt: skip
    assert verdict(replace(evidence, kind=["background"], kind_reason=["weak"]), 0) == (
        "not_testable", "background: weak"
    )  # fmt: skip


def test_alike_and_present_is_intrinsic(evidence: Evidence) -> None:
    found = replace(evidence, alike=np.array([True]))
    assert verdict(found, 0) == ("intrinsic", "alike in all organs and present in bone, brain, lung")
    called(found, "lung", 2.0)
    assert verdict(found, 0)[0] == "organ-associated"


def test_without_any_p_it_is_not_testable(evidence: Evidence) -> None:
    evidence.results.values["pval"][:] = np.nan
    evidence.results.refuse([0], "fewer than 2 organs")
    assert verdict(evidence, 0) == ("not_testable", "fewer than 2 organs")


def test_what_was_not_assessed_is_said(evidence: Evidence) -> None:
    called(evidence, "lung", 2.0)
    found = replace(evidence, share=None, effect_share=None)
    assert verdict(found, 0)[1].endswith("ambient share not assessed")
