from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from niche.errors import InputValueError
from niche.pp import matrix_values

RNG = np.random.default_rng(0)
COUNTS = RNG.poisson(3, (50, 20)).astype(np.float32) + 1


def scaled(target, base=np.e):
    values = COUNTS / COUNTS.sum(axis=1, keepdims=True) * target
    return (np.log1p(values) / np.log(base)).astype(np.float32)


def only(values):
    (found,) = matrix_values.describe(ad.AnnData(values), None)
    return found


@pytest.mark.parametrize(
    ("target", "scale"),
    [
        (1e4, "log1p CP10k"),
        (1e6, "log1p CPM"),
        (2500, "log1p of values with cell totals of 2,500"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_target_of_log_values(kind, target, scale):
    found = only(kind(scaled(target)))
    assert (found.kind, found.scale) == ("lognorm", scale)
    assert found.target_sum == pytest.approx(target, rel=1e-3)


def test_base_two_and_uneven_totals():
    assert only(scaled(1e4, base=2)).scale == "log2(x + 1) with cell totals of 10,000"
    found = only(np.log1p(COUNTS * RNG.uniform(0.1, 3, (50, 1))).astype(np.float32))
    assert found.scale == "log values whose cell totals differ"
    assert np.isnan(found.target_sum)


def test_counts():
    values = COUNTS.copy()
    values[:, 3] = 0
    found = only(values)
    assert (found.kind, found.scale, found.name) == ("counts", "raw counts", "X")
    assert found.totals.tolist() == values.sum(axis=1).tolist()
    assert found.expressed.tolist() == (values > 0).sum(axis=0).tolist()


def test_stored_counts_stand_in_for_what_cannot_be_used():
    adata = ad.AnnData(COUNTS - COUNTS.mean(axis=0))
    adata.layers["counts"] = COUNTS
    first, second = matrix_values.describe(adata, None)
    assert (first.kind, second.kind) == ("unusable", "counts")
    assert "negative" in first.problem
    adata.layers["counts"] = COUNTS + 0.5
    with pytest.raises(InputValueError, match=r"layers\['counts'\] must hold raw counts"):
        matrix_values.describe(adata, None)


def test_counts_alone_without_x():
    adata = ad.AnnData(shape=COUNTS.shape, layers={"counts": COUNTS})
    assert [values.name for values in matrix_values.describe(adata, None)] == ["layers['counts']"]


def test_unlogged_values_are_refused():
    with pytest.raises(InputValueError, match="must hold log1p-normalised values"):
        matrix_values.describe(ad.AnnData(COUNTS * 33.3), None)


def test_layer():
    adata = ad.AnnData(COUNTS, layers={"log": scaled(1e4)})
    (found,) = matrix_values.describe(adata, "log")
    assert (found.name, found.scale) == ("layers['log']", "log1p CP10k")
