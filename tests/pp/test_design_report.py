from __future__ import annotations

import pytest

import niche


@pytest.fixture
def report(study):
    study.obs["organ"] = study.obs["organ"].replace({"brain": "<script>"})
    return niche.pp.check(study)


def test_text(report):
    text = repr(report)
    assert text.startswith("DesignReport: 455 cells x 40 genes, 7 samples of 6 patients")
    assert "usable (0 errors, " in text
    assert "warnings (" in text
    assert "test and call" in text
    assert max(len(line) for line in text.splitlines()) < 300


def test_html_is_escaped(report):
    html = report._repr_html_()
    assert html.count("<table") == 3
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_not_ok(study):
    study.obs["tissue"] = "primary"
    report = niche.pp.check(study)
    assert not report.ok
    assert "not usable as it is (1 error, " in repr(report)


def test_one_of_each(study):
    one = study[study.obs["sample"] == "s1"].copy()
    assert niche.pp.check(one).title == "65 cells x 40 genes, 1 sample of 1 patient, 1 metastatic organ"
