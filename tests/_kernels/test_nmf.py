"""Factorisation against scikit-learn and against brute force."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import optimize, sparse

from niche._kernels import nmf


def planted(n: int, g: int, k: int, seed: int) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 1, (n, k)) @ rng.gamma(0.3, 1, (k, g))
    counts = rng.poisson(rng.gamma(4, 0.25, mean.shape) * mean * 0.25 / mean.mean()).astype(float)
    sd = counts.std(axis=0)
    return sparse.csr_matrix(counts / np.where(sd > 0, sd, 1))


def seeds(n: int, seed: int = 1) -> list[np.random.SeedSequence]:
    return np.random.SeedSequence(seed).spawn(n)


@pytest.fixture(scope="module")
def big() -> tuple[sparse.csr_matrix, nmf.Input]:
    x = planted(900, 500, 5, 0)
    return x, nmf.prepare(x)


@pytest.fixture(scope="module")
def peer(big: tuple[sparse.csr_matrix, nmf.Input]) -> tuple[np.ndarray, float]:
    from sklearn.decomposition import non_negative_factorization

    x, _ = big
    w, h, _ = non_negative_factorization(
        x, n_components=5, init="random", solver="cd", random_state=0, max_iter=2000, tol=1e-6
    )
    return h, float(np.square(x.toarray() - w @ h).sum())


def matched_cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    norm = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b)]
    cosine = norm[0] @ norm[1].T
    row, column = optimize.linear_sum_assignment(-cosine)
    return cosine[row, column]


def test_as_good_as_scikit_learn(big, peer) -> None:
    _, x = big
    assert x.sketched
    found = nmf.factorise(x, 5, seeds(4))
    best = min(found, key=lambda one: one.loss)
    assert best.loss <= peer[1] * (1 + 1e-4)
    assert matched_cosine(best.spectra, peer[0]).min() > 0.999
    assert all(one.converged for one in found)


def test_without_a_sketch_too(big, peer) -> None:
    x, sketched = big
    none = np.zeros((0, 0), dtype=np.float32)
    plain = nmf.Input(sketched.rows, sketched.columns, sketched.square, none, none)
    found = min(nmf.factorise(plain, 5, seeds(3), gain=1e-7), key=lambda one: one.loss)
    assert found.loss <= peer[1] * (1 + 1e-4)
    assert not nmf.prepare(x[:100]).sketched


def test_loss_is_that_of_the_factors(big) -> None:
    x, prepared = big
    one = nmf.factorise(prepared, 4, seeds(1))[0]
    dense = np.square(x.toarray() - one.usage.astype(float) @ one.spectra).sum()
    assert one.loss == pytest.approx(dense, rel=1e-5)
    assert nmf.squared_error(x, one.usage, one.spectra) == pytest.approx(dense, rel=1e-9)
    assert one.usage.min() >= 0
    assert one.spectra.min() >= 0


def test_a_sweep_is_that_of_scikit_learn(big) -> None:
    """From the same start, one sweep gives the numbers of scikit-learn's ``cd``."""
    from sklearn.decomposition import non_negative_factorization

    x, prepared = big
    none = np.zeros((0, 0), dtype=np.float32)
    plain = nmf.Input(prepared.rows, prepared.columns, prepared.square, none, none)
    seed = seeds(1)[0]
    rng, scale = np.random.default_rng(seed), np.sqrt(x.mean() / 5)
    h = np.abs(scale * rng.standard_normal((5, x.shape[1]), dtype=np.float32)).astype(np.float64)
    w = np.abs(scale * rng.standard_normal((x.shape[0], 5), dtype=np.float32)).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one iteration does not converge
        theirs = non_negative_factorization(
            x, W=w.copy(), H=h.copy(), n_components=5, init="custom", solver="cd", max_iter=1, tol=0
        )
    ours = nmf.factorise(plain, 5, [seed], most_sweeps=1)[0]
    np.testing.assert_allclose(ours.usage, theirs[0], rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(ours.spectra, theirs[1], rtol=2e-3, atol=2e-4)


def test_same_bits_for_any_number_of_threads(big) -> None:
    _, x = big
    one, two = (nmf.factorise(x, 3, seeds(3), n_jobs=n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.usage, b.usage)
        assert np.array_equal(a.spectra, b.spectra)
        assert a.loss == b.loss


def test_sketch_keeps_what_there_is(big) -> None:
    x, prepared = big
    q, b = prepared.basis.astype(float), prepared.coefficients.astype(float)
    np.testing.assert_allclose(q.T @ q, np.eye(q.shape[1]), atol=1e-5)
    values, found = (np.linalg.svd(one, compute_uv=False) for one in (x.toarray(), b))
    np.testing.assert_allclose(found[:5], values[:5], rtol=1e-4)  # what is planted
    assert np.square(found).sum() >= 0.95 * np.square(values[: found.size]).sum()


def test_usage_is_the_non_negative_least_squares_solution() -> None:
    rng = np.random.default_rng(2)
    h = rng.gamma(0.5, 1, (4, 30))
    x = sparse.csr_matrix(rng.poisson(0.7, (20, 30)).astype(float))
    found = nmf.usage_of(x, h)
    for row, usage in zip(x.toarray(), found, strict=True):
        np.testing.assert_allclose(usage, optimize.nnls(h.T, row)[0], atol=1e-5)


def test_nothing_in_and_nothing_out() -> None:
    """Cells without counts and programs without genes use nothing, and nothing is NaN."""
    x = planted(60, 40, 3, 3).tolil()
    x[5] = 0
    found = nmf.factorise(nmf.prepare(x.tocsr()), 3, seeds(1))[0]
    assert np.isfinite(found.usage).all()
    assert (found.usage[5] == 0).all()
    spectra = np.vstack([found.spectra, np.zeros(40)])
    usage = nmf.usage_of(x.tocsr(), spectra)
    assert np.isfinite(usage).all()
    assert (usage[:, 3] == 0).all()


@pytest.mark.parametrize("width", [8, 16, 24])
def test_product(width: int) -> None:
    rng = np.random.default_rng(width)
    x = sparse.random(50, 30, 0.2, format="csr", rng=rng, dtype=np.float32)
    right = rng.standard_normal((30, width), dtype=np.float32)
    np.testing.assert_allclose(nmf.product(x, right), x @ right, rtol=1e-5, atol=1e-5)
