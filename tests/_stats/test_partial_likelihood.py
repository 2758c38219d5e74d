"""Score, information and residuals of the partial likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from niche._stats.partial_likelihood import partial_score, proportional_hazards, score_test


def drawn(n=60, k=2, seed=0, late=0.0, tied=False, censored=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k))
    time, limit = rng.exponential(size=n), rng.uniform(0.5, 2, size=n)
    event = time <= limit if censored else np.ones(n, dtype=bool)
    time = np.minimum(time, limit) if censored else time
    if tied:
        time = np.ceil(time * 5) / 5
    entry = rng.uniform(0, late, n) if late else np.zeros(n)
    seen = time > entry
    return x[seen], time[seen], entry[seen], event[seen]


@pytest.mark.parametrize("late", [0.0, 0.4])
@pytest.mark.parametrize("tied", [False, True])
def test_the_score_is_zero_at_the_estimate_of_lifelines(late, tied):
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    import pandas as pd

    x, time, entry, event = drawn(late=late, tied=tied)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(time=time, event=event, entry=entry)
    fit = lifelines.CoxPHFitter().fit(frame, "time", "event", entry_col="entry")
    found = partial_score(x, time, entry, event, fit.params_.to_numpy())
    assert found.score == pytest.approx(0, abs=1e-4)
    assert np.linalg.inv(found.information) == pytest.approx(fit.variance_matrix_.to_numpy(), rel=1e-4)
    assert found.residuals.shape == (event.sum(), 2) and (np.diff(found.event_time) >= 0).all()


def test_two_groups_are_the_log_rank_test():
    pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    from lifelines.statistics import logrank_test

    x, time, entry, event = drawn(k=1)
    group = (x > 0).astype(float)
    z, p = score_test(partial_score(group, time, entry, event, np.zeros(1)), 0)
    expected = logrank_test(
        time[group[:, 0] == 0], time[group[:, 0] == 1], event[group[:, 0] == 0], event[group[:, 0] == 1]
    )
    assert (z**2, p) == pytest.approx((expected.test_statistic, expected.p_value))


def test_proportional_hazards_as_lifelines():
    lifelines = pytest.importorskip("lifelines", reason="lifelines is not installed (extra: survival)")
    import pandas as pd
    from lifelines.statistics import proportional_hazard_test

    x, time, entry, event = drawn(censored=False)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(time=time, event=event)
    fit = lifelines.CoxPHFitter().fit(frame, "time", "event")
    expected = proportional_hazard_test(fit, frame, time_transform="rank").p_value
    at = partial_score(x, time, entry, event, fit.params_.to_numpy())
    found = [proportional_hazards(at, fit.variance_matrix_.to_numpy(), j) for j in range(2)]
    assert found == pytest.approx(list(expected), rel=1e-3)


def test_what_has_no_information():
    x, time, entry, event = drawn(k=1)
    same = np.column_stack([x, x])
    assert np.isnan(score_test(partial_score(same, time, entry, event, np.zeros(2)), 0)).all()
    assert np.isnan(score_test(partial_score(np.ones_like(x), time, entry, event, np.zeros(1)), 0)).all()
    few = partial_score(x[:4], time[:4], entry[:4], np.array([True, True, False, False]), np.zeros(1))
    assert np.isnan(proportional_hazards(few, np.eye(1), 0))


def test_an_event_at_time_zero_has_everybody_at_risk():
    x = np.array([[1.0], [0.0], [0.0]])
    found = partial_score(x, np.array([0.0, 1, 2]), np.zeros(3), np.array([True, False, False]), np.zeros(1))
    assert found.score == pytest.approx([2 / 3])
