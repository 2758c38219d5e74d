from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche.tl import _cluster_stability
from niche.tl._cluster_group import neighbours
from niche.tl._cluster_stability import COLUMNS, RESOLUTIONS, stability, suggest


def points(types, n=80, seed=0):
    """Cells of types far apart in ten dimensions."""
    rng = np.random.default_rng(seed)
    return neighbours(
        np.repeat(rng.normal(0, 6, (types, 10)), n, axis=0) + rng.normal(size=(types * n, 10)), 15, 0
    )


@pytest.fixture(scope="module")
def four():
    """Stability of four planted types."""
    return stability(points(4), 15, np.random.default_rng(0))


def test_planted_types_are_stable(four):
    assert list(four) == list(COLUMNS)
    assert four["resolution"].tolist() == list(RESOLUTIONS)
    planted = four[four["resolution"] <= 1]
    assert (planted["n_clusters"] == 4).all()
    assert (planted[["ari_seeds", "ari_subsamples", "ari_low"]] > 0.98).all(axis=None)
    chosen = four[four["suggested"]]
    assert len(chosen) == 1
    assert chosen["n_clusters"].item() == 4
    assert chosen["ari_mean"].item() >= 0.9
    assert chosen["reason"].item() == (
        "highest resolution with a mean adjusted Rand index of at least 0.8, clusters apart"
    )
    assert (four.loc[~four["suggested"], "reason"] == "").all()


def test_means_and_lowest_agree(four):
    assert np.allclose(four["ari_mean"], (four["ari_seeds"] + four["ari_subsamples"]) / 2)
    assert (four["ari_low"] <= four[["ari_seeds", "ari_subsamples"]].min(axis=1) + 1e-12).all()


def test_same_seed_same_table(four, monkeypatch):
    """Bit for bit, and whatever other resolutions are compared."""
    monkeypatch.setattr(_cluster_stability, "RESOLUTIONS", (0.4, 2.0))
    again = stability(points(4), 15, np.random.default_rng(0)).drop(columns=["suggested", "reason"])
    wanted = four.loc[four["resolution"].isin(again["resolution"]), list(again)].reset_index(drop=True)
    pd.testing.assert_frame_equal(wanted, again, check_exact=True)


def test_cells_without_structure_are_not_split():
    noise = neighbours(np.random.default_rng(1).normal(size=(400, 15)), 15, 0)
    table = stability(noise, 15, np.random.default_rng(0))
    chosen = table[table["suggested"]].iloc[0]
    assert chosen["n_clusters"] == 1
    assert chosen["reason"] == "not stable: every split stays below a mean adjusted Rand index of 0.65"


def test_big_groups_are_judged_on_a_part(monkeypatch):
    monkeypatch.setattr(_cluster_stability, "MAXIMUM_CELLS", 150)
    monkeypatch.setattr(_cluster_stability, "RESOLUTIONS", (0.2,))
    sizes = []
    real = _cluster_stability.weighted
    monkeypatch.setattr(_cluster_stability, "weighted", lambda g: sizes.append(g.shape[0]) or real(g))
    table = stability(points(4), 15, np.random.default_rng(0))
    assert sizes == [150, *[120] * 5]
    assert table["n_clusters"].tolist() == [4]


def table_of(n_clusters, ari_mean, silhouette):
    frame = pd.DataFrame({"resolution": RESOLUTIONS[: len(n_clusters)], "n_clusters": n_clusters})
    frame["ari_mean"], frame["silhouette"] = ari_mean, silhouette
    return frame.assign(ari_seeds=1.0, ari_subsamples=1.0, ari_low=0.0)


@pytest.mark.parametrize(
    ("n_clusters", "ari_mean", "silhouette", "row", "reason"),
    [
        ([1, 2, 3, 9], [1, 0.95, 0.9, 0.5], [np.nan, 0.3, 0.3, 0.3], 2, "highest resolution"),
        ([1, 2, 3, 9], [1, 0.95, 0.9, 0.85], [np.nan, 0.30, 0.23, 0.21], 2, "highest resolution"),
        ([1, 2, 3, 9], [1, 0.95, 0.9, 0.79], [np.nan, 0.30, 0.19, 0.30], 1, "highest resolution"),
        ([1, 2, 3, 9], [1, 0.70, 0.9, 0.85], [np.nan, 0.30, 0.11, 0.10], 2, "highest resolution"),
        ([1, 2, 3, 9], [1, 0.95, 0.9, 0.85], [np.nan, -0.1, -0.2, -0.05], 3, "highest resolution"),
        ([1, 3, 11, 25], [1, 0.85, 0.97, 0.99], [np.nan, 0.1, 0.3, 0.3], 1, "highest resolution"),
        (
            [1, 2, 3, 9],
            [1, 0.7, 0.76, 0.78],
            [np.nan, 0.3, 0.1, 0.3],
            2,
            "not stable: no split reaches a mean adjusted Rand index of 0.8",
        ),
        (
            [1, 2, 3, 9],
            [1, 0.3, 0.4, 0.2],
            [np.nan, 0.3, 0.3, 0.3],
            0,
            "not stable: every split stays below .* 0.65",
        ),
        ([1, 1, 1, 1], [1, 1, 1, 1], [np.nan] * 4, 0, "no resolution splits the cells"),
    ],
)
def test_rule(n_clusters, ari_mean, silhouette, row, reason):
    found = suggest(table_of(n_clusters, ari_mean, silhouette), n_cells=100)
    assert np.flatnonzero(found["suggested"]).tolist() == [row]
    assert pd.Series(found["reason"][row]).str.match(reason).all()
