from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from compared import PAIRS, make_compared

from niche import get, pp, tl
from niche.report import summary
from niche.report.findings import Findings


def test_rows_count_what_get_returns(_corridor: ad.AnnData) -> None:
    rows = summary.organ_rows(Findings.of(_corridor)).set_index("organ")
    for organ in ("bone", "brain"):
        edges = get.communication(_corridor, organ=organ)
        axes = get.axes(_corridor, organ=organ)
        assert rows.loc[organ, "n_tested"] == (edges["status"] == "tested").sum()
        assert rows.loc[organ, "n_significant"] == (edges["qval"] <= 0.05).sum()
        assert (
            rows.loc[organ, "n_patients_tested"] == edges.loc[edges["status"] == "tested", "n_patients"].max()
        )
        assert rows.loc[organ, "axes_found"] == (axes["status"] == "found").sum()
        assert rows.loc[organ, "axes"] == len(axes)
    assert rows.loc["brain", "n_patients"] == 2


def test_the_question_names_who_was_asked(demo: ad.AnnData) -> None:
    pp.normalize(demo)
    tl.communication(demo, "cell_type", resource="niche", null="analytic", senders="T cell")
    told = summary.question(Findings.of(demo))
    assert "T cell (sending) and all cells (receiving)" in told
    assert "bone, brain, liver and lung" in told
    assert "was not assessed" in summary.question(Findings.of(ad.AnnData(demo.X)))


def test_few_patients_are_told_apart() -> None:
    told = [summary._few({"organ": "lymph node", "n_patients_tested": n}) for n in (0, 1, 2)]
    assert [text.split(":")[0] for text in told] == ["Lymph node"] * 3
    assert "says nothing about communication" in told[0]
    assert "a single patient" in told[1]
    assert "two patients" in told[2]


@pytest.mark.filterwarnings("ignore:'study' cannot be told apart", "ignore:one organ only")
def test_one_organ_is_told_against_primary_tumors() -> None:
    adata = make_compared()
    adata = adata[adata.obs["organ"].isin(["bone", "lung"])].copy()
    adata.obs["tissue"] = np.where(adata.obs["organ"] == "lung", "primary", "metastasis")
    tl.communication(adata, "cell_type", resource=PAIRS, tissues=("metastasis", "primary"))
    tl.compare_communication(adata)
    stronger = get.compare_communication(adata, contrast="bone_vs_primary", call=["enriched", "specific"])
    assert len(stronger)
    (told,) = summary._differences(Findings.of(adata))
    n = f"{len(stronger)} edge{'s' if len(stronger) > 1 else ''} stronger"
    assert told.startswith(f"Bone against primary tumors, over patients: {n}")
    (glance,) = summary._at_a_glance(Findings.of(adata))
    assert "Edges compared with the other organs" not in [column.heading for column in glance.columns]
