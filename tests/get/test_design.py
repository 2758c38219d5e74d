from __future__ import annotations

import anndata as ad
import pandas as pd
import pytest
from held import held, unchanged

import niche
from niche.errors import InputValueError, MissingKeyError, StaleResultError

WHAT = {"samples": "table", "organs": "organs", "cell_types": "cell_types", "issues": "issues"}


@pytest.mark.parametrize("what", WHAT)
def test_equals_the_report(tiny, what):
    report = niche.pp.check(tiny)
    found = niche.get.design(tiny, what=what)
    assert found.equals(getattr(report, WHAT[what]))
    found.iloc[:, 0] = "changed"
    assert not niche.get.design(tiny, what=what).equals(found)


@pytest.mark.parametrize("extension", ["h5ad", "zarr"])
def test_equals_the_report_after_writing(tiny, tmp_path, extension):
    report = niche.pp.check(tiny)
    getattr(tiny, f"write_{extension}")(tmp_path / f"a.{extension}")
    again = getattr(ad, f"read_{extension}")(tmp_path / f"a.{extension}")
    for what, name in WHAT.items():
        pd.testing.assert_frame_equal(niche.get.design(again, what=what), getattr(report, name))


def test_empty_tables_survive(tiny, tmp_path):
    del tiny.obs["cell_type"]
    niche.pp.check(tiny, key_added="other")
    tiny.write_h5ad(tmp_path / "a.h5ad")
    found = niche.get.design(ad.read_h5ad(tmp_path / "a.h5ad"), key="other", what="cell_types")
    assert found.empty
    assert list(found.columns)[:3] == ["cell_type", "organ", "tissue"]


def test_default_is_samples(tiny):
    niche.pp.check(tiny)
    assert niche.get.design(tiny)["sample"].tolist() == ["s1", "s2", "s3", "s4", "s5", "s6"]


@pytest.mark.parametrize("column", ["sample", "patient", "organ", "tissue", "cell_type", "compartment"])
def test_stale(tiny, column):
    niche.pp.check(tiny)
    tiny.obs[column] = tiny.obs[column].astype(str) + "!"
    with pytest.raises(StaleResultError, match=f"obs {column} changed since niche.pp.check"):
        niche.get.design(tiny)


def test_bad_input_writes_nothing(tiny):
    before = held(tiny)
    with pytest.raises(MissingKeyError, match=r"adata.uns\['design'\] not found. Run niche.pp.check first"):
        niche.get.design(tiny)
    with pytest.raises(InputValueError, match="what must be one of 'samples', 'organs', .* Got 'patients'"):
        niche.get.design(tiny, what="patients")
    assert unchanged(tiny, before)
