"""The section on seed and soil, and the account on the first screen."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import pytest
from accounts import make_account
from report_page import Page, parsed

from niche import get, report
from niche.report import account, exports
from niche.report.account_figures import account_figures
from niche.report.blocks import Section, Table
from niche.report.findings import Findings

pytestmark = pytest.mark.filterwarnings("ignore:'study' cannot be told apart")


@pytest.fixture(scope="module")
def study() -> ad.AnnData:
    return make_account()


@pytest.fixture(scope="module")
def made(study: ad.AnnData) -> Section:
    return account.section(Findings.of(study), {})


def words(blocks: list) -> str:
    parts = []
    for block in blocks:
        parts += [getattr(block, name) for name in ("text", "caption", "folded") if hasattr(block, name)]
        for column in getattr(block, "columns", []):
            parts += [column.heading, *column.cells]
    return "\n".join(map(str, parts))


def rows(block: Table) -> list[dict[str, str]]:
    heads = [column.heading for column in block.columns]
    cells = zip(*(column.cells for column in block.columns), strict=True)
    return [dict(zip(heads, row, strict=True)) for row in cells]


def titled(made: Section, start: str) -> Table:
    (found,) = [b for b in made.blocks if isinstance(b, Table) and b.caption.startswith(start)]
    return found


def test_the_first_screen_has_a_row_per_organ(study: ad.AnnData) -> None:
    table, note = account.lead(Findings.of(study))
    bone, brain, kidney, lung = rows(table)
    assert bone["Seed: called programs"] == "P1 higher and HYPOXIA lower"
    first = "first CXCL12 → CXCR4 (soil, q 0.01), JAG1 → NOTCH1 (seed, q 0.01)"
    assert bone["Soil: called edges"].startswith(f"2 stronger, 1 weaker; {first}")
    assert bone["Cell types of it alone"] == "Osteoclast"
    counts = ["Mediators found", "opposite", "not found", "not testable"]
    assert [bone[name] for name in counts] == ["2", "0", "0", "2"]
    assert [lung[name] for name in counts] == ["1", "1", "1", "1"]
    assert [kidney[name] for name in counts] == ["–"] * 4, "nothing is published for kidney"
    assert brain["Soil: called edges"] == "none called"
    assert kidney["Seed: called programs"] == "not testable: fewer than 3 patients on a side"
    assert "no score" in note.text


def test_called_items_stand_by_kind_in_their_unit(made: Section) -> None:
    (program,) = rows(titled(made, "bone, seed: programs"))
    assert program["Item"] == "P1 (A, B, C, D, E)"
    assert program["Log2 ratio of usage"] == "1.5"
    assert program["95 % interval"] == "0.5 to 2.5"
    assert program["Hits of the screen"] == "A: effect +1.00, q 0.01"
    edges = rows(titled(made, "bone, soil: called edges"))
    assert [row["Call"] for row in edges] == ["specific", "enriched", "depleted", "ambient-suspect"]
    assert [row["Driven by"] for row in edges] == ["host (soil)", "tumor (seed)", "both sides", "host (soil)"]
    assert "Log2 fold change" in edges[0] and "Log2 ratio of usage" not in edges[0]


def test_it_says_that_it_is_no_score_and_why_nothing_is_called(made: Section) -> None:
    told = words(made.blocks)
    assert "no number of items, is a score of the organ" in told
    assert "Nothing is called for kidney" in told
    assert "Composition: not assessed." in told
    assert "Published for bone: mediators: 2 found, 1 retracted, 2 not testable (gene not measured)" in told
    assert "Published for kidney: mediators: none in the table, or not assessed" in told


def test_every_mediator_has_its_citation_in_a_folded_table(made: Section, study: ad.AnnData) -> None:
    mediators = get.tropism(study, kind="mediator")
    for organ in ("bone", "brain", "lung"):
        table = titled(made, f"{organ}: ")
        assert table.folded
        mine = mediators[mediators["organ"] == organ]
        assert sorted(row["Citation"] for row in rows(table)) == sorted(mine["citation"])
    lung = {row["Gene"]: row for row in rows(titled(made, "lung: "))}
    assert lung["DKK1"]["Published"] == "lower" and lung["DKK1"]["In this study"] == "found"
    assert lung["LOX"]["Publication"] == "contested"


def test_an_ambient_verdict_stands_beside_the_program(study: ad.AnnData) -> None:
    adata = study.copy()
    stored = adata.uns["tropism"]["account"]
    stored.loc[stored["item"] == "P1", "evidence"] = "ambient-suspect: bone: ambient molecules explain 70%"
    table, _ = account.lead(Findings.of(adata))
    assert rows(table)[0]["Seed: called programs"].startswith("P1 higher (ambient-suspect)")


def test_what_was_not_joined_says_what_to_run(study: ad.AnnData) -> None:
    adata = study.copy()
    del adata.uns["tropism"]
    found = Findings.of(adata)
    (missing,) = account.section(found, {}).blocks
    assert missing.text.startswith("Not assessed. Run niche.tl.compare_programs")
    assert account.lead(found) == []
    assert "tropism" not in exports.tables(found)
    adata = study.copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(str).replace({"Cancer": "Tumour"}).to_numpy()
    (missing,) = account.section(Findings.of(adata), {}).blocks
    assert "outdated and not shown" in missing.text


def test_tables_are_exported(study: ad.AnnData) -> None:
    found = Findings.of(study)
    made = exports.tables(found)
    assert len(made["tropism"]) == len(get.tropism(study))
    assert set(made["mediators"]["kind"]) == {"mediator"} and "citation" in made["mediators"]


def test_the_section_follows_the_summary(page: Page) -> None:
    assert list(page.sections)[:2] == ["summary", "account"]
    assert "Seed and soil by organ" in page.sections["summary"]
    assert "DKK1" in page.sections["account"]
    assert "Paget" in page.sections["methods"]


def test_the_page_holds_the_figures(study: ad.AnnData, tmp_path: Path) -> None:
    n = len(account_figures(Findings.of(study)))
    with_account = parsed(report.html(study, tmp_path / "with.html"))
    captions = [image["alt"] for image in with_account.every("img")]
    assert (
        sum("seed and soil in" in str(alt) or "published mediators" in str(alt) for alt in captions) == n == 5
    )
