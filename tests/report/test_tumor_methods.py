from __future__ import annotations

import re

import anndata as ad

from niche.report.findings import Findings
from niche.report.tumor_methods import TUMOR_REFERENCES, told


def test_what_was_done_is_told_and_cited(_corridor: ad.AnnData, demo: ad.AnnData) -> None:
    sentences, cited = told(Findings.of(_corridor))
    words = " ".join(sentences)
    assert "windows of 100 neighbouring genes" in words
    assert {"patel", "soupx"} <= set(cited)
    assert told(Findings.of(demo)) == ([], [])


def test_references_can_be_found() -> None:
    for words, doi in TUMOR_REFERENCES.values():
        assert re.search(r"(19|20)\d\d;", words)
        assert re.fullmatch(r"10\.\d{4,}/\S+", doi)
