from __future__ import annotations

import anndata as ad

from niche import get
from niche.report import program_summary
from niche.report.findings import Findings


def test_verdicts_are_counted_and_named(_corridor: ad.AnnData) -> None:
    (table,) = program_summary.glance(Findings.of(_corridor))
    verdicts = get.compare_programs(_corridor, what="verdicts")["verdict"].astype(str)
    counts = {name.replace("_", " "): str(n) for name, n in verdicts.value_counts().items()}
    told = {row[0][1]: row[1][1] for row in table.rows}
    assert told == counts


def test_sentences_name_the_programs(_corridor: ad.AnnData) -> None:
    found = Findings.of(_corridor)
    verdicts = get.compare_programs(_corridor, what="verdicts").astype({"verdict": str})
    for verdict, start in (
        ("organ-associated", "Used more or less"),
        ("ambient-suspect", "Rise in an organ, but"),
        ("intrinsic", "Alike in all organs"),
    ):
        mine = verdicts.loc[verdicts["verdict"] == verdict, "program"]
        told = [text for text in program_summary.can(found) if text.startswith(start)]
        assert len(told) == bool(len(mine))
        assert all(name in told[0] for name in mine)
    n_open = (verdicts["verdict"] == "undetermined").sum()
    assert any(f"{n_open} undetermined" in text for text in program_summary.cannot(found)) == bool(n_open)


def test_nothing_is_said_of_nothing(demo: ad.AnnData) -> None:
    found = Findings.of(demo)
    assert program_summary.glance(found) == program_summary.can(found) == program_summary.cannot(found) == []
