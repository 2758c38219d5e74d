"""Tests of signatures between organs, from arrays: error rates without any difference, planted ones."""

from __future__ import annotations

import numpy as np
import pytest
from planned_study import study_of

from niche._kernels.threads import limited_to
from niche.tl._signature_tests import SampleScores, compare_scores

PER_SET = 12


def drawn(rng, study, shift=0.0):
    """Scores of patients (sd 0.1) correlated within patients, measured by few cells in bone."""
    samples = study.units.samples
    cells = rng.poisson(80 * np.exp(rng.normal(0, 0.7, samples.group.size)))
    cells = np.maximum(np.where(samples.group == 0, cells // 5, cells), 10)
    correlation = rng.beta(3, 3, PER_SET)
    own = rng.normal(size=(samples.patient.max() + 1, PER_SET))[samples.patient]
    spread = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * rng.normal(size=own.shape)
    noise = rng.normal(size=own.shape) * 0.4 / np.sqrt(cells)[:, None]
    means = 0.1 * spread + noise + shift * (samples.group == 3)[:, None]
    return SampleScores(cells, means, np.full(PER_SET, 0.16), "tumor cells")


@pytest.mark.parametrize("pairing", ["unpaired", "partial", "paired"])
def test_error_rates_of_four_patients_per_organ(pairing):
    rng, study = np.random.default_rng(1), study_of(pairing, 4)
    with limited_to(1):
        p = np.concatenate(
            [
                compare_scores(drawn(rng, study), [""] * PER_SET, study, 10, "averaged").values["pval"]
                for _ in range(25)
            ]
        )
    assert len(p) == 300 and not np.isnan(p).any()
    kinds = np.array([contrast.kind for contrast in study.wanted])
    for kind in ("omnibus", "rest", "pair"):
        assert 0.02 < (p[:, kinds == kind] < 0.05).mean() < 0.08
    assert (p < 0.01).mean() < 0.02


def test_a_shift_is_found():
    study = study_of("unpaired", 4)
    found = compare_scores(drawn(np.random.default_rng(0), study, 0.5), [""] * PER_SET, study, 10, "averaged")
    lung = [contrast.name for contrast in study.wanted].index("lung_vs_rest")
    assert (found.values["pval"][:, lung] < 0.01).all()
    assert abs(found.values["effect"][:, lung].mean() - 0.5) < 0.1
    calls = np.array(found.payload()["call_names"])[found.payload()["call"]]
    assert set(calls[:, lung]) == {"enriched"} and set(calls[:, 0]) == {"differs"}


def test_what_is_not_tested_says_why():
    study = study_of("unpaired", 4)
    scores = drawn(np.random.default_rng(0), study)
    scores.means[:, 1] = 2.0
    scores.n[study.units.samples.group == 1] = 3
    found = compare_scores(scores, ["why", *[""] * (PER_SET - 1)], study, 10, "averaged")
    reason = np.array(found.reasons.names, dtype=object)[found.reason]
    names = [contrast.name for contrast in study.wanted]
    assert set(reason[0]) == {"why"} and set(reason[1]) == {"the score is the same in all patients"}
    assert reason[2, names.index("brain_vs_rest")] == "fewer than 10 tumor cells per patient in brain"
    assert np.isnan(found.values["pval"][:2]).all() and not np.isnan(found.values["pval"][2:, 0]).any()
    scores.n[study.units.samples.group < 3] = 0
    none = compare_scores(scores, [""] * PER_SET, study, 10, "averaged")
    assert np.isnan(none.values["pval"]).all()
    assert none.reasons.names[none.reason[5, 0]].startswith("no tumor cells in bone")
