"""Methods of the account."""

from __future__ import annotations

import anndata as ad
from accounts import make_account

from niche.report.account_methods import ACCOUNT_REFERENCES, told
from niche.report.findings import Findings


def test_words_follow_the_parameters() -> None:
    study = make_account()
    (words,), cited = told(Findings.of(study))
    assert "nothing is summed to a score" in words and "never scored" in words
    assert "screen" not in words
    assert cited == list(ACCOUNT_REFERENCES)
    study.uns["tropism"]["params"]["n_screen"] = 12
    (words,), _ = told(Findings.of(study))
    assert "A functional screen with 12 rows was given" in words


def test_nothing_is_told_of_nothing(demo: ad.AnnData) -> None:
    assert told(Findings.of(demo)) == ([], [])
