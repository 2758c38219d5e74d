"""Simulated times to relapse hold what their truth says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets import simulate_relapse
from niche.errors import InputTypeError, InputValueError


def test_same_seed_same_table() -> None:
    one, other = simulate_relapse(3), simulate_relapse(np.random.default_rng(3))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one["patient"].is_unique and len(one) == 200


def test_rates_and_ratios_are_planted() -> None:
    table = simulate_relapse(
        0,
        n_patients=40_000,
        rates={"bone": 0.1, "lung": 0.05},
        hazard_ratio={"bone": 3.0},
        score_hazard_ratio={"lung": 2.0},
    )
    truth = table.attrs["truth"]
    assert truth["hazard_ratio"] == {"bone": 3.0, "lung": 1.0}
    assert truth["score_hazard_ratio"] == {"bone": 1.0, "lung": 2.0}
    assert truth["rates"] == {"bone": 0.1, "lung": 0.05}
    middle = table[table["score"].abs() < 0.1]
    for frame, group, organ, rate in (
        (table, "low", "bone", 0.1), (table, "high", "bone", 0.3), (middle, "low", "lung", 0.05),
        (table, "low", "death", 0.02),
    ):  # fmt: skip
        part = frame[frame["group"] == group]
        found = (part["organ"] == organ).sum() / part["time"].sum()
        assert found == pytest.approx(rate, rel=0.1)


def test_late_entry_and_null() -> None:
    table = simulate_relapse(1, n_patients=500, late_entry=3.0, null=True)
    assert len(table) == 500 and (table["time"] > table["entry"]).all()
    assert table["entry"].max() > 2.5
    assert set(table.attrs["truth"]["hazard_ratio"].values()) == {1.0}


def test_shape_bends_the_hazard() -> None:
    early = [
        (t["time"][t["organ"] == "bone"] < 1).mean()
        for t in (simulate_relapse(0, n_patients=5000, rates={"bone": 0.1}, shape=s) for s in (0.5, 2.0))
    ]
    assert early[0] > 2 * early[1]


def test_bad_input() -> None:
    for options, error, match in (
        ({"rates": [0.1]}, InputTypeError, "rates must be a mapping"),
        ({"rates": {"bone": 0.0}}, InputValueError, r"rates\['bone'\] must be a number"),
        ({"n_patients": 0}, InputValueError, "n_patients must be an integer"),
        ({"follow_up": (5.0, 2.0)}, InputValueError, r"follow_up\[1\] must be"),
        ({"late_entry": 9.0}, InputValueError, "late_entry must be a number"),
        ({"null": 1}, InputTypeError, "null must be True or False"),
    ):
        with pytest.raises(error, match=match):
            simulate_relapse(**options)
