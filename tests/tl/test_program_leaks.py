"""Calls of contrasts that rest on ambient molecules, from evidence made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from planned_study import study_of

from niche.tl._organ_results import CALLS, OrganResults
from niche.tl._program_evidence import Evidence
from niche.tl._program_leaks import CALLS_OF_PROGRAMS, leaking, suspect_calls

WHY = "ambient molecules explain 80%"


def evidence(effects: dict[str, float], organs: Sequence[str]) -> tuple[Evidence, np.ndarray, dict[str, int]]:
    """One program with effects of contrasts, all of them called, whose lung leaks."""
    results = OrganResults(study_of("unpaired", 4, list(organs)), 1)
    columns = {contrast.name: c for c, contrast in enumerate(results.study.wanted)}
    results.values["effect"][:] = results.values["pval"][:] = 0.0
    q, call = np.ones((1, len(columns))), np.full((1, len(columns)), CALLS.index("undetermined"))
    for name, effect in effects.items():
        results.values["effect"][0, columns[name]] = effect
        q[0, columns[name]] = 0.01
        call[0, columns[name]] = CALLS.index("enriched" if effect > 0 else "depleted")
    results.callable[:] = 1
    share = np.zeros((1, len(organs)))
    share[0, list(organs).index("lung")] = 0.8
    metastasis = np.ones(len(organs), dtype=bool)
    found = Evidence(
        ["program"], [""], results, q, np.array([False]), np.full(share.shape, 0.05), metastasis,
        share, share.copy(), np.zeros(share.shape), [[""] * len(organs)], {}, 0.5,
    )  # fmt: skip
    return found, call, columns


def called(effects: dict[str, float], organs: Sequence[str] = ("bone", "brain", "lung")) -> dict[str, str]:
    """Calls by contrast, of those in which something was called."""
    found, call, columns = evidence(effects, organs)
    after, reason = suspect_calls(found, call)
    assert (call != CALLS_OF_PROGRAMS.index("ambient-suspect")).all()  # what was given is not changed
    for name, c in columns.items():
        suspect = CALLS_OF_PROGRAMS[after[0, c]] == "ambient-suspect"
        assert (found.results.reasons.names[reason[0, c]] == f"lung: {WHY}") == suspect, name
    return {name: CALLS_OF_PROGRAMS[after[0, columns[name]]] for name in effects}


def test_a_rise_of_the_organ_that_leaks_is_suspect_on_either_side_of_a_contrast() -> None:
    assert set(
        called({"lung_vs_rest": 2.0, "bone_vs_lung": -2.0, "brain_vs_lung": -2.0}).values()
    ) == {"ambient-suspect"}  # fmt: skip


def test_a_rise_of_another_organ_is_not() -> None:
    assert called({"lung_vs_rest": 2.0, "bone_vs_rest": 2.0, "bone_vs_brain": 2.0}) == {
        "lung_vs_rest": "ambient-suspect", "bone_vs_rest": "enriched", "bone_vs_brain": "enriched",
    }  # fmt: skip


def test_a_fall_of_the_organ_that_leaks_is_not() -> None:
    assert called({"lung_vs_rest": -2.0, "bone_vs_lung": 2.0}) == {
        "lung_vs_rest": "depleted", "bone_vs_lung": "enriched",
    }  # fmt: skip


@pytest.mark.parametrize("organs", [("bone", "lung"), ("bone", "brain", "lung")])
def test_a_fall_against_the_rest_that_is_the_leak_seen_from_the_other_side(organs: Sequence[str]) -> None:
    effects = {"lung_vs_rest": 2.0, "bone_vs_rest": -1.0, "bone_vs_lung": -2.0}
    assert set(called(effects, organs).values()) == {"ambient-suspect"}


def test_a_fall_that_stays_without_the_organ_that_leaks() -> None:
    found = called({"lung_vs_rest": 2.0, "bone_vs_rest": -2.0, "bone_vs_lung": -3.0, "bone_vs_brain": -1.0})
    assert found["bone_vs_rest"] == found["bone_vs_brain"] == "depleted"
    assert found["lung_vs_rest"] == found["bone_vs_lung"] == "ambient-suspect"


def test_a_small_rise_says_nothing_about_a_pair() -> None:
    """The share of a difference is that of the organ to all others; without one it is noise."""
    assert called({"bone_vs_lung": -2.0})["bone_vs_lung"] == "depleted"


def test_leaking_programs_are_those_whose_largest_rise_leaks() -> None:
    for effects, want in (
        ({"lung_vs_rest": 2.0, "bone_vs_rest": 1.0}, True),
        ({"lung_vs_rest": 1.0, "bone_vs_rest": 2.0}, False),
        ({"lung_vs_rest": 0.3}, False),
        ({"lung_vs_rest": -2.0}, False),
    ):
        found, _, _ = evidence(effects, ("bone", "brain", "lung"))
        assert leaking(found).tolist() == [want], effects
        found.results.values["effect"][:] = np.nan
        assert not leaking(found).any()


def test_leaks_take_no_part_in_the_family_of_the_others() -> None:
    results = OrganResults(study_of("unpaired", 4, ["bone", "brain", "lung"]), 4)
    results.values["pval"][:] = 1e-9
    results.values["pval"][0] = 0.08
    results.n_organs[:] = 3
    whole, apart = results.q_values()[0], results.q_values(np.array([False, True, True, True]))[0]
    np.testing.assert_array_equal(whole[1:], apart[1:])
    omnibus = [contrast.kind for contrast in results.study.wanted].index("omnibus")
    assert apart[0, omnibus] == pytest.approx(0.08)
    assert results.q_values(np.zeros(4, dtype=bool))[1]["omnibus"] == 4
    assert results.q_values(np.array([False, True, True, True]))[1]["omnibus"] == 1
    alone = OrganResults(results.study, 1)
    alone.values["pval"][:], alone.n_organs[:] = 0.08, 3
    np.testing.assert_array_equal(apart[:1], alone.q_values()[0])
