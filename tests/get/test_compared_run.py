"""A comparison belongs to one communication run: to its choices, not to its scores."""

from __future__ import annotations

import pytest
from hand_made import BONE, LIVER, communicate, hand_made

from niche import get, tl
from niche.errors import InputValueError


@pytest.fixture(scope="module")
def compared():
    adata = communicate(hand_made(BONE + LIVER))
    tl.compare_communication(adata)
    return adata


@pytest.mark.parametrize("option", [{"min_cells": 11}, {"expr_prop": 0.2}, {"senders": "all"}])
def test_a_run_with_other_choices_is_refused(compared, option):
    adata = communicate(compared.copy(), **option)
    with pytest.raises(InputValueError, match=r"made anew with other parameters\. Run niche\.tl\.compare"):
        get.compare_communication(adata)


def test_other_scores_change_nothing(compared):
    adata = communicate(compared.copy(), null=None, scores=["lr_means"])
    assert get.compare_communication(adata).equals(get.compare_communication(compared))


def test_the_digest_survives_a_file(compared, tmp_path):
    import anndata as ad

    compared.write_h5ad(tmp_path / "compared.h5ad")
    again = ad.read_h5ad(tmp_path / "compared.h5ad")
    assert get.compare_communication(again).equals(get.compare_communication(compared))
