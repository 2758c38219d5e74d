from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from report_page import OWN_SCRIPTS, Page, parsed

from niche import get, pp, recipes, report
from niche.errors import InputTypeError, InputValueError

SECTIONS = [
    "summary", "account", "design", "quality", "cells", "tumor_host", "communication", "between_organs",
    "spatial", "programs", "axes", "methods", "provenance",
]  # fmt: skip


def test_sections_are_there_in_order(page: Page) -> None:
    assert list(page.sections) == SECTIONS
    assert [f"#{name}" for name in SECTIONS] == [
        a["href"] for a in page.every("a") if str(a["href"])[1:] in SECTIONS
    ]
    assert page.unclosed == []
    assert page.tags[0] == ("html", {"lang": "en"})


def test_every_image_says_what_it_shows(page: Page) -> None:
    images = page.every("img")
    assert len(images) >= 8, "design, three maps, an organ each, published axes"
    for image in images:
        assert len(str(image["alt"])) > 30
        assert int(str(image["width"])) > 100
    assert not page.every("svg")


def test_images_are_inside_the_page_and_whole(page: Page) -> None:
    for image in page.every("img"):
        kind, content = re.fullmatch(r"data:image/(svg\+xml|png);base64,(.+)", str(image["src"])).groups()  # type: ignore[union-attr]
        data = base64.b64decode(content, validate=True)
        if kind == "png":
            assert data.startswith(b"\x89PNG")
        else:
            assert ElementTree.fromstring(data).tag.endswith("svg")


def test_nothing_is_loaded_from_elsewhere(page: Page, report_file: Path) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            if name not in attributes:
                continue
            address = str(attributes[name])
            if tag == "a":
                assert address.startswith(("#", "https://doi.org/")), address
            else:
                assert address.startswith("data:"), (tag, address)
    assert page.scripts == OWN_SCRIPTS
    assert page.every("script") == [{}, {}]
    (policy,) = [m["content"] for m in page.every("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in OWN_SCRIPTS]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert str(policy).split(";")[0] == "default-src 'none'"
    assert str(policy).split("script-src ")[1].strip() == allowed
    assert not re.search(r"@import|url\((?!#)", report_file.read_text(encoding="utf-8"))


def test_tables_can_be_read_aloud(page: Page) -> None:
    assert len(page.every("table")) == len(page.every("caption")) >= 15
    assert all(th.get("scope") in ("col", "row") for th in page.every("th"))


def test_summary_says_what_cannot_be_concluded(page: Page) -> None:
    told = page.sections["summary"]
    assert "They are no evidence about patients" in told
    assert "these numbers must not be compared between organs" in told
    assert "of 8 patients" in told
    assert "Brain: tested edges rest on two patients at most" in told


def test_numbers_are_those_of_the_result(page: Page, _corridor: ad.AnnData) -> None:
    edges = get.communication(_corridor, organ="bone")
    told = page.sections["communication"]
    tested, significant = (edges["status"] == "tested").sum(), (edges["qval"] <= 0.05).sum()
    assert f"{tested:,} edges were tested, {significant:,} have q ≤ 0.05" in told
    for reason, n in edges.loc[edges["status"] != "tested", "reason"].value_counts().items():
        if n:
            assert str(reason) in told
            assert f"{n:,}" in told
    axes = get.axes(_corridor)
    for status, n in axes.loc[axes["ligand"] != "", "status"].astype(str).value_counts().items():
        assert f"{n} {str(status).replace('_', ' ')}" in " ".join(
            str(image["alt"]) for image in page.every("img")
        )


def test_no_probability_reads_nothing(report_file: Path) -> None:
    rows = re.findall(
        r'<td class="num" data-sort="[^"]*">([^<]*)</td>', report_file.read_text(encoding="utf-8")
    )
    assert rows
    assert not {"nan", "NaN", "None", "0.0e+00", ""} & set(rows)


def test_parameters_versions_and_citations(page: Page) -> None:
    told = page.sections["provenance"]
    for name in ("min_cells", "expr_prop", "n_mads", "numpy", "scanpy", "python"):
        assert name in told
    assert "BSD-3-Clause (LIANA)" in page.sections["methods"]
    assert "https://doi.org/10.1038/s41467-022-30755-0" in [a["href"] for a in page.every("a")]


def test_the_same_result_gives_the_same_file(corridor: ad.AnnData, report_file: Path, tmp_path: Path) -> None:
    again = report.html(corridor, tmp_path / "again.html")
    assert again.read_bytes() == report_file.read_bytes()


def test_without_results_sections_say_so(demo: ad.AnnData, tmp_path: Path) -> None:
    page = parsed(report.html(demo, tmp_path / "empty.html", title="Nothing yet"))
    assert list(page.sections) == [name for name in SECTIONS if name != "spatial"]
    for name in ("design", "quality", "tumor_host", "communication", "axes"):
        assert "Not assessed." in page.sections[name]
    assert "Run niche.tl.communication first" in page.sections["communication"]
    assert "not made by a recipe" in page.sections["provenance"]
    assert "Nothing yet" in page.text
    assert not page.every("img")


def test_bare_data_can_be_reported(tmp_path: Path) -> None:
    adata = ad.AnnData(np.ones((3, 2), dtype=np.float32))
    page = parsed(report.html(adata, tmp_path / "bare.html"))
    assert "Compartments were not assessed" in page.sections["cells"]


def test_outdated_results_are_not_shown(corridor: ad.AnnData, tmp_path: Path) -> None:
    corridor.obs["cell_type"] = (
        corridor.obs["cell_type"].astype(str).replace({"T cell": "Lymphocyte"}).to_numpy()
    )
    page = parsed(report.html(corridor, tmp_path / "stale.html"))
    assert "outdated and not shown" in page.sections["communication"]
    assert "cell_type" in page.sections["communication"]


def test_without_p_values(demo: ad.AnnData, tmp_path: Path) -> None:
    from niche import tl

    pp.normalize(demo)
    tl.communication(demo, "cell_type", resource="niche", null=None)
    page = parsed(report.html(demo, tmp_path / "no_p.html"))
    assert page.every("img"), "edges are drawn without p-values too"
    assert "edges are ranked, not tested" in page.sections["summary"]


def test_names_are_escaped(demo: ad.AnnData, tmp_path: Path) -> None:
    evil = '<b>T & "x" <script>alert(1)</script></b>'
    demo = demo[::3].copy()
    demo.obs["cell_type"] = demo.obs["cell_type"].astype(str).replace({"T cell": evil}).to_numpy()
    demo.obs["organ"] = demo.obs["organ"].astype(str).replace({"bone": "<i>bone</i>"}).to_numpy()
    config = {
        "qc": {"min_cells_scrublet": 100_000},
        "cluster": {"run": False},
        "communication": {"resource": "niche", "null": "analytic"},
        "notes": ["<u>note</u>"],
    }
    result = recipes.communication_by_organ(demo, config)
    file = report.html(result, tmp_path / "evil.html", title="<h1>title</h1>")
    page = parsed(file)
    assert not {"b", "i", "u"} & {tag for tag, _ in page.tags}
    assert page.scripts == OWN_SCRIPTS
    assert evil in page.text
    assert len(page.every("h1")) == 1
    assert page.unclosed == []


def test_log_values_are_told(demo: ad.AnnData, tmp_path: Path) -> None:
    pp.normalize(demo)
    del demo.layers["counts"], demo.uns["normalize"]
    pp.qc(demo)
    told = parsed(report.html(demo, tmp_path / "log.html")).sections["quality"]
    assert "Counts: unavailable" in told
    assert "no raw counts" in told


def test_cells_that_are_likely_mislabelled_are_pointed_out(demo: ad.AnnData, tmp_path: Path) -> None:
    compartment = demo.obs["compartment"].astype(str)
    first = demo.obs_names[(demo.obs["organ"] == "bone") & (compartment == "immune")][:7]
    compartment[first] = "epithelial_normal"
    demo.obs["compartment"] = compartment
    pp.check(demo)
    assert "(7 in bone)" in parsed(report.html(demo, tmp_path / "suspect.html")).sections["cells"]


def test_files(demo: ad.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine")
    with pytest.raises(InputValueError, match=r"exists\. Replace it with overwrite=True"):
        report.html(demo, file)
    with pytest.raises(InputValueError, match="does not exist"):
        report.html(demo, tmp_path / "nowhere" / "report.html")
    with pytest.raises(InputValueError, match="is a folder"):
        report.html(demo, tmp_path, overwrite=True)
    with pytest.raises(InputTypeError, match="path must be"):
        report.html(demo, 3)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="title must be"):
        report.html(demo, file, title=3, overwrite=True)  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        report.html(pd.DataFrame(), file)  # type: ignore[arg-type]

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkstemp", refuse)
        with pytest.raises(InputValueError, match="Permission denied"):
            report.html(demo, file, overwrite=True)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(InputValueError, match="Permission denied"):
            report.html(demo, file, overwrite=True)
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file], "no half-written file is left"
    assert report.html(demo, str(file), overwrite=True) == file
    assert file.read_text().startswith("<!DOCTYPE html>")
