from __future__ import annotations

import anndata as ad
from spatial_study import analysed

from niche import get, tl
from niche.report import spatial_tables
from niche.report.exports import tables
from niche.report.findings import Findings


def test_tables_come_along() -> None:
    adata = analysed()
    tl.touching(adata, n_perms=10)
    tl.compare_spatial(adata)
    made = tables(Findings.of(adata))
    assert {
        "spatial_sections", "spatial_tested", "spatial_border_tested", "spatial_untested", "compare_spatial",
        "touching",
    } <= set(made)  # fmt: skip
    assert "compare_spatial_tumor_to_host" not in made
    tested = get.spatial_communication(adata, status="tested")
    assert len(made["spatial_tested"]) == len(tested)
    assert len(made["spatial_border_tested"]) == len(
        get.spatial_communication(adata, level="interface", status="tested")
    )


def test_sections_count_their_tests() -> None:
    adata = analysed()
    rows = spatial_tables.sections(Findings.of(adata)).set_index("sample")
    tested = get.spatial_communication(adata, status="tested")
    for sample, mine in tested.groupby("sample", observed=True):
        assert rows.loc[sample, "n_tested"] == len(mine)
        assert rows.loc[sample, "n_significant"] == (mine["qval"] <= 0.05).sum()


def test_the_first_rows_of_a_section_have_the_smallest_p() -> None:
    found = Findings.of(analysed())
    for across in (False, True):
        rows = spatial_tables.tested(found, across=across)
        first = spatial_tables.first(rows, 2)
        for sample, mine in first.groupby("sample", observed=True):
            p = rows.loc[rows["sample"] == sample, "pval"]
            assert mine["pval"].max() <= p.nsmallest(2).max()
    border = spatial_tables.tested(found, across=True)
    assert (border["z"] == border[["z_receptor", "z_ligand"]].min(axis=1)).all()


def test_no_table_of_nothing(demo: ad.AnnData) -> None:
    assert spatial_tables.tables(Findings.of(demo)) == {}
