"""Usage of programs between organs, from arrays: error rates, planted shifts, variance partition."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_usage import compared, drawn
from planned_study import study_of

from niche._kernels.threads import limited_to
from niche.tl._program_usage import alike, rest_columns, unit_usage, variance_shares


@pytest.mark.parametrize("pairing", ["unpaired", "partial", "paired"])
def test_error_rates_of_four_patients_per_organ(pairing):
    rng, study = np.random.default_rng(5), study_of(pairing, 4)
    with limited_to(1):
        p = np.concatenate([compared(*drawn(rng, study), study).values["pval"] for _ in range(40)])
    assert not np.isnan(p).any()
    kinds = np.array([contrast.kind for contrast in study.wanted])
    for kind in ("omnibus", "rest", "pair"):
        assert 0.02 < (p[:, kinds == kind] < 0.05).mean() < 0.08
    assert (p < 0.001).mean() < 0.005


def test_a_shift_of_twice_the_spread_between_patients_is_found():
    study = study_of("unpaired", 4)
    rng = np.random.default_rng(2)
    found = [compared(*drawn(rng, study, 0.8), study) for _ in range(10)]
    lung = [contrast.name for contrast in study.wanted].index("lung_vs_rest")
    effect = np.concatenate([one.values["effect"][:, lung] for one in found])
    assert abs(effect.mean() - 0.8 / np.log(2)) < 0.15
    p = np.concatenate([one.values["pval"][:, lung] for one in found])
    assert (p < 0.05).mean() > 0.8


def test_organs_are_alike_only_by_evidence():
    rng, many, few = np.random.default_rng(3), study_of("unpaired", 12), study_of("unpaired", 3)
    assert alike(compared(*drawn(rng, many, sd=0.2), many)).mean() > 0.8
    assert not alike(compared(*drawn(rng, few, sd=0.6), few)).any()
    assert not alike(compared(*drawn(rng, many, shift=1.5, sd=0.2), many)).any()


def test_two_patients_get_a_p_and_no_call():
    study = study_of("unpaired", 2)
    found = compared(*drawn(np.random.default_rng(1), study, 3.0, sd=0.1), study)
    columns = list(rest_columns(found).values())
    assert not np.isnan(found.values["pval"][:, columns]).any()
    assert (found.callable[:, columns] == 0).all()


def test_units_with_few_cells_and_missing_organs_say_so():
    study = study_of("unpaired", 4)
    usage, unit = drawn(np.random.default_rng(1), study)
    unit = np.where(study.units.samples.group[unit] == 1, -1, unit)
    found = compared(usage, unit, study)
    names = [contrast.name for contrast in study.wanted]
    text = found.reasons.names[found.reason[0, names.index("brain_vs_rest")]]
    assert text == "no patient with enough tumor cells in brain"
    assert np.isnan(found.values["effect"][0, names.index("brain_vs_rest")])
    only = compared(usage, np.where(study.units.samples.group[unit] == 3, unit, -1), study)
    assert np.isnan(only.values["pval"]).all()


def test_a_program_that_is_off_has_a_floor():
    study = study_of("unpaired", 4)
    usage, unit = drawn(np.random.default_rng(1), study)
    usage[study.units.samples.group[unit] == 3] = 0.0
    found = unit_usage(usage, unit, study.units.n_samples.size, 20)
    assert np.isfinite(found.value).all()
    assert found.value.min() > np.log2(0.02 * found.mean.mean())


def test_shares_of_variance_are_those_that_were_drawn():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(6), 30)
    organ, patient = rng.normal(0, 1.0, 6), rng.normal(0, 0.7, group.size)
    organ = (organ - organ.mean()) / organ.std(ddof=1)
    unit = np.repeat(np.arange(group.size), 40)
    usage = (organ[group] + patient)[unit] + rng.normal(0, 2.0, unit.size)
    found = variance_shares(usage[:, None], unit, group, np.arange(group.size))[0]
    np.testing.assert_allclose(found, np.array([4.0, 0.49, 1.0]) / 5.49, atol=0.06)
    assert np.isnan(variance_shares(usage[:, None], unit, group, np.array([0, 40]))).all()
