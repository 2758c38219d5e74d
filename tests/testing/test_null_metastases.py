"""Null studies: which design, which draw, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from niche.errors import InputTypeError, InputValueError
from niche.testing import designs, null_metastases, true_contrasts

SMALL = {"organs": ("lung", "bone"), "cells": 60, "n_genes": 1000}


def test_nothing_differs_and_nothing_but_metastases_is_drawn():
    (study,) = null_metastases(1, options=SMALL)
    assert len(true_contrasts(study)) == 0
    assert set(study.obs["tissue"]) == {"metastasis"}
    assert set(study.uns["truth"]["cell_types"]["organ"]) == {""}
    assert study.obs.groupby("organ", observed=True)["patient"].nunique().to_dict() == {"lung": 4, "bone": 4}


@pytest.mark.parametrize("pairing", ["unpaired", "partial", "paired"])
def test_patients_of_each_pairing(pairing):
    (study,) = null_metastases(
        1, f"{pairing}_3_balanced", options={**SMALL, "organs": ("bone", "lung", "liver")}
    )
    organs = study.obs.groupby("patient", observed=True)["organ"].nunique()
    expected = {"unpaired": [1] * 9, "partial": [1] * 3 + [2] * 3, "paired": [3] * 3}
    assert sorted(organs) == expected[pairing]


def test_an_unequal_design_sets_the_first_organ_apart():
    (study,) = null_metastases(1, "paired_6_unequal", options={**SMALL, "cells": 300, "patient_sd": 0.1})
    cells = study.obs["organ"].value_counts()
    assert cells["lung"] / cells["bone"] == pytest.approx(0.2, rel=0.15)
    depth = study.obs.groupby("organ", observed=True)["truth_depth"].median()
    assert depth["lung"] / depth["bone"] == pytest.approx(0.5, rel=0.1)
    assert study.uns["truth"]["params"]["variance_factor"] == {"lung": 2.0}


def test_a_study_does_not_depend_on_how_many_are_drawn():
    first = [study.X.sum() for study in null_metastases(2, options=SMALL, rng=3)]
    second = [
        study.X.sum() for study in null_metastases(3, options=SMALL, rng=np.random.default_rng(3), n_jobs=2)
    ]
    assert first == second[:2]
    assert len(set(second)) == 3


@pytest.mark.parametrize("row", range(1, 18, 6))
def test_designs_are_drawn_as_listed(row):
    design = designs().iloc[row]
    study = next(null_metastases(1, design["name"], options={**SMALL, "cells": 20}))
    params = study.uns["truth"]["params"]
    assert (params["design"], params["patients_per_organ"]) == (
        design["design"],
        design["patients_per_organ"],
    )
    factors = {name: params[name]["lung"] for name in ("cell_factor", "depth_factor", "variance_factor")}
    assert factors == design[list(factors)].to_dict()


def test_refusals_come_at_once():
    with pytest.raises(InputValueError, match="n must be an integer"):
        null_metastases(0)
    with pytest.raises(InputValueError, match="design must be one of 'unpaired_3_balanced'.*Got 'paired'"):
        null_metastases(1, "paired")
    with pytest.raises(InputTypeError, match="options must be a mapping"):
        null_metastases(1, options=["cells"])
    with pytest.raises(InputValueError, match="'null'.*set by the design"):
        null_metastases(1, options={"null": False})
    with pytest.raises(InputValueError, match="'cell'. Options are organs.*cells"):
        null_metastases(1, options={"cell": 3})
    with pytest.raises(InputTypeError, match="rng"):
        null_metastases(1, rng="x")
