"""Simulated bioluminescence holds what its truth says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.datasets import simulate_bioluminescence
from niche.errors import InputTypeError, InputValueError


def test_same_seed_same_table() -> None:
    one, other = simulate_bioluminescence(3), simulate_bioluminescence(np.random.default_rng(3))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert not one["flux"].equals(simulate_bioluminescence(4)["flux"])


def test_without_noise_flux_is_the_truth() -> None:
    table = simulate_bioluminescence(0, noise_sd=0, background_sd=0, saturation=None)
    assert table["flux"].to_numpy() == pytest.approx(table["truth_signal"].to_numpy() + 1e5)
    first = table[table["animal"] == "M01"].query("organ == 'bone'")
    slope = np.diff(np.log(first["truth_signal"])) / np.diff(first["day"])
    assert slope == pytest.approx(first["truth_slope"].iloc[0])
    at_onset = (
        np.log(first["truth_signal"].iloc[0]) + first["truth_slope"].iloc[0] * first["truth_onset"].iloc[0]
    )
    assert at_onset == pytest.approx(np.log(2e5))


def test_planted_means_spread_and_correlation() -> None:
    table = simulate_bioluminescence(
        1,
        groups={"a": 3000, "b": 3000},
        days=(0, 7),
        slope={"bone": 0.2, "lung": 0.3},
        slope_sd={"a": 0.02, "b": 0.05},
    )
    assert table.attrs["truth"]["slope"] == {"a": {"bone": 0.2, "lung": 0.3}, "b": {"bone": 0.3, "lung": 0.3}}
    wide = table.drop_duplicates(["animal", "organ"]).pivot(
        index=["group", "animal"], columns="organ", values="truth_slope"
    )
    for group, sd in (("a", 0.02), ("b", 0.05)):
        part = wide.loc[group]
        assert part.mean().to_numpy() == pytest.approx(
            list(table.attrs["truth"]["slope"][group].values()), abs=0.004
        )
        assert part.std().to_numpy() == pytest.approx([sd, sd], rel=0.06)
        assert part.corr().iloc[0, 1] == pytest.approx(0.5, abs=0.06)


def test_null_saturation_and_missing() -> None:
    table = simulate_bioluminescence(0, null=True, saturation=1e7, missing=0.3)
    assert table.attrs["truth"]["slope"]["subline"] == {"bone": 0.3, "lung": 0.3}
    assert table["flux"].max() == 1e7
    counts = table.groupby("day").size()
    assert counts[0] == 32 and 0.5 < counts.loc[4:].mean() / 32 < 0.9


def test_bad_input() -> None:
    for options, error, match in (
        ({"groups": 4}, InputTypeError, "groups must be a mapping"),
        ({"groups": {"a": 0}}, InputValueError, r"groups\['a'\] must be an integer"),
        ({"organs": ["bone", "bone"]}, InputValueError, "organs must be different names"),
        ({"days": (3, 1)}, InputValueError, "days must be rising"),
        ({"slope": {"bone": 0.2}}, InputValueError, "slope has no value for 'lung'"),
        ({"saturation": 10.0}, InputValueError, "saturation must be a number in"),
        ({"rng": -1}, InputTypeError, "rng must be"),
    ):
        with pytest.raises(error, match=match):
            simulate_bioluminescence(**options)
