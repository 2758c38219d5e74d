"""Aalen-Johansen by hand and beside lifelines."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.cumulative_incidence import cumulative_incidence, incidence_interval


def drawn(n=80, seed=0, late=0.0):
    rng = np.random.default_rng(seed)
    times = np.column_stack([rng.exponential(3, n), rng.exponential(4, n), rng.uniform(1, 5, n)])
    time, cause = times.min(axis=1), np.array([1, 2, 0])[times.argmin(axis=1)]
    entry = rng.uniform(0, late, n) if late else np.zeros(n)
    seen = time > entry
    return time[seen], entry[seen], cause[seen]


def test_by_hand():
    time, cause = np.array([1.0, 2, 2, 3, 4]), np.array([1, 2, 1, 0, 2])
    found = cumulative_incidence(time, np.zeros(5), cause, 2)
    assert found.time.tolist() == [1, 2, 3, 4] and found.at_risk.tolist() == [5, 4, 2, 1]
    assert found.incidence[0] == pytest.approx([0.2, 0.4, 0.4, 0.4])
    assert found.incidence[1] == pytest.approx([0.0, 0.2, 0.2, 0.6])
    assert found.events.tolist() == [[1, 1, 0, 0], [0, 1, 0, 1]]


def test_late_entry_by_hand():
    found = cumulative_incidence(np.array([2.0, 3, 4]), np.array([0.0, 2, 1]), np.array([1, 1, 0]), 1)
    # the second patient enters at the time of the first event, too late to be at risk for it
    assert found.time.tolist() == [1, 2, 3, 4] and found.at_risk.tolist() == [1, 2, 2, 1]
    assert found.incidence[0] == pytest.approx([0, 1 / 2, 3 / 4, 3 / 4])


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_one_cause_is_kaplan_meier_of_lifelines(late):
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    time, entry, cause = drawn(late=late)
    found = cumulative_incidence(time, entry, (cause > 0).astype(int), 1)
    low, high = incidence_interval(found.incidence[0], found.variance[0], 0.95)
    fit = lifelines.KaplanMeierFitter().fit(time, cause > 0, entry=entry if late else None)
    at = found.time[found.events[0] > 0]
    mine = np.isin(found.time, at)
    assert 1 - found.incidence[0, mine] == pytest.approx(fit.predict(at).to_numpy(), abs=1e-9)
    bounds = fit.confidence_interval_.loc[at].to_numpy()
    inside = (bounds > 0).all(axis=1) & np.isfinite(low[mine])
    expected = np.column_stack([1 - high, 1 - low])[mine][inside]
    assert expected == pytest.approx(bounds[inside], abs=1e-7)


def test_competing_causes_as_lifelines():
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    time, entry, cause = drawn()
    found = cumulative_incidence(time, entry, cause, 2)
    for k in (1, 2):
        fit = lifelines.AalenJohansenFitter().fit(time, cause, event_of_interest=k)
        density = fit.cumulative_density_.iloc[:, 0]
        assert found.incidence[k - 1] == pytest.approx(density.loc[found.time].to_numpy(), abs=1e-9)
        assert found.variance[k - 1] == pytest.approx(
            fit.variance_.loc[found.time].to_numpy().ravel(), rel=0.05, abs=1e-5
        )


def test_everything_adds_up_to_one():
    time, entry, cause = drawn(late=1.0, seed=3)
    parts = cumulative_incidence(time, entry, cause, 2).incidence.sum(axis=0)
    whole = cumulative_incidence(time, entry, (cause > 0).astype(int), 1).incidence[0]
    assert parts == pytest.approx(whole)


def test_interval_covers():
    truth, hit = 0.5 * (1 - np.exp(-2 * 1.0)), []
    for seed in range(600):
        rng = np.random.default_rng(seed)
        times = np.column_stack([rng.exponential(1, (60, 2)), rng.uniform(0.5, 3, 60)])
        cause = np.array([1, 2, 0])[times.argmin(axis=1)]
        found = cumulative_incidence(times.min(axis=1), np.zeros(60), cause, 2)
        i = np.searchsorted(found.time, 1.0, side="right") - 1
        low, high = incidence_interval(found.incidence[0, [i]], found.variance[0, [i]], 0.95)
        hit.append(low[0] <= truth <= high[0])
    assert 0.93 < np.mean(hit) < 0.97


def test_no_interval_without_events_or_certainty():
    low, high = incidence_interval(np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 0.01]), 0.95)
    assert np.isnan(low[:2]).all() and np.isnan(high[:2]).all() and 0 < low[2] < 0.5 < high[2] < 1
