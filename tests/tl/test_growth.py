"""Growth of metastases from bioluminescence: what enters, what comes out, and what is refused."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning
from niche.tl._growth_fits import MEASUREMENT_COLUMNS
from niche.tl._growth_groups import CONTRAST_COLUMNS, GROUP_COLUMNS

DAYS = [0, 5, 10, 15, 20, 25]


def series(animal="m1", organ="bone", slope=0.3, start=2e4, light=1e5, days=DAYS, **columns):
    """Flux without noise."""
    day = np.asarray(days, dtype=float)
    flux = light + np.where(day > 0, start * np.exp(slope * day), 0)
    return pd.DataFrame({"animal": animal, "organ": organ, "day": day, "flux": flux, **columns})


def several(slopes, **columns):
    """One animal per slope."""
    return pd.concat([series(f"{columns}{i}", slope=s, **columns) for i, s in enumerate(slopes)])


def only(table, **options):
    (row,) = niche.tl.growth_rates(table, **options).to_dict("records")
    return row


def test_exact_growth_is_found():
    row = only(series())
    # flux above three times the background: from day 10 on (2e4 e^3 = 4.0e5)
    assert (row["n_measured"], row["n_used"], row["n_below"], row["n_saturated"]) == (6, 4, 2, 0)
    assert (row["first_day"], row["last_day"]) == (10, 25)
    assert row["slope"] == pytest.approx(0.3) and row["doubling_time"] == pytest.approx(np.log(2) / 0.3)
    assert row["intercept"] == pytest.approx(np.log(2e4))
    assert row["onset"] == pytest.approx(np.log(2e5 / 2e4) / 0.3)
    assert (row["background"], row["threshold"], row["status"], row["reason"]) == (1e5, 3e5, "tested", "")
    assert np.isnan(row["saturation"])


def test_the_line_is_least_squares_of_what_is_above_the_background():
    table = series()
    table["flux"] *= np.exp(np.random.default_rng(0).normal(0, 0.1, len(table)))
    row = only(table, background=1e5)
    used = table[table["flux"] > 3e5]
    fit = stats.linregress(used["day"], np.log(used["flux"] - 1e5))
    assert (row["slope"], row["slope_error"]) == pytest.approx((fit.slope, fit.stderr))
    half = stats.t.isf(0.025, len(used) - 2) * fit.stderr
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((fit.slope - half, fit.slope + half))
    assert row["doubling_low"] == pytest.approx(np.log(2) / row["ci_high"])
    assert row["onset_low"] < row["onset"] < row["onset_high"]
    plain = only(table, background=1e5, subtract_background=False)
    expected = stats.linregress(used["day"], np.log(used["flux"]))
    assert plain["slope"] == pytest.approx(expected.slope) and not plain["subtracted"]
    assert plain["onset"] == pytest.approx((np.log(3e5) - expected.intercept) / expected.slope)


def test_order_of_rows_does_not_matter():
    table = niche.datasets.simulate_bioluminescence(2)
    mixed = table.sample(frac=1, random_state=0)
    for level in ("animal", "group", "contrast"):
        one, other = (niche.tl.growth_rates(t, group="group", level=level) for t in (table, mixed))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_background_can_be_given_in_every_form():
    table = pd.concat([series(), series(organ="lung")]).assign(dark=1e5)
    want = niche.tl.growth_rates(table, background=1e5)
    for given in ("dark", {"bone": 1e5, "lung": 1e5}, np.float64(1e5)):
        pd.testing.assert_frame_equal(niche.tl.growth_rates(table, background=given), want)
    higher = niche.tl.growth_rates(table, background={"bone": 1e5, "lung": 1e6})
    assert higher["n_used"].tolist() == [4, 2]


def test_saturated_measurements_do_not_count():
    full = series()
    full["flux"] = np.minimum(full["flux"], 3e6)
    want = only(full, saturation=3e6)
    assert (want["n_used"], want["n_saturated"], want["saturation"]) == (2, 2, 3e6)
    assert want["reason"] == "2 measurements between background and saturation, 3 needed"
    for given in ({"bone": 3e6}, "top"):
        assert only(full.assign(top=3e6), saturation=given)["n_saturated"] == 2
    assert only(full, saturation=None)["n_used"] == 4


def test_a_ceiling_is_detected_where_the_highest_pile_up():
    table = pd.concat([series(f"m{i}", slope=0.3 + 0.02 * i) for i in range(4)])
    free = niche.tl.growth_rates(table)
    assert free["n_saturated"].sum() == 0
    table["flux"] = np.minimum(table["flux"], 3e7)
    found = niche.tl.growth_rates(table)
    assert found["n_saturated"].tolist() == [1, 1, 1, 1]
    assert found["saturation"].tolist() == pytest.approx([0.99 * 3e7] * 4)
    assert found["slope"].tolist() == pytest.approx([0.3, 0.32, 0.34, 0.36])


def test_a_plateau_of_one_animal_is_left_out():
    days = np.arange(0, 40, 4)
    rng = np.random.default_rng(0)
    table = pd.concat([series(f"m{i}", days=days, start=1e5, slope=0.25) for i in range(3)])
    flat = (table["animal"] == "m1") & (table["day"] > 20)
    table.loc[flat, "flux"] = float(
        table.loc[(table["animal"] == "m1") & (table["day"] == 20), "flux"].iloc[0]
    )
    table["flux"] *= np.exp(rng.normal(0, 0.08, len(table)))
    found = niche.tl.growth_rates(table, background=1e5).set_index("animal")
    assert found["n_saturated"].to_dict() == {"m0": 0, "m1": 4, "m2": 0}
    assert found.loc["m1", "last_day"] == 20 and found.loc["m1", "slope"] == pytest.approx(0.25, abs=0.03)
    assert found.loc["m1", "saturation"] < found.loc["m1", "threshold"] * 100


def test_what_cannot_be_fitted_says_why():
    late = series("late", days=[5, 10, 15, 20])
    never = series("never", start=1.0)
    full = series("full")
    full.loc[full["day"] > 5, "flux"] = 1e8
    few = series("few", days=[0, 5, 10])
    found = niche.tl.growth_rates(pd.concat([series(), late, never, full, few])).set_index("animal")
    assert found.loc["m1", "status"] == "tested"
    assert (found.drop("m1")["status"] == "not_testable").all()
    assert found["reason"].drop("m1").to_dict() == {
        "few": "1 measurements between background and saturation, 3 needed",
        "full": "all measurements above the background are saturated",
        "late": "no measurement on the baseline day (background='day0')",
        "never": "never above the background",
    }
    assert found.drop("m1")[["slope", "ci_low", "onset", "doubling_time"]].isna().all(axis=None)
    counted = found[["n_used", "n_below", "n_saturated"]].sum(axis=1)
    assert (counted == found["n_measured"]).drop("late").all()
    assert counted["late"] == 0, "what lies below an unknown background is unknown"


def test_an_animal_without_any_flux_was_not_measured():
    blind = series("blind").assign(flux=np.nan)
    for options in ({"background": 1e5}, {}):
        row = niche.tl.growth_rates(pd.concat([series(), blind]), **options).set_index("animal").loc["blind"]
        assert (row["n_measured"], row["reason"]) == (0, "no measurement")


def test_measurements_are_told_as_the_fit_counts_them():
    full = series("full")
    full.loc[full["day"] > 10, "flux"] = 1e8
    table = pd.concat([series(), series("never", start=1.0), full, series("late", days=[5, 10])])
    table.loc[(table["animal"] == "m1") & (table["day"] == 5), "flux"] = np.nan
    rates = niche.tl.growth_rates(table).set_index("animal")
    each = niche.tl.growth_rates(table, level="measurement")
    assert list(each) == list(MEASUREMENT_COLUMNS) and each["flux"].notna().all()
    counts = pd.crosstab(each["animal"], each["use"].astype(str)).loc[rates.index]
    for use in ("used", "below", "saturated"):
        assert counts[use].tolist() == rates[f"n_{use}"].tolist()
    assert counts["unknown"].to_dict() == {"full": 0, "late": 2, "m1": 0, "never": 0}
    used = each[each["use"] == "used"]
    assert used.groupby("animal")["day"].max().to_dict() == rates["last_day"].dropna().to_dict()


def test_a_baseline_that_shows_the_injected_cells_is_told():
    injected = series("m2")
    injected.loc[0, "flux"] = 5e6
    table = pd.concat([series(), injected, series("m3")])
    with pytest.warns(
        NicheWarning, match=r"1 of 3 animals.*day 0.*'m2' in 'bone': 5e\+06.*background=.*baseline_day="
    ):
        niche.tl.growth_rates(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        niche.tl.growth_rates(table, background=1e5)
        niche.tl.growth_rates(niche.datasets.simulate_bioluminescence(4))
        early = pd.concat([table, table[table["day"] == 0].assign(day=-1.0, flux=1e5)])
        assert (niche.tl.growth_rates(early, baseline_day=-1)["status"] == "tested").all()


def test_a_missing_flux_is_not_measured():
    table = series()
    table.loc[3, "flux"] = np.nan
    row = only(table)
    assert (row["n_measured"], row["n_used"]) == (5, 3) and row["slope"] == pytest.approx(0.3)


def test_a_tumor_that_may_not_grow_has_no_bounded_doubling_time_or_onset():
    table = series(days=np.arange(0, 30, 3), slope=0.0, start=1e6)
    table["flux"] *= np.exp(np.random.default_rng(3).normal(0, 0.3, len(table)))
    row = only(table, background=1e5)
    assert row["ci_low"] < 0 < row["ci_high"]
    assert row["doubling_high"] == np.inf and row["doubling_low"] > 0
    assert np.isnan([row["onset_low"], row["onset_high"]]).all()


def test_groups_are_means_of_animals():
    slopes = np.array([0.28, 0.3, 0.33, 0.4])
    found = niche.tl.growth_rates(several(slopes), level="group")
    assert list(found) == list(GROUP_COLUMNS)
    row = found.iloc[0]
    assert (row["group"], row["n_animals"], row["n_left_out"]) == ("all", 4, 0)
    assert row["slope"] == pytest.approx(slopes.mean()) and row["slope_sd"] == pytest.approx(
        slopes.std(ddof=1)
    )
    low, high = stats.ttest_1samp(slopes, 0).confidence_interval()
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    assert row["doubling_time"] == pytest.approx(np.log(2) / slopes.mean())


def test_groups_are_compared_by_welch():
    first, second = np.array([0.3, 0.35, 0.41]), np.array([0.25, 0.28, 0.27, 0.3])
    table = pd.concat([several(first, line="BoM"), several(second, line="parental")])
    found = niche.tl.growth_rates(table, group="line", level="contrast")
    assert list(found) == list(CONTRAST_COLUMNS)
    row = found.iloc[0]
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert (row["contrast"], row["organ"], row["test"]) == ("BoM_vs_parental", "bone", "welch")
    assert (row["n_first"], row["n_second"]) == (3, 4)
    assert (row["effect"], row["pval"], row["df"]) == pytest.approx(
        (first.mean() - second.mean(), expected.pvalue, expected.df)
    )
    turned = niche.tl.growth_rates(table, group="line", level="contrast", reference="BoM").iloc[0]
    assert turned["contrast"] == "parental_vs_BoM" and turned["effect"] == pytest.approx(-row["effect"])


def test_q_is_over_all_tested_rows():
    table = niche.datasets.simulate_bioluminescence(0, groups={"a": 4, "b": 4, "c": 4})
    found = niche.tl.growth_rates(table, group="group", level="contrast")
    assert found["contrast"].tolist() == ["a_vs_b", "a_vs_c", "b_vs_c"] * 2
    expected = stats.false_discovery_control(found["pval"])
    assert found["qval"].to_numpy() == pytest.approx(expected)


def test_organs_are_compared_within_animals():
    slopes = {"bone": [0.3, 0.34, 0.4, 0.37], "lung": [0.27, 0.33, 0.36, 0.36]}
    table = pd.concat([several(values).assign(organ=organ) for organ, values in slopes.items()])
    row = niche.tl.growth_rates(table, level="contrast").iloc[0]
    expected = stats.ttest_rel(slopes["bone"], slopes["lung"])
    assert (row["test"], row["n_pairs"], row["organ"], row["contrast"]) == (
        "paired",
        4,
        "bone",
        "bone_vs_lung",
    )
    assert row["pval"] == pytest.approx(expected.pvalue)
    apart = table.assign(animal=table["animal"] + table["organ"])
    row = niche.tl.growth_rates(apart, level="contrast").iloc[0]
    assert row["test"] == "welch"
    assert row["pval"] == pytest.approx(stats.ttest_ind(*slopes.values(), equal_var=False).pvalue)


def test_few_animals_with_both_organs_are_no_test():
    table = pd.concat([several([0.3, 0.34, 0.4, 0.37]), several([0.27, 0.33]).assign(organ="lung")])
    row = niche.tl.growth_rates(table, level="contrast").iloc[0]
    assert (
        row["status"] == "not_testable" and row["reason"] == "too few animals with both organs: 2, 3 needed"
    )
    assert row["n_pairs"] == 2 and np.isnan(row["pval"]) and row["effect"] == pytest.approx(0.02)


def test_one_animal_per_group_is_not_testable():
    table = pd.concat([several([0.3], line="a"), several([0.4], line="b")])
    groups = niche.tl.growth_rates(table, group="line", level="group")
    assert (groups["status"] == "not_testable").all() and groups["ci_low"].isna().all()
    assert groups["slope"].tolist() == pytest.approx([0.3, 0.4])
    assert groups["reason"].tolist() == ["1 animal with a slope, 2 needed"] * 2
    row = niche.tl.growth_rates(table, group="line", level="contrast").iloc[0]
    assert row["status"] == "not_testable" and row["effect"] == pytest.approx(-0.1)
    assert row["reason"] == "1 animal with a slope on a side, 2 needed"
    assert np.isnan([row["pval"], row["qval"], row["ci_low"]]).all()


def test_planted_growth_is_recovered():
    table = niche.datasets.simulate_bioluminescence(4, groups={"parental": 8, "BoM": 8})
    found = niche.tl.growth_rates(table, group="group", level="contrast", reference="parental").set_index(
        "organ"
    )
    assert (
        found.loc["bone", "ci_low"] < 0.1 < found.loc["bone", "ci_high"] and found.loc["bone", "qval"] < 0.05
    )
    assert found.loc["lung", "ci_low"] < 0 < found.loc["lung", "ci_high"]


def _bad(change, error, match, **options):
    return pytest.param(change, error, match, options, id=re.sub(r"\W+", " ", match)[:40])


@pytest.mark.parametrize(
    ("change", "error", "match", "options"),
    [
        _bad(lambda t: t["flux"], InputTypeError, "must be a pandas DataFrame"),
        _bad(lambda t: t.drop(columns="day"), MissingKeyError, "'day' not found in table"),
        _bad(lambda t: t.assign(flux=-t["flux"]), InputValueError, r"\(flux=\) must not be negative.*12 of 12"),
        _bad(lambda t: t.assign(flux=np.nan), InputValueError, "holds no value"),
        _bad(lambda t: t.assign(flux=t["flux"].astype(str)), InputTypeError, "must hold numbers"),
        _bad(lambda t: t.assign(day=np.nan), InputValueError, "missing or infinite in 12 of 12"),
        _bad(lambda t: pd.concat([t, t]), InputValueError, "12 measurements are there twice.*'m1', 'bone', day 0"),
        _bad(lambda t: t[t["day"] > 0], InputValueError, "no measurement on day 0.*baseline_day=.*background="),
        _bad(
            lambda t: t.assign(line=t["organ"]), InputValueError, "an animal must lie in one group.*'m1'",
            group="line",
        ),
        _bad(lambda t: t, InputValueError, r"background has no value for 'lung'", background={"bone": 1.0}),
        _bad(lambda t: t, InputTypeError, "saturation must be 'detect', None", saturation=[1.0]),
        _bad(lambda t: t, InputValueError, "detection must be a number in", detection=1.0),
        _bad(lambda t: t, InputValueError, "min_points must be an integer in", min_points=2),
        _bad(lambda t: t, InputValueError, "reference= belong to level='contrast'", reference="a"),
        _bad(lambda t: t, InputValueError, "reference= is a group", level="contrast", reference="a"),
        _bad(lambda t: t, InputValueError, "one group only", level="contrast", compare="groups"),
        _bad(lambda t: t[t["organ"] == "bone"], InputValueError, "one organ only", level="contrast"),
        _bad(
            lambda t: t.assign(line="a"), InputValueError, "one group only", group="line", level="contrast"
        ),
        _bad(
            lambda t: pd.concat([t.assign(line="a"), t.assign(line="b", animal="m2")]), InputValueError,
            "'c' is no group. Groups: 'a', 'b'", group="line", level="contrast", reference="c",
        ),
    ],
)  # fmt: skip
def test_bad_input(change, error, match, options):
    table = pd.concat([series(), series(organ="lung")], ignore_index=True)
    with pytest.raises(error, match=match):
        niche.tl.growth_rates(change(table), **options)


def test_intervals_cover_and_nulls_are_rare_in_small():
    """200 experiments; docs/validation/growth.md has 2,000 of each kind."""
    organs = [f"e{i}" for i in range(200)]
    table = niche.datasets.simulate_bioluminescence(
        0, groups={"a": 4, "b": 6}, organs=organs, null=True, animal_correlation=0
    )
    truth = table.drop_duplicates(["animal", "organ"])[["animal", "organ", "truth_slope"]]
    animals = niche.tl.growth_rates(table, group="group").merge(truth, on=["animal", "organ"])
    assert 0.93 < animals["truth_slope"].between(animals["ci_low"], animals["ci_high"]).mean() < 0.97
    groups = niche.tl.growth_rates(table, group="group", level="group")
    assert 0.91 < ((groups["ci_low"] < 0.3) & (groups["ci_high"] > 0.3)).mean() < 0.98
    p = niche.tl.growth_rates(table, group="group", level="contrast")["pval"]
    assert 0.01 < (p < 0.05).mean() < 0.1 and abs((p < 0.5).mean() - 0.5) < 0.12
