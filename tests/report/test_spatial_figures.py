from __future__ import annotations

import anndata as ad
import numpy as np
from spatial_study import analysed, sections

from niche import get, tl
from niche.report import spatial_figures as drawn
from niche.report.findings import Findings
from niche.report.gallery import figures


def test_the_first_pair_is_drawn_where_it_agrees_most() -> None:
    adata = analysed()
    found = Findings.of(adata)
    pair, samples = drawn.shown(found)
    local = get.spatial_communication(adata, level="local", ligand=pair[0], receptor=pair[1])
    assert len(local) == adata.n_obs, "its local statistics were kept"
    tested = get.spatial_communication(adata, ligand=pair[0], receptor=pair[1], status="tested")
    assert set(samples) == set(tested.nsmallest(drawn.SECTIONS, "pval")["sample"].astype(str))
    figure = figures(found)["spatial"]
    assert figure.raster and all(sample in figure.alt for sample in samples)
    assert figure.content("png").startswith(b"\x89PNG")


def test_the_numbers_are_those_that_are_drawn() -> None:
    adata = analysed()
    found = Findings.of(adata)
    pair, samples = drawn.shown(found)
    rows = drawn.numbers(found, pair, samples).set_index("spot")
    here = adata[rows.index]
    assert np.array_equal(rows[["x", "y"]], here.obsm["spatial"])
    assert np.allclose(rows["ligand"], here[:, pair[0]].X.toarray().ravel())
    assert np.allclose(rows["receptor"], here[:, pair[1]].X.toarray().ravel())
    assert (rows["side"] == here.obs["spatial_communication_interface"].astype(str)).all()
    local = get.spatial_communication(
        adata, level="local", ligand=pair[0], receptor=pair[1], sample=samples
    ).set_index("spot")
    assert rows["statistic"].equals(local.loc[rows.index, "statistic"])
    assert set(rows["sample"]) == set(samples)


def test_without_local_statistics_the_smallest_p_is_drawn() -> None:
    adata = sections()
    del adata.obs["compartment"]
    tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], local=None)
    found = Findings.of(adata)
    pair, samples = drawn.shown(found)
    tested = get.spatial_communication(adata, status="tested")
    best = tested.loc[tested["pval"].idxmin()]
    assert pair == (best["ligand_complex"], best["receptor_complex"]) and samples[0] == best["sample"]
    assert not {"statistic", "side"} & set(drawn.numbers(found, pair, samples))
    assert len(figures(found)["spatial"].content("png"))


def test_nothing_is_drawn_of_nothing(demo: ad.AnnData) -> None:
    assert drawn.spatial_figures(Findings.of(demo)) == []
    few = sections()
    tl.spatial_communication(few, resource=few.uns["truth"]["pairs"], min_spots=10_000)
    assert drawn.spatial_figures(Findings.of(few)) == [], "no pair was tested"
