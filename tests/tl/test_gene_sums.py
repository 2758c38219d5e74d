"""Sums of every gene per sample and cell type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from niche._slots import matrix, validate
from niche.tl._cell_types import cell_types
from niche.tl._gene_sums import gene_sums


def _sums(adata, *, has_counts):
    samples = validate.samples(adata, None, None, None, None)
    types = cell_types(adata, None, None, level="cell_type", need_compartment=False)
    values = matrix.resolve(adata, *(("counts", "counts") if has_counts else (None, "lognorm")))
    return gene_sums(values, samples, types, 1, has_counts=has_counts), samples, types


def _by_pandas(adata, values):
    table = pd.DataFrame(values, columns=adata.var_names)
    return table.groupby([adata.obs["sample"].to_numpy(), adata.obs["cell_type"].to_numpy()]).sum()


@pytest.mark.parametrize("has_counts", [True, False])
def test_sums_are_those_of_a_plain_group_by(tiny, has_counts):
    found, samples, types = _sums(tiny, has_counts=has_counts)
    values = tiny.layers["counts"].toarray() if has_counts else np.expm1(tiny.X.toarray().astype(float))
    expected = _by_pandas(tiny, values)
    nonzero = _by_pandas(tiny, values > 0)
    a = found.aggregate
    labels = [
        (samples.cells.names[s], types.names[t]) for s, t in zip(a["sample"], a["cell_type"], strict=True)
    ]
    assert sorted(labels) == sorted(expected.index)
    np.testing.assert_allclose(a["pseudobulk"], expected.loc[labels].to_numpy(), rtol=1e-6)
    np.testing.assert_allclose(a["library"], expected.loc[labels].sum(axis=1), rtol=1e-6)
    assert (a["nonzero"] == nonzero.loc[labels].to_numpy()).all()
    assert a["pseudobulk_kind"] == ("counts" if has_counts else "expm1")


def test_expressed_counts_every_patient_once(tiny):
    """Bone: p1 gave two samples with enough macrophages, p2 one."""
    found, samples, types = _sums(tiny, has_counts=True)
    organ = np.array([{"bone": 0, "liver": 1, "breast": -1}[o] for o in samples.organ])
    patient = pd.factorize(samples.patient, sort=True)[0]
    share = found.expressed(organ, patient, 2, 10)
    seen = tiny.obs["cell_type"] == "Macrophage"
    gene = "SPP1"
    positive = pd.Series(tiny[seen, gene].layers["counts"].toarray().ravel() > 0)
    per_sample = positive.groupby(tiny.obs["sample"][seen].to_numpy()).mean()
    expected = ((per_sample["s1"] + per_sample["s2"]) / 2 + per_sample["s3"]) / 2
    found_here = share[types.names.index("Macrophage"), 0, tiny.var_names.get_loc(gene)]
    assert found_here == pytest.approx(expected)
    assert (share[types.names.index("Hepatocyte"), 0] == 0).all(), "no hepatocyte in bone"
