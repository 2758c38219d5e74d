from __future__ import annotations

import anndata as ad
from spatial_study import analysed, sections

from niche import tl
from niche.report.findings import Findings
from niche.report.methods import REFERENCES
from niche.report.spatial_methods import told


def test_words_follow_the_parameters() -> None:
    adata = sections()
    tl.spatial_communication(
        adata, resource=adata.uns["truth"]["pairs"], graph="radius", radius=1.5, null="permutation", n_perms=20,
        expr_prop=0.1, min_spots=40, min_interface=7, permuted="ligand",
    )  # fmt: skip
    tl.compare_spatial(adata, statistic="host_to_tumor", patients="consensus")
    tl.touching(adata, n_neighs=4, n_perms=30)
    (tests, compared, contacts), cited = told(Findings.of(adata))
    for part in (
        "at least 40 spots", "within 1.5 units", "10% of the spots", "The ligand is permuted",
        "from 20 permutations", "at least 7 spots", "of one cell type (cell_type)",
    ):  # fmt: skip
        assert part in tests
    assert "the correlation from host to tumor on the scale of artanh" in compared
    assert "one amount for all pairs" in compared
    assert "the 4 nearest spots" in contacts and "30 permutations" in contacts
    assert "hoeffding" not in cited and {"spatialdm", "squidpy", "squair", "knapp", "bh"} <= set(cited)
    assert set(cited) <= set(REFERENCES) and len(set(cited)) == len(cited)


def test_the_analytic_law_and_local_statistics_are_cited() -> None:
    (words,), cited = told(Findings.of(analysed()))
    assert "first four cumulants" in words and "hot spots have q ≤ 0.05" in words
    assert {"hoeffding", "anselin"} <= set(cited)


def test_given_weights_are_named_and_sides_told_only_where_they_are() -> None:
    adata = sections()
    del adata.obs["compartment"], adata.obs["cell_type"]
    from niche.tl._spatial_graph import built_graph

    one = adata[adata.obs["sample"] == adata.obs["sample"].iloc[0]].copy()
    one.obsp["near"] = built_graph(one.obsm["spatial"], "knn", 6, None, on_grid=False)
    tl.spatial_communication(one, resource=one.uns["truth"]["pairs"], connectivity_key="near", local=None)
    (words,), cited = told(Findings.of(one))
    assert "weights of obsp['near']" in words and "squidpy" not in cited
    assert "Across the border" not in words and "Local statistics" not in words


def test_nothing_is_told_of_nothing(demo: ad.AnnData) -> None:
    assert told(Findings.of(demo)) == ([], [])
