"""Tables of spatial results: every row there, filters, and levels that agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
from spatial_study import analysed

import niche
from niche._stats.fdr import benjamini_hochberg
from niche.errors import InputValueError, MissingKeyError, StaleResultError


def test_every_pair_in_every_section() -> None:
    adata = analysed()
    section = niche.get.spatial_communication(adata)
    border = niche.get.spatial_communication(adata, level="interface")
    assert len(section) == 6 * 15 and len(border) == 2 * len(section)
    assert np.allclose(border["pval"], border[["pval_receptor", "pval_ligand"]].max(axis=1), equal_nan=True)
    np.testing.assert_allclose(section["z"], section["statistic"] / section["null_sd"], rtol=1e-9)
    assert "one section is no evidence about patients" in section.attrs["statement"]


def test_organs_average_patients() -> None:
    adata = analysed()
    section = niche.get.spatial_communication(adata, organ="liver", status="tested")
    organ = niche.get.spatial_communication(adata, level="organ", organ="liver")
    one = organ.iloc[0]
    mine = section[section["ligand_complex"] == one["ligand_complex"]]
    assert np.isclose(one["statistic"], mine["statistic"].mean())
    assert one["n_patients"] == len(mine) and one["n_sections_significant"] == (mine["qval"] <= 0.05).sum()


def test_spots_carry_their_own_family() -> None:
    adata = analysed()
    local = niche.get.spatial_communication(adata, level="local", sample="lung_P1_S1")
    pair = local["ligand_complex"].iloc[0]
    mine = local[local["ligand_complex"] == pair]
    assert len(mine) == 196
    np.testing.assert_allclose(mine["qval"], benjamini_hochberg(mine["pval"].to_numpy()))
    assert (mine["hotspot"] == (mine["qval"] <= 0.05)).all()
    assert set(niche.get.spatial_communication(adata, level="local", qval=0.05)["hotspot"]) <= {True}


def test_filters() -> None:
    adata = analysed()
    pair = adata.uns["truth"]["pairs"].iloc[0]
    table = niche.get.spatial_communication(
        adata, ligand=pair.ligand, receptor=[pair.receptor], sample="lung_P1_S1"
    )
    assert len(table) == 1
    called = niche.get.spatial_communication(adata, qval=0.05)
    assert len(called) and (called["qval"] <= 0.05).all()
    with pytest.raises(InputValueError, match="sample: 'no' not in the result"):
        niche.get.spatial_communication(adata, sample="no")
    with pytest.raises(InputValueError, match="qval= belongs to tests"):
        niche.get.spatial_communication(adata, level="organ", qval=0.1)
    with pytest.raises(InputValueError, match="status= belongs"):
        niche.get.spatial_communication(adata, level="local", status="tested")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.spatial_communication first"):
        niche.get.spatial_communication(adata, key="other")


def test_moved_spots_make_it_stale() -> None:
    adata = analysed()
    adata.obsm["spatial"][0] += 1
    with pytest.raises(StaleResultError, match="obsm spatial changed"):
        niche.get.spatial_communication(adata)


def test_tables_are_the_same_after_writing(tmp_path) -> None:
    import anndata as ad
    from same_tables import assert_same_table

    adata = analysed()
    niche.tl.compare_spatial(adata)
    niche.tl.touching(adata, n_perms=10)
    del adata.uns["truth"]
    adata.write_h5ad(tmp_path / "sections.h5ad")
    again = ad.read_h5ad(tmp_path / "sections.h5ad")
    for level in ("section", "interface", "organ", "sections", "local"):
        first, second = (niche.get.spatial_communication(one, level=level) for one in (adata, again))
        assert_same_table(first, second, level)
    for get in (niche.get.compare_spatial, niche.get.touching):
        assert_same_table(get(adata), get(again))
