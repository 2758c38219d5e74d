"""Type-I error with the data set as the replicate, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.testing import calibration

FIRST, SECOND = [0.01, 0.04, 0.5, 0.9], [0.2, 0.3, 0.6, 0.8]


def table(p: list[float] | np.ndarray, contrast: str = "bone_vs_rest") -> pd.DataFrame:
    return pd.DataFrame({"contrast": contrast, "pval": p})


def test_rates_and_distances_by_hand() -> None:
    found = calibration([table(FIRST), table(SECOND)]).set_index("measure")
    five = found[found["level"] == 0.05].loc["type_1_error"]
    assert five["value"] == pytest.approx((0.5 + 0) / 2)
    assert five["se"] == pytest.approx(np.std([0.5, 0], ddof=1) / np.sqrt(2))
    assert found[found["level"] == 0.001].loc["type_1_error", "value"] == 0
    assert found.loc["liberal", "value"] == pytest.approx(2 / 8 - 0.04)
    assert found.loc["liberal", "se"] == pytest.approx((0.46 - 0.2) / 2)
    assert found.loc["conservative", "value"] == pytest.approx(0.799 - 6 / 8)
    assert (found["n_data_sets"] == 2).all() and (found["n_pvals"] == 8).all() and (found["n_nan"] == 0).all()


def test_the_data_set_is_the_replicate() -> None:
    once = calibration([table(FIRST), table(SECOND)])
    often = calibration([table(np.repeat(FIRST, 100)), table(SECOND)])
    columns = ["value", "se"]
    pd.testing.assert_frame_equal(once[columns], often[columns])
    assert often["n_pvals"].iloc[0] == 404


def test_a_single_data_set_has_no_standard_error() -> None:
    found = calibration([table(FIRST)])
    assert found["se"].isna().all()
    assert found["value"].iloc[0] == 0.5


def test_levels_count_what_equals_them() -> None:
    found = calibration([table([0.05, 0.2])], levels=(0.05, 0.2))
    assert found.loc[:1, "value"].tolist() == [0.5, 1.0]


def test_kinds_of_contrast_apart_and_missing_p_counted() -> None:
    names = ["omnibus", "lymph_node_vs_rest", "bone_vs_lung", "bone_vs_primary", "bone_vs_normal"]
    mixed = pd.concat([table([0.01, np.nan], name) for name in names])
    found = calibration([mixed, table([np.nan, np.nan], "bone_vs_lung")], levels=(0.05,))
    rates = found[found["measure"] == "type_1_error"].set_index("contrasts")
    assert list(rates.index) == ["omnibus", "vs_rest", "pairwise", "vs_primary", "vs_normal"]
    assert (rates["value"] == 1).all() and (rates["n_data_sets"] == 1).all()
    assert rates["n_nan"].tolist() == [1, 1, 3, 1, 1]
    assert rates["n_pvals"].tolist() == [1, 1, 1, 1, 1]


def test_a_kind_without_any_p_is_listed_as_unknown() -> None:
    found = calibration([pd.concat([table([0.01]), table([np.nan], "omnibus")])])
    unknown = found[found["contrasts"] == "omnibus"]
    assert unknown["measure"].tolist() == ["type_1_error", "type_1_error", "liberal", "conservative"]
    assert unknown[["value", "se"]].isna().all().all()
    assert (unknown[["n_data_sets", "n_pvals", "n_nan"]] == [0, 0, 1]).all().all()


def test_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    p = np.random.default_rng(1).beta(0.8, 1.1, 3000)
    found = calibration([table(p)]).set_index("measure")
    for measure, side in (("liberal", "greater"), ("conservative", "less")):
        expected = stats.kstest(p, "uniform", alternative=side).statistic
        assert found.loc[measure, "value"] == pytest.approx(expected, abs=0.0011)


def test_standard_errors_cover_the_truth() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(60):
        # p-values of one data set share a normal shift: far from independent, uniform over data sets
        shift = rng.normal(size=(25, 1)) * 0.6
        p = stats.norm.sf(shift + 0.8 * rng.normal(size=(25, 300)))
        row = calibration([table(one) for one in p], levels=(0.05,)).iloc[0]
        inside += abs(row["value"] - 0.05) <= stats.t.ppf(0.975, 24) * row["se"]
    assert 50 <= inside <= 60, "95 % intervals, the rates of data sets being skewed"


def test_organ_and_generators_are_taken() -> None:
    tables = (pd.DataFrame({"organ": "bone", "p": p}) for p in (FIRST, SECOND))
    found = calibration(tables, pval="p")
    pd.testing.assert_frame_equal(found, calibration([table(FIRST), table(SECOND)]))


def test_refusals() -> None:
    with pytest.raises(InputTypeError, match="pass \\[table\\]"):
        calibration(table(FIRST))
    with pytest.raises(InputTypeError, match="DataFrame. Got dict"):
        calibration([{}])
    with pytest.raises(MissingKeyError, match="'q'.*'contrast', 'pval'"):
        calibration([table(FIRST)], pval="q")
    with pytest.raises(MissingKeyError, match="Table 1 has neither 'contrast' nor 'organ'"):
        calibration([table(FIRST), table(FIRST).drop(columns="contrast")])
    with pytest.raises(InputValueError, match="table 0 holds 1.5"):
        calibration([table([0.1, 1.5])])
    with pytest.raises(InputValueError, match="nothing was tested"):
        calibration([table([np.nan])])
    with pytest.raises(InputValueError, match="nothing was tested"):
        calibration([])
    with pytest.raises(InputValueError, match="a level must be"):
        calibration([table(FIRST)], levels=(5,))
