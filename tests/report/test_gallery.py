from __future__ import annotations

import anndata as ad

from niche.report.findings import Findings
from niche.report.gallery import figures


def test_every_name_is_used_once_and_nothing_is_drawn_from_nothing(
    _corridor: ad.AnnData, demo: ad.AnnData
) -> None:
    drawn = figures(Findings.of(_corridor))
    assert {
        "design",
        "cnv",
        "malignant_evidence",
        "ambient_fractions",
        "ambient_genes",
        "between_edges",
    } <= set(drawn)
    assert all(name == figure.name for name, figure in drawn.items())
    assert figures(Findings.of(demo)) == {}
