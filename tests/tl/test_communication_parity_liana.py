"""``convention="liana"`` against LIANA 1.10 run on the same cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import parity
import pytest

li = pytest.importorskip("liana", reason="LIANA is the reference of these tests")

SCORES = ["lr_means", "expr_prod", "lr_gmeans", "lrscore", "scaled_weight", "lr_logfc", "spec_weight"]
OPTIONS = {"expr_prop": 0.1, "min_cells": 5}


def run_liana(organ: parity.Organ) -> pd.DataFrame:
    options = {
        "groupby": "cell_type", "resource": organ.pairs, "expr_prop": organ.threshold or 0.1, "min_cells": 5,
        "use_raw": False, "verbose": False, "seed": 0, "inplace": False,
    }  # fmt: skip
    adata = organ.categorical
    methods = {
        "lr_means": li.mt.cellphonedb, "expr_prod": li.mt.natmi, "lrscore": li.mt.singlecellsignalr,
        "scaled_weight": li.mt.connectome, "lr_logfc": li.mt.logfc,
    }  # fmt: skip
    columns = {}
    for name, method in methods.items():
        more = {"n_perms": parity.N_PERMS} if name == "lr_means" else {}
        found = method(adata, **options, **more).set_index(parity.EDGE)
        columns[name] = found[name]
        for further in (
            "cellphone_pvals",
            "spec_weight",
            "ligand",
            "receptor",
            "ligand_props",
            "receptor_props",
        ):
            if further in found:
                columns[further] = found[further]
    columns["lr_gmeans"] = li.mt.geometric_mean(adata, n_perms=2, **options).set_index(parity.EDGE)[
        "lr_gmeans"
    ]
    return pd.DataFrame(columns).assign(
        b=lambda t: (t["cellphone_pvals"] * parity.N_PERMS).round().astype(int)
    )


@pytest.fixture(scope="module")
def reference(organ):
    return run_liana(organ)


def ours(organ, convention="liana"):
    return parity.run_niche(organ, convention, **OPTIONS).set_index(parity.EDGE)


def test_rows_scores_and_p_values_agree(organ, reference):
    """Rows, all scores of simple pairs and complexes to 1e-6; p within Monte-Carlo error."""
    found = ours(organ)
    assert len(found) > 100 and (found["receptor"] != found.index.get_level_values(3)).any()
    assert parity.disagreements(found, reference[[*SCORES, "b"]]) == []
    simple = ~found.index.to_frame()[parity.EDGE[2:]].apply(lambda c: c.str.contains("_")).any(axis=1)
    for name in ("ligand_props", "receptor_props"):  # of a complex LIANA shows those of its limiting subunit
        np.testing.assert_allclose(found.loc[simple, name], reference.loc[found.index[simple], name])
    limiting = reference.loc[found.index]
    assert (found["ligand"] == limiting["ligand"]).mean() > 0.99  # subunits of equal means may differ
    assert (found["receptor"] == limiting["receptor"]).mean() > 0.99


def test_aggregate_ranks_agree_once_every_score_is_ranked_once(organ):
    """LIANA 1.10 ranks ``expr_prod`` twice (Connectome and NATMI share it), which turns its order around.

    Mended in LIANA 2 (pull request 261 of scverse/liana); here its own aggregation is given the column once.
    """
    from liana.method._pipe_utils._aggregate import _robust_rank_aggregate
    from scipy.stats import rankdata

    found = ours(organ)
    for name, higher, lower in (
        ("magnitude_rank", ["lr_means", "expr_prod", "lrscore"], []),
        ("specificity_rank", ["scaled_weight", "lr_logfc", "spec_weight"], ["pval"]),
    ):
        ranks = np.stack([rankdata(-found[c]) for c in higher] + [rankdata(found[c]) for c in lower], axis=1)
        np.testing.assert_allclose(found[name], _robust_rank_aggregate(ranks), rtol=1e-6)


@pytest.mark.parametrize("convention", ["cellphonedb", "squidpy", "niche"])
def test_another_convention_disagrees(organ, reference, convention):
    wanted = reference[["lr_means", "spec_weight", "b"]]
    assert parity.disagreements(ours(organ, convention), wanted) != []


def test_how_silent_permutations_count_matters(organ, reference, monkeypatch):
    if organ.threshold is not None:
        pytest.skip("types this large are hardly ever silent in a permutation")
    parity.change(monkeypatch, "liana", silent_is_zero=True)
    assert "p" in parity.disagreements(ours(organ), reference[["lr_means", "b"]])


@pytest.mark.parametrize(
    ("field", "value", "seen_in"),
    [
        ("pooled", False, "lr_means"),
        ("strict_filter", True, "rows"),
        ("strict_tail", True, "p"),
        ("complexes", "lowest", "spec_weight"),
        ("complexes", "all_cells", "rows"),
        ("drop_small", False, "scaled_weight"),
        ("drop_empty", False, "lrscore"),
    ],
)
def test_every_choice_matters(field, value, seen_in, ties_reference, monkeypatch):
    organ, wanted = ties_reference
    assert parity.disagreements(ours(organ), wanted) == []
    parity.change(monkeypatch, "liana", **{field: value})
    assert seen_in in parity.disagreements(ours(organ), wanted)


@pytest.fixture(scope="module")
def ties_reference():
    organ = parity.ties()
    return organ, run_liana(organ)[[*SCORES, "b"]]
