"""Time to relapse: hazards, curves, and what is refused."""

from __future__ import annotations

import re
import warnings

import newton_cox
import numpy as np
import pandas as pd
import pytest
from relapses import followed_patients

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, MissingPackageError
from niche.tl import _cox
from niche.tl._relapse_curves import INCIDENCE, SURVIVAL
from niche.tl._relapse_tests import COLUMNS

lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")


@pytest.fixture(scope="module")
def drawn() -> pd.DataFrame:
    """200 patients with planted effects."""
    return niche.datasets.simulate_relapse(1, n_patients=200)


def test_hazard_ratio_is_that_of_lifelines(drawn):
    found = niche.tl.relapse(drawn, group="group", score="score", competing="death", reference="low")
    assert list(found) == list(COLUMNS)
    bone = found.set_index(["organ", "term"])
    frame = pd.DataFrame({"time": drawn["time"], "event": drawn["organ"] == "bone"})
    for term, values in (
        ("high_vs_low", drawn["group"] == "high"),
        ("score", drawn["score"] / drawn["score"].std(ddof=0)),
    ):
        fit = lifelines.CoxPHFitter().fit(frame.assign(x=values.astype(float)), "time", "event")
        row, expected = bone.loc[("bone", term)], fit.summary.loc["x"]
        assert row["log_hr"] == pytest.approx(expected["coef"]) and row["log_hr_error"] == pytest.approx(
            expected["se(coef)"]
        )
        assert row["hazard_ratio"] == pytest.approx(expected["exp(coef)"])
        assert row["ci_low"] == pytest.approx(expected["exp(coef) lower 95%"])
        assert row["n_events"] == frame["event"].sum() and row["n_patients"] == 200


def test_p_of_groups_is_the_log_rank_test(drawn):
    from lifelines.statistics import logrank_test

    found = niche.tl.relapse(drawn, group="group", competing="death").set_index("organ")
    high = drawn["group"] == "high"
    for organ in ("bone", "lung"):
        event = drawn["organ"] == organ
        expected = logrank_test(drawn["time"][high], drawn["time"][~high], event[high], event[~high])
        assert found.loc[organ, "pval"] == pytest.approx(expected.p_value)
        assert np.sign(found.loc[organ, "statistic"]) == np.sign(found.loc[organ, "log_hr"])


def test_planted_hazards_are_recovered():
    table = niche.datasets.simulate_relapse(2, n_patients=1200)
    found = niche.tl.relapse(table, group="group", score="score", competing="death", reference="low")
    rows = found.set_index(["organ", "kind"])
    truth = table.attrs["truth"]
    for (organ, kind), row in rows.iterrows():
        planted = truth["hazard_ratio" if kind == "groups" else "score_hazard_ratio"][organ]
        error = abs(np.log(planted) - row["log_hr"]) / row["log_hr_error"]
        assert error < 3.2, (organ, kind)
    assert set(rows.index[rows["qval"] < 0.01]) == {("bone", "groups"), ("brain", "score")}


def test_covariates_and_missing_scores_are_told(drawn):
    table = drawn.copy()
    table.loc[:9, "score"] = np.nan
    plain = niche.tl.relapse(table, score="score", competing="death").set_index("organ")
    assert (plain["n_left_out"] == 10).all() and (plain["n_patients"] == 190).all()
    beside = niche.tl.relapse(table, score="score", covariates="group", competing="death").set_index("organ")
    kept = table.dropna(subset="score")
    frame = pd.DataFrame(
        {"time": kept["time"], "event": kept["organ"] == "bone", "g": (kept["group"] == "low").astype(float)}
    ).assign(x=kept["score"] / kept["score"].std(ddof=0))
    expected = lifelines.CoxPHFitter().fit(frame, "time", "event").summary.loc["x"]
    assert beside.loc["bone", "log_hr"] == pytest.approx(expected["coef"], abs=1e-6)
    assert beside.loc["bone", "pval"] == pytest.approx(expected["p"], abs=0.03)


def test_late_entry_is_at_risk_from_then_on():
    table = niche.datasets.simulate_relapse(3, n_patients=200, late_entry=2.0)
    found = niche.tl.relapse(table, group="group", entry="entry", competing="death").set_index("organ")
    frame = table[["time", "entry"]].assign(
        event=table["organ"] == "bone", x=(table["group"] == "high").astype(float)
    )
    fit = lifelines.CoxPHFitter().fit(frame, "time", "event", entry_col="entry")
    assert found.loc["bone", "log_hr"] == pytest.approx(fit.params_["x"])
    assert 0 < found.loc["bone", "ph_pval"] < 1
    ignored = niche.tl.relapse(table, group="group", competing="death").set_index("organ")
    assert ignored.loc["bone", "log_hr"] != pytest.approx(fit.params_["x"], abs=1e-4)


def test_hazards_that_cross_are_told():
    rng = np.random.default_rng(0)
    group = np.repeat(["a", "b"], 150)
    time = np.where(group == "a", rng.exponential(2, 300), rng.weibull(4, 300) * 2)
    table = pd.DataFrame({"patient": range(300), "time": time, "organ": "bone", "group": group})
    row = niche.tl.relapse(table, group="group").iloc[0]
    assert row["ph_pval"] < 1e-4 and row["status"] == "tested"
    assert row["reason"].startswith("hazards are not proportional")


def test_few_events_and_separation_are_not_testable(drawn):
    table = drawn.copy()
    apart = (table["organ"] == "bone") & (table["group"] == "low")
    table.loc[apart, "organ"] = "censored"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = niche.tl.relapse(table, group="group", competing="death").set_index("organ")
    assert found.loc["bone", "reason"] == "separated: one side has no event, so the hazard ratio has no bound"
    n = int((table["organ"] == "brain").sum())
    assert n < 10 and found.loc["brain", "reason"] == f"too few events: {n}, 10 needed"
    bad = found.loc[["bone", "brain"]]
    assert (bad["status"] == "not_testable").all()
    assert bad[["hazard_ratio", "ci_low", "pval", "qval"]].isna().all(axis=None)
    assert found.loc["bone", "n_events"] > 10
    lower = niche.tl.relapse(table, group="group", competing="death", min_events=4).set_index("organ")
    assert lower.loc["brain", "status"] == ("tested" if n >= 5 else "not_testable")


def test_a_score_that_orders_all_events_is_separated():
    n = 60
    order = np.arange(n)
    table = pd.DataFrame(
        {"patient": order, "time": order + 1.0, "organ": "bone", "score": -order.astype(float)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = niche.tl.relapse(table, score="score").iloc[0]
    assert row["status"] == "not_testable" and row["reason"].startswith("separated")


@pytest.mark.parametrize(("no", "yes"), [(0.0, 1.0), (1.0, 2.0), (-7.0, 400.0)])
def test_two_values_are_separated_alike_as_groups_and_as_score(drawn, no, yes):
    spared = np.flatnonzero(drawn["organ"] != "bone")[:60]
    marked = np.isin(np.arange(len(drawn)), spared)
    table = drawn.assign(mark=np.where(marked, yes, no), side=np.where(marked, "with", "without"))
    found = niche.tl.relapse(table, score="mark", group="side", competing="death", covariates="score")
    bone = found[found["organ"] == "bone"]
    assert bone["kind"].tolist() == ["groups", "score"] and (bone["status"] == "not_testable").all()
    assert bone["reason"].str.startswith("separated: one side has no event").all()
    assert bone[["hazard_ratio", "ci_low", "ci_high", "pval"]].isna().all(axis=None)
    ranked = niche.tl.associate(
        table[["patient", "mark"]], table, score="mark", competing="death", method="rank"
    )
    assert ranked.set_index("organ").loc["bone", "reason"] == bone["reason"].iloc[0]


def test_an_error_without_bound_is_separated(drawn):
    bone = (drawn["organ"] == "bone").to_numpy()
    values = np.where(bone, 0.0, np.where(np.arange(len(drawn)) % 3 == 0, 1.0, 0.0))
    values[np.flatnonzero(~bone)[0]] = 2.0
    row = (
        niche.tl.relapse(drawn.assign(few=values), score="few", competing="death")
        .set_index("organ")
        .loc["bone"]
    )
    assert row["status"] == "not_testable" and row["reason"].startswith("separated")


@pytest.mark.parametrize("absent", ["s0", "z0"])
def test_a_level_that_nobody_has_costs_nothing(absent):
    table = niche.datasets.simulate_relapse(3, n_patients=300)
    rng = np.random.default_rng(1)
    table["arm"] = rng.choice(["a", "b", "c"], 300)
    table["site"] = np.where(table["arm"] == "c", absent, rng.choice(["s1", "s2"], 300))
    options = {"group": "arm", "covariates": "site", "competing": "death"}
    found = niche.tl.relapse(table, **options).set_index(["organ", "term"])
    alone = niche.tl.relapse(table[table["arm"] != "c"], **options).set_index(["organ", "term"])
    for organ in ("bone", "lung"):
        row, expected = found.loc[(organ, "a_vs_b")], alone.loc[(organ, "a_vs_b")]
        assert row["status"] == "tested"
        assert (row["log_hr"], row["pval"]) == pytest.approx((expected["log_hr"], expected["pval"]), rel=1e-5)
        assert found.loc[(organ, "a_vs_c"), "reason"] == "the term and the covariates hang together"


def test_covariates_that_say_the_same_count_once(drawn):
    table = drawn.assign(age=np.linspace(40, 80, len(drawn)), months=np.linspace(40, 80, len(drawn)) * 12)
    once = niche.tl.relapse(table, score="score", covariates="age", competing="death")
    twice = niche.tl.relapse(table, score="score", covariates=["age", "months"], competing="death")
    assert (once["status"] == "tested").any() and once["status"].equals(twice["status"])
    assert twice["pval"].to_numpy() == pytest.approx(once["pval"].to_numpy(), rel=1e-6, nan_ok=True)


def test_terms_that_cannot_be_told_from_covariates(drawn):
    row = niche.tl.relapse(drawn.assign(twin=2 * drawn["score"]), score="score", covariates="twin").iloc[0]
    assert (row["status"], row["reason"]) == ("not_testable", "the term and the covariates hang together")
    row = niche.tl.relapse(drawn.assign(flat=1.0), score="flat").iloc[0]
    assert row["reason"] == "the term does not vary"


def test_three_groups_are_compared_in_pairs(drawn):
    table = drawn.assign(group=np.resize(["x", "y", "z"], len(drawn)))
    found = niche.tl.relapse(
        table, group="group", organs=["bone", "lung", "liver", "brain"], competing="death"
    )
    bone = found[found["organ"] == "bone"]
    assert bone["term"].tolist() == ["x_vs_y", "x_vs_z", "y_vs_z"]
    assert bone["n_patients"].tolist() == [134, 133, 133]
    one = niche.tl.relapse(table[table["group"] != "z"], group="group", competing="death").set_index("organ")
    assert bone["log_hr"].iloc[0] == pytest.approx(one.loc["bone", "log_hr"])
    against = niche.tl.relapse(table, group="group", competing="death", reference="z")
    assert set(against["term"]) == {"x_vs_z", "y_vs_z"}


def test_nothing_asked_is_not_assessed():
    found = niche.tl.relapse(followed_patients(), competing="death")
    assert found["organ"].tolist() == ["bone", "lung"] and found["n_events"].tolist() == [5, 3]
    assert (found["status"] == "not_assessed").all() and found["pval"].isna().all()


def test_curves_by_hand():
    table = followed_patients()
    found = niche.tl.relapse(table, competing="death", level="incidence")
    assert list(found) == list(INCIDENCE)
    assert found.groupby("organ")["kind"].first().to_dict() == {
        "bone": "relapse",
        "death": "competing",
        "lung": "relapse",
    }
    bone = found[found["organ"] == "bone"].set_index("time")
    assert bone.loc[0.0, ["incidence", "n_at_risk"]].tolist() == [0, 12]
    assert bone.loc[1.0, "incidence"] == pytest.approx(1 / 12)
    # lung at 1.5 and 2.0, censored at 2.5: 8 at risk at 3, survival 9/12
    assert bone.loc[3.0, "n_at_risk"] == 8 and bone.loc[3.0, "incidence"] == pytest.approx(
        1 / 12 + 9 / 12 / 8
    )
    last = found.groupby("organ")["incidence"].last()
    free = niche.tl.relapse(table, competing="death", level="survival")
    assert list(free) == list(SURVIVAL)
    assert last.sum() + free["survival"].iloc[-1] == pytest.approx(1)
    assert free["survival"].iloc[0] == 1 and free["n_events"].sum() == 9


def test_curves_by_group_do_not_need_lifelines(drawn, monkeypatch):
    monkeypatch.setattr(_cox, "find_spec", lambda _: None)
    found = niche.tl.relapse(drawn, group="group", competing="death", level="incidence")
    assert set(found["group"]) == {"high", "low"}
    part = niche.tl.relapse(drawn[drawn["group"] == "high"], competing="death", level="incidence")
    mine = found[found["group"] == "high"].drop(columns="group").reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, part.drop(columns="group"))
    with pytest.raises(MissingPackageError, match=r'python -m pip install "niche\[survival\]"'):
        niche.tl.relapse(drawn, group="group", competing="death")


def _bad(change, error, match, **options):
    return pytest.param(change, error, match, options, id=re.sub(r"\W+", " ", match)[:40])


@pytest.mark.parametrize(
    ("change", "error", "match", "options"),
    [
        _bad(lambda t: t["time"], InputTypeError, "must be a pandas DataFrame"),
        _bad(lambda t: t.drop(columns="organ"), MissingKeyError, "'organ' not found in table"),
        _bad(lambda t: pd.concat([t, t.head(1)]), InputValueError, "1 rows repeat a patient, for example 'P0'"),
        _bad(lambda t: t.assign(time=t["time"] - 3), InputValueError, r"\(time=\) must not be negative"),
        _bad(
            lambda t: t.assign(entry=2.0), InputValueError,
            "3 of 12 patients end before they enter, for example 'P0': entry 2, time 1", entry="entry",
        ),
        _bad(
            lambda t: t, InputValueError, "holds 'lung', which organs= does not name", organs=["bone"],
            competing="death",
        ),
        _bad(lambda t: t, InputValueError, "cannot be in both", organs=["bone", "lung", "death"], competing="death"),
        _bad(lambda t: t.assign(organ="censored"), InputValueError, "nobody relapsed"),
        _bad(lambda t: t.assign(organ=[True, False] * 6), InputTypeError, "must hold the organ of the first relapse"),
        _bad(lambda t: t.assign(group="a"), InputValueError, "'a' is the only one", group="group"),
        _bad(lambda t: t, InputValueError, "'c' is no group", group="group", reference="c"),
        _bad(lambda t: t, InputValueError, "reference= is one of the groups", reference="a"),
        _bad(lambda t: t, InputValueError, "belong to level='organ'", level="incidence", score="score"),
        _bad(lambda t: t, MissingKeyError, "'stage' not found in table.*covariates=", score="score", covariates="stage"),
        _bad(lambda t: t, InputValueError, "level must be one of", level="curve"),
        _bad(
            lambda t: t, InputValueError,
            r"competing= names 'Death', which column 'organ'.* never holds. Did you mean 'death'", competing="Death",
        ),
        _bad(
            lambda t: t.replace({"organ": {"censored": "None"}}), InputValueError,
            "holds 'None', which would count as an organ of relapse.*censored='None'", competing="death",
        ),
        _bad(
            lambda t: t.assign(organ=pd.Categorical([0, 1] * 6)), InputTypeError,
            "must hold the organ of the first relapse.*Found int64",
        ),
        _bad(lambda t: t.assign(organ=["0", "1"] * 6), InputValueError, "holds '0', which would count"),
        _bad(
            lambda t: t.assign(organ="censored"), InputValueError, "organs names no organ", organs=[], group="group",
        ),
        _bad(lambda t: t, InputTypeError, "group must be the name of one column", group=["group"]),
        _bad(lambda t: t, InputTypeError, "score must be a name or a list of names", score=3),
        _bad(lambda t: t.assign(group=None), InputValueError, "missing in 12 of 12 rows", group="group"),
    ],
)  # fmt: skip
def test_bad_input(change, error, match, options):
    with pytest.raises(error, match=match):
        niche.tl.relapse(change(followed_patients()), **options)


def test_nothing_can_be_said_as_none(drawn):
    options = {"group": "group", "organs": ["bone", "lung", "liver", "brain", "death"]}
    found = niche.tl.relapse(drawn, **options, covariates=None, competing=None, score=None)
    pd.testing.assert_frame_equal(found, niche.tl.relapse(drawn, **options))


def test_numbers_as_groups_can_be_the_reference(drawn):
    options = {"group": "group", "competing": "death"}
    expected = niche.tl.relapse(drawn, reference="low", **options)
    high = (drawn["group"] == "high").astype(int)
    for values, reference in ((high, 0), (high, "0"), (high.astype(float), 0), (high, np.int64(0))):
        found = niche.tl.relapse(drawn.assign(group=values), reference=reference, **options)
        assert set(found["term"]) == {"1_vs_0"}
        pd.testing.assert_frame_equal(found.drop(columns="term"), expected.drop(columns="term"))


def test_who_ends_at_time_0_counts_with_and_without_entry(drawn):
    table = drawn.assign(time=np.where(np.arange(len(drawn)) < 3, 0.0, drawn["time"]), entry=0.0)
    last = int(np.argmax(table["time"]))
    table.loc[last, "entry"] = min(1e-9, table["time"][last] / 2)
    options = {"group": "group", "competing": "death"}
    without, late = niche.tl.relapse(table, **options), niche.tl.relapse(table, entry="entry", **options)
    for column in ("log_hr", "pval"):
        assert late[column].to_numpy() == pytest.approx(without[column].to_numpy(), rel=0.01, nan_ok=True)
    with pytest.raises(InputValueError, match="1 of 200 patients end before they enter"):
        niche.tl.relapse(table.assign(entry=np.where(np.arange(len(table)) == last, 1e6, 0.0)), entry="entry")


def test_nulls_are_rare_in_small(monkeypatch):
    """80 draws; docs/validation/relapse.md has thousands."""
    monkeypatch.setattr(_cox, "_fitted", newton_cox.fitted)
    rates = {"bone": 0.08, "lung": 0.08}
    parts = [
        niche.tl.relapse(
            niche.datasets.simulate_relapse(seed, n_patients=80, rates=rates, null=True),
            group="group",
            score="score",
            competing="death",
        )
        for seed in range(80)
    ]
    found = pd.concat(parts)
    p = found.loc[found["status"] == "tested", "pval"]
    assert len(p) > 300 and 0.02 < (p < 0.05).mean() < 0.09 and abs((p < 0.5).mean() - 0.5) < 0.09
