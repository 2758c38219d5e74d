from __future__ import annotations

import anndata as ad
import pytest
from compared import make_compared

from niche import tl
from niche.report.between_methods import BETWEEN_REFERENCES, told
from niche.report.findings import Findings

pytestmark = pytest.mark.filterwarnings("ignore:'study' cannot be told apart")


def test_words_follow_the_parameters() -> None:
    study = make_compared()
    (words,), cited = told(Findings.of(study))
    assert "organ, without covariates" in words
    assert "differs between edges" in words
    assert "The check exchanges" not in words
    sizes = study.uns["compare_communication"]["families"]
    for name, n in zip(sizes["name"], sizes["n_tests"], strict=True):
        assert f"{name} {n:,}" in words
    assert cited == list(BETWEEN_REFERENCES)
    other = tl.compare_communication(
        study, covariates=["age"], patients="consensus", n_permutations=2, copy=True
    )
    (words,), _ = told(Findings.of(other))
    assert "the models hold organ and age" in words
    assert "one amount for all edges" in words
    assert "2 times" in words


def test_nothing_is_told_of_nothing(demo: ad.AnnData) -> None:
    assert told(Findings.of(demo)) == ([], [])
