"""The account as a table."""

from __future__ import annotations

import pytest

from niche import get, pp, tl
from niche.errors import InputValueError, MissingKeyError, StaleResultError

FIXED = [
    "organ", "account", "item", "direction", "effect", "ci_low", "ci_high", "qval", "status", "reason",
    "citation",
]  # fmt: skip
"""The columns that recipes, exports and checks rely on, in their order."""


@pytest.fixture(scope="module")
def joined(_corridor):
    adata = _corridor.copy()
    tl.tropism(adata)
    return adata


def test_the_fixed_columns_come_first(joined):
    assert list(get.tropism(joined).columns[: len(FIXED)]) == FIXED


def test_rows_are_kept_by_name(joined):
    table = get.tropism(joined, organ="bone", account="published", kind="mediator")
    assert len(table)
    assert set(table["organ"]) == {"bone"}
    assert set(table["kind"]) == {"mediator"}
    assert (table["citation"] != "").all()


def test_the_summary_counts_every_item(joined):
    counts = get.tropism(joined, what="summary")
    assert counts["n"].sum() == len(get.tropism(joined))
    assert not counts.duplicated(["organ", "account", "kind", "status"]).any()


def test_it_says_that_it_is_no_score(joined):
    assert "no item, and no number of items, is a score" in get.tropism(joined).attrs["statement"]


def test_an_unknown_name_is_refused(joined):
    with pytest.raises(InputValueError, match="organ: 'moon' not in the result"):
        get.tropism(joined, organ="moon")
    with pytest.raises(InputValueError, match="'seed', 'soil', 'published'"):
        get.tropism(joined, account="sun")


def test_before_it_was_run(demo):
    with pytest.raises(MissingKeyError, match=r"Run niche\.tl\.tropism first"):
        get.tropism(demo)


def test_a_part_that_was_run_anew_makes_it_stale(joined):
    adata = joined.copy()
    tl.compare_expression(adata, "cell_type", min_cells=11)
    with pytest.raises(StaleResultError, match="compare_expression"):
        get.tropism(adata)


def test_new_labels_make_it_stale(joined):
    adata = joined.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace("T cell", "Lymphocyte")
    with pytest.raises(StaleResultError, match="cell_type"):
        get.tropism(adata)


@pytest.mark.parametrize("how", ["gone", "anew"])
def test_calls_that_heeded_other_ambient_molecules_are_stale(joined, how):
    adata = joined.copy()
    if how == "gone":
        del adata.uns["ambient"]
    else:
        pp.ambient(adata, max_share=0.3)
    with pytest.raises(StaleResultError, match="ambient"):
        get.tropism(adata)


def test_ambient_molecules_that_were_looked_at_afterwards_make_it_stale(joined):
    adata = joined.copy()
    kept = adata.uns.pop("ambient")
    tl.tropism(adata)
    assert len(get.tropism(adata))
    adata.uns["ambient"] = kept
    with pytest.raises(StaleResultError, match="ambient"):
        get.tropism(adata)
