from __future__ import annotations

import anndata as ad
import pytest

from niche import pp, tl
from niche.report.findings import Findings
from niche.report.methods import REFERENCES
from niche.report.program_methods import resources_used, told

pytestmark = pytest.mark.filterwarnings("ignore::niche.errors.NicheWarning")


def test_words_follow_the_parameters(demo: ad.AnnData) -> None:
    pp.normalize(demo)
    tl.programs(demo, k=[5, 6], n_starts=3, min_cells=15, gene_sets={"mine": demo.var_names[:50].tolist()})
    found, compared, scored = (), "", ""
    tl.compare_programs(demo, covariates=["subtype"], patients="consensus", min_cells=17, max_share=0.4)
    tl.score_signatures(demo, min_genes=3, n_controls=20, compartment=None)
    (found, compared, scored), cited = told(Findings.of(demo))
    for part in ("k of 5 and 6 from 3 random starts", "at least 15 of them", "tumor cells (counts)"):
        assert part in found
    for part in ("at least 17 of them", "organ and subtype", "one amount for all programs.", "not assessed"):
        assert part in compared
    for part in ("20 control genes", "at least 3 genes", "all cells", "organ, without covariates"):
        assert part in scored
    assert cited == ["cnmf", "squair", "bh", "tirosh"]
    assert set(cited) <= set(REFERENCES)
    assert resources_used(Findings.of(demo)) == ["signatures"]


def test_the_ambient_share_is_told_where_it_was_used(_corridor: ad.AnnData) -> None:
    (_, compared, _), _ = told(Findings.of(_corridor))
    assert "ambient molecules explain 50% of the rise, or host cells rise by 0.5" in compared
    assert resources_used(Findings.of(_corridor)) == ["markers", "signatures"]


def test_metaprograms_are_told(corridor: ad.AnnData) -> None:
    corridor.uns["programs"]["params"]["mode"] = "per_sample"
    (words, *_), cited = told(Findings.of(corridor))
    assert "Every sample was factorised" in words
    assert "gavish" in cited
    assert "cnmf" not in cited


def test_nothing_is_told_of_nothing(demo: ad.AnnData) -> None:
    assert told(Findings.of(demo)) == ([], [])
