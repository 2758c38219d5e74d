"""Planted axes of the simulator rank above the rest within their organ."""

from __future__ import annotations

import pandas as pd
import pytest

import niche

EDGE = ["organ", "source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture(scope="module")
def ranked():
    """Tested edges with the place of each within its organ (0 best, 1 last), and the truth."""
    adata = niche.datasets.simulate_metastases(rng=3)
    truth = pd.DataFrame(adata.uns["truth"]["edges"])
    niche.pp.normalize(adata)
    niche.tl.communication(adata, "cell_type")
    table = niche.get.communication(adata, status="tested")
    table[EDGE] = table[EDGE].astype(str)
    for column, ascending in (("specificity_rank", True), ("magnitude_rank", True), ("lr_means", False)):
        table[f"place_{column}"] = table.groupby("organ")[column].rank(pct=True, ascending=ascending)
    return truth.merge(table, on=EDGE, how="left"), table


@pytest.mark.parametrize(("kind", "least"), [("both", 0.99), ("ligand", 0.93), ("receptor", 0.93)])
def test_planted_axes_rank_above_the_rest(ranked, kind, least):
    """Mean place as the area under the curve against all tested edges of the organ."""
    truth, _ = ranked
    place = truth.loc[truth["kind"] == kind, "place_specificity_rank"].dropna()
    assert len(place) >= 4
    assert 1 - place.mean() >= least


def test_both_sided_axes_are_all_tested_and_at_the_very_top(ranked):
    truth, _ = ranked
    both = truth[truth["kind"] == "both"]
    assert (both["status"] == "tested").all()
    assert both["place_specificity_rank"].max() < 0.02 and both["place_lr_means"].max() < 0.05


def test_a_leaked_axis_looks_strong_but_is_less_specific_than_a_real_one(ranked):
    """Leaked ligands are everywhere in their organ: magnitude cannot tell, specificity partly can."""
    truth, _ = ranked
    leaked = truth.loc[truth["kind"] == "leaked", "place_specificity_rank"].dropna()
    both = truth.loc[truth["kind"] == "both", "place_specificity_rank"]
    assert leaked.median() > both.max()
