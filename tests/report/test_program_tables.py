from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche import get, pp, tl
from niche.report import program_tables
from niche.report.findings import Findings


@pytest.fixture(scope="module")
def found(_corridor: ad.AnnData) -> Findings:
    return Findings.of(_corridor)


def test_programs_come_in_the_order_of_their_verdicts(found: Findings) -> None:
    rows = program_tables.described(found)
    place = [program_tables.VERDICTS.index(verdict) for verdict in rows["verdict"]]
    assert place == sorted(place)
    assert set(rows["program"]) == set(get.programs(found.adata, what="programs")["program"])
    assert (rows["genes"].str.count(", ") == program_tables.FIRST_GENES - 1).all()


def test_what_a_program_resembles_is_a_gene_set_or_nothing(demo: ad.AnnData) -> None:
    pp.normalize(demo)
    tl.programs(demo, k=6, n_starts=3)
    genes = get.programs(demo, program="P3")["gene"].tolist()
    tl.programs(demo, k=6, n_starts=3, gene_sets={"my_set": genes})
    like = program_tables.described(Findings.of(demo)).set_index("program")["like"]
    assert like["P3"] == "my set"
    assert (like.drop("P3") == "").all()


def test_kinds_are_counted(found: Findings) -> None:
    counts = get.programs(found.adata, what="programs")["kind"].value_counts()
    told = program_tables.kinds(found)
    for kind, n in counts.items():
        assert f"{n} {kind}" in told


def test_organs_count_patients_with_enough_cells(found: Findings) -> None:
    rows = program_tables.organs(found).set_index("organ")
    units = get.compare_programs(found.adata, what="units")
    bone = units[(units["organ"] == "bone") & (units["program"] == "P1")]
    assert rows.loc["bone", "n_patients"] == bone["patient"].nunique()
    assert rows.loc["bone", "n_cells"] == bone["n_cells"].sum()
    assert rows.loc["brain", "allows"] == "tests, no calls"


def test_main_effects_leave_out_pairs_and_what_has_no_estimate(found: Findings) -> None:
    rows = program_tables.main_effects(found)
    assert rows["effect"].notna().all()
    assert not rows["contrast"].isin(["omnibus", "bone_vs_lung"]).any()
    assert {"bone", "bone against primary tumors"} <= set(rows["told"])
    some = rows.iloc[0]
    assert some["interval"] == f"{some['ci_low']:.3g} to {some['ci_high']:.3g}"


def test_files_hold_everything(found: Findings) -> None:
    made = program_tables.tables(found)
    assert {"programs", "programs_genes", "compare_programs", "signatures", "signatures_samples"} <= set(made)
    pd.testing.assert_frame_equal(made["compare_programs"], get.compare_programs(found.adata))
    assert len(made["programs_genes"]) == 50 * len(made["programs"])
    assert np.isfinite(made["compare_programs_units"]["usage"]).all()


def test_without_estimates_tables_are_empty_and_whole(found: Findings, demo: ad.AnnData) -> None:
    pp.normalize(demo)
    tl.score_signatures(demo, {"short": ["CXCR4"]})
    bare = Findings.of(demo)
    assert list(program_tables.signature_effects(bare)) == list(program_tables.signature_effects(found))
    assert not len(program_tables.signature_effects(bare))
    assert program_tables.signatures_left_out(bare)["signature"].tolist() == ["short"]
    assert set(program_tables.tables(bare)) == {"signatures", "signatures_samples", "signatures_signatures"}
