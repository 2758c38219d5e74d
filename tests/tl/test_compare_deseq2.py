"""Wald tests from pydeseq2's fits are pydeseq2's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche._stats.contrasts import Groups, contrasts_of
from niche._stats.organ_tests import Models, Samples
from niche.tl._compare_deseq2 import ByDeseq2, covariances, fit

pytest.importorskip("pydeseq2", reason="pydeseq2 is not installed (extra: deseq2)")

GROUPS = Groups(["bone", "brain", "lung"], ["bone", "brain", "lung"], ["metastasis"] * 3)
GROUP = np.repeat([0, 1, 2], 4)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    rng = np.random.default_rng(2)
    mean = rng.gamma(2, 60, 60)[None] * rng.uniform(0.7, 1.4, 12)[:, None]
    mean[:4, :5] *= 4
    return rng.negative_binomial(8, 8 / (8 + mean))


@pytest.fixture(scope="module")
def models() -> Models:
    samples = Samples(GROUP, np.arange(12), np.zeros((12, 0)), ())
    return Models(samples, GROUPS, contrasts_of(GROUPS))


def _design(models: Models) -> np.ndarray:
    return models.of(np.ones(3, dtype=bool)).design.matrix


@pytest.mark.parametrize("vector", [(1.0, -0.5, -0.5), (1.0, 0.0, -1.0), (0.0, 1.0, -1.0)])
def test_same_as_its_own_wald_test(counts: np.ndarray, models: Models, vector: tuple[float, ...]) -> None:
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    names = [f"u{i}" for i in range(12)]
    data = DeseqDataSet(
        counts=pd.DataFrame(counts, index=names, columns=[f"g{i}" for i in range(60)]),
        metadata=pd.DataFrame({"u": names}, index=names),
        design=pd.DataFrame(_design(models), index=names, columns=list("abc")), quiet=True, n_cpus=1,
    )  # fmt: skip
    data.deseq2()
    theirs = DeseqStats(data, contrast=np.array(vector), independent_filter=False, quiet=True, n_cpus=1)
    theirs.summary()
    value, spread = fit(counts, _design(models), 1).wald(np.array([vector]), np.arange(60))
    table = theirs.results_df
    np.testing.assert_allclose(value[:, 0] / np.log(2), table["log2FoldChange"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(spread[:, 0, 0]) / np.log(2), table["lfcSE"], rtol=1e-6)


def test_covariance_by_hand() -> None:
    """One sample per group: the variance of a log mean is 1 / mean + dispersion."""
    beta = np.log(np.array([[4.0, 10.0]]))
    found = covariances(np.eye(2), beta, np.ones(2), np.array([0.2]))[0]
    np.testing.assert_allclose(np.diag(found), [1 / 4 + 0.2, 1 / 10 + 0.2], rtol=1e-5)
    assert found[0, 1] == 0


def test_the_omnibus_of_two_groups_is_their_pair(counts: np.ndarray) -> None:
    """Chi-square with one degree of freedom is the square of the normal statistic."""
    groups = Groups(["bone", "lung"], ["bone", "lung"], ["metastasis"] * 2)
    kept = np.flatnonzero(GROUP != 1)
    samples = Samples((GROUP[kept] == 2).astype(int), np.arange(8), np.zeros((8, 0)), ())
    models = Models(samples, groups, contrasts_of(groups))

    class Units:
        of_sample = np.arange(8)

    class Side:
        rows = np.arange(8)

    sums = {
        "sample": np.arange(8), "cell_type": np.zeros(8, dtype=int), "n": np.full(8, 50),
        "pseudobulk": counts[kept].astype(float),
    }  # fmt: skip
    family = ByDeseq2(sums, Units, 10, 1)(Side, np.arange(60), np.ones((60, 2), dtype=bool), 0, models)
    pair = [c.name for c in models.wanted].index("bone_vs_lung")
    known = ~np.isnan(family.tests.f)
    assert known.sum() > 50
    np.testing.assert_allclose(family.tests.f[known], family.tests.statistic[known, pair] ** 2, rtol=1e-6)
    np.testing.assert_allclose(family.tests.f_p[known], family.tests.p[known, pair], rtol=1e-6)


def test_a_fit_without_residual_degrees_of_freedom_is_not_tried() -> None:
    samples = Samples(np.array([0, 1, 2]), np.arange(3), np.zeros((3, 0)), ())
    models = Models(samples, GROUPS, contrasts_of(GROUPS))

    class Units:
        of_sample = np.arange(3)

    class Side:
        rows = np.arange(3)

    family = ByDeseq2({}, Units, 10, 1)(Side, np.arange(4), np.ones((4, 3), dtype=bool), 0, models)
    assert np.isnan(family.tests.p).all()
    assert np.isnan(family.tests.effect).all()
