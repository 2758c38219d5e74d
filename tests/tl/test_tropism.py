"""The account of a study whose truth is known, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import niche
from niche import get, resources, tl
from niche.errors import InputValueError, MissingKeyError, StaleResultError

PLANTED = ["source", "target", "ligand_complex", "receptor_complex"]


@pytest.fixture(scope="module")
def joined(_corridor):
    adata = _corridor.copy()
    tl.tropism(adata)
    return adata


@pytest.fixture(scope="module")
def account(joined):
    return get.tropism(joined)


def test_every_organ_has_every_kind_of_item(account):
    kinds = account.groupby("organ")["kind"].agg(set)
    assert set(kinds.index) == {"bone", "brain", "liver", "lung"}
    every = {"program", "signature", "edge", "exclusive_cell_type", "cell_type", "mediator", "axis"}
    assert all(found == every for found in kinds)


def test_called_edges_are_those_of_the_comparison(joined, account):
    edges = get.compare_communication(joined, contrast="bone_vs_rest")
    called = edges[edges["call"].isin(["enriched", "specific", "depleted", "ambient-suspect"])]
    mine = account[(account["organ"] == "bone") & (account["kind"] == "edge")]
    assert len(mine) == max(len(called), 1)
    keys = ["ligand_complex", "receptor_complex", "source", "target"]
    both = mine.merge(called.astype(dict.fromkeys(keys, str)), on=keys, suffixes=("", "_there"))
    assert len(both) == len(called)
    assert np.allclose(both["effect"], both["log2fc"])
    assert (both["status"] == both["call"].astype(str)).all()


def test_planted_axes_stand_under_their_organ(demo):
    niche.pp.normalize(demo)
    niche.pp.ambient(demo)
    pairs = resources.ligand_receptor()
    truth = demo.uns["truth"]["edges"]
    planted = truth[truth["planted"] & truth["organ"].isin(["bone", "lung", "liver"])]
    few = pairs[pairs["ligand"].isin(planted["ligand_complex"])]
    tl.communication(demo, "cell_type", resource=few, null=None)
    tl.compare_communication(demo)
    tl.tropism(demo, programs=None, expression=None)
    table = get.tropism(demo, kind="edge")
    up = table[table["status"].isin(["enriched", "specific"])]
    both = planted[planted["kind"] == "both"]
    found = up.merge(both, on=["organ", *PLANTED])
    assert len(found) >= len(both) - 1
    assert set(found["organ"]) == {"bone", "lung", "liver"}
    leaked = up.merge(planted[planted["kind"] == "leaked"], on=["organ", *PLANTED])
    assert not len(leaked)
    assert set(table.loc[table["item"] != "(no edge)", "direction"]) == {"tumor->host", "host->tumor"}


def test_what_is_published_changes_nothing_else(joined, account, monkeypatch):
    from niche.tl import _account_published

    class Nothing:
        mediators = staticmethod(lambda: resources.mediators().iloc[:0])
        axes = staticmethod(lambda: resources.axes().iloc[:0])

    monkeypatch.setattr(_account_published, "resources", Nothing)
    other = get.tropism(tl.tropism(joined, copy=True))
    assert set(other.loc[other["account"] == "published", "status"]) == {"none"}
    mine, others = (
        table[table["account"] != "published"].reset_index(drop=True) for table in (account, other)
    )
    pd.testing.assert_frame_equal(others, mine)


def test_two_patients_in_the_brain_are_not_testable(account):
    brain = account[account["organ"] == "brain"]
    assert set(brain.loc[brain["kind"].isin(["program", "edge"]), "status"]) == {"not_testable"}
    assert (brain.loc[brain["status"] == "not_testable", "reason"] != "").all()


def test_all_missing_parts_are_named_at_once(demo):
    niche.pp.normalize(demo)
    with pytest.raises(MissingKeyError) as told:
        tl.tropism(demo)
    for function in ("compare_programs", "compare_communication", "compare_expression"):
        assert f"niche.tl.{function}" in str(told.value)
    assert "programs=None" in str(told.value)
    assert "tropism" not in demo.uns


def test_a_part_that_is_left_out_reads_not_assessed(corridor):
    tl.tropism(corridor, programs=None, edges=None, signatures=None)
    table = get.tropism(corridor, status="not_assessed")
    said = table.groupby("kind")["reason"].agg(set)
    assert said["program"] == {"left out (programs=None)"}
    assert set(table["organ"]) == {"bone", "brain", "liver", "lung"}
    assert set(said.index) == {"program", "signature", "edge", "exclusive_cell_type", "axis"}


def test_a_part_that_was_not_run_reads_not_assessed(corridor):
    del corridor.uns["composition"]
    tl.tropism(corridor)
    table = get.tropism(corridor, kind="cell_type")
    assert set(table["status"]) == {"not_assessed"}
    assert set(table["reason"]) == {"niche.tl.composition was not run"}


def test_nothing_left_to_join_is_refused(corridor):
    with pytest.raises(InputValueError, match="every part of the account is left out"):
        tl.tropism(corridor, programs=None, edges=None, expression=None, signatures=None, composition=None)


def test_a_screen_with_nothing_of_the_study_leaves_no_trace(corridor):
    screen = pd.DataFrame({"gene": ["NOSUCH"], "organ": ["bone"], "effect": [1.0], "qval": [0.01]})
    corridor.uns.pop("tropism", None)
    with pytest.raises(InputValueError, match="no row fits the study"):
        tl.tropism(corridor, screen=screen)
    assert "tropism" not in corridor.uns


def test_a_screen_is_evidence_and_ranks_nothing(joined, account):
    mediator = account[(account["kind"] == "mediator") & account["gene"].isin(joined.var_names)].iloc[0]
    screen = pd.DataFrame(
        {"gene": [mediator["gene"]], "organ": [mediator["organ"]], "effect": [0.7], "qval": [0.02]}
    )
    other = get.tropism(tl.tropism(joined, screen=screen, copy=True))
    assert (other["screen"] != "").any()
    pd.testing.assert_frame_equal(other.drop(columns="screen"), account.drop(columns="screen"))


def test_programs_that_were_found_anew_are_refused(corridor):
    tl.programs(corridor, k=4, n_starts=2, rng=9)
    with pytest.raises(StaleResultError, match="compares other programs"):
        tl.tropism(corridor)


def test_what_could_not_be_run_says_why(corridor):
    tl.tropism(corridor, programs=None, missing={"programs": "fewer than 20 malignant cells"})
    table = get.tropism(corridor, kind="program")
    assert set(table["status"]) == {"not_testable"}
    assert set(table["reason"]) == {"fewer than 20 malignant cells"}
    with pytest.raises(InputValueError, match="missing"):
        tl.tropism(corridor, programs=None, missing={"weather": "rain"})
