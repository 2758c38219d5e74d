"""The page of published findings follows its rule, and is what its script says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from niche.datasets.registry import CHUNG2017, MAYNARD2020

pytestmark = pytest.mark.once
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "published_finding.py"
PAGE = Path(__file__).parents[1] / "docs" / "published_finding.md"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_finding", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _rows(page: Path) -> pd.DataFrame:
    """The table of a page, a row per statement."""
    lines = [line for line in page.read_text(encoding="utf-8").splitlines() if re.match(r"\| \d+ \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return pd.DataFrame(cells, columns=["place", "title", "source", "effect", "patients", "verdict"])


def _numbers(effect: str) -> list[float]:
    return [float(number) for number in re.findall(r"[+-]\d+\.\d+", effect)]


@pytest.mark.parametrize(
    ("low", "high", "reason", "said"),
    [
        (0.1, 2.0, "", "agrees"),
        (-2.0, -0.1, "", "does not agree"),
        (-0.1, 2.0, "", "undecided"),
        (0.0, 2.0, "", "undecided"),
        (0.1, 2.0, "2 patients of 3 needed", "cannot be tested"),
        (np.nan, np.nan, "no such cells", "cannot be tested"),
    ],
)
def test_the_rule(script: ModuleType, low: float, high: float, reason: str, said: str) -> None:
    assert script.verdict(script.Answer("f", "u", 0.0, low, high, 5, reason)) == said


def test_a_published_fall_is_counted_as_positive(script: ModuleType) -> None:
    row = {"effect": -1.0, "ci_low": -1.5, "ci_high": -0.5, "call": "depleted", "qval": 0.04, "reason": ""}
    row |= {"n_patients": 6, "sign_stability": 1.0}
    fall = script.from_niche(pd.DataFrame([row]), "f", "u", -1)
    assert (fall.effect, fall.low, fall.high, fall.patients) == (1.0, 0.5, 1.5, 6)
    assert script.verdict(fall) == "agrees" and "`depleted`, q = 0.04" in fall.call and not fall.reason
    assert script.verdict(script.from_niche(pd.DataFrame([row]), "f", "u")) == "does not agree"


def test_what_niche_refuses_is_not_tested(script: ModuleType) -> None:
    row = {
        "log2fc": 3.0,
        "ci_low": 2.0,
        "ci_high": 4.0,
        "call": "not_testable",
        "reason": "why",
        "n_patients": 3,
    }
    refused = script.from_niche(pd.DataFrame([row]), "f", "u")
    assert refused.reason == "why" and script.verdict(refused) == "cannot be tested" and not refused.call
    row |= {"call": "undetermined", "status": "absent", "reason": "none of these cells"}
    assert script.from_niche(pd.DataFrame([row]), "f", "u").reason == "none of these cells"


def test_patients_are_the_replicates(script: ModuleType) -> None:
    values = pd.Series([0.1, 0.2, 0.45, 0.3])
    mean = script.over_patients(values, "f", "u")
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose([mean.low, mean.high], [known.low, known.high], rtol=1e-12)
    assert mean.patients == 4 and script.verdict(mean) == "agrees"
    few = script.over_patients(values[:2], "f", "u")
    assert script.verdict(few) == "cannot be tested" and "2 patients" in few.reason


def test_every_statement_stands_in_the_page_with_its_source(script: ModuleType) -> None:
    rows, text = _rows(PAGE), PAGE.read_text(encoding="utf-8")
    claims = list(script.CLAIMS.values())
    assert rows["title"].tolist() == [claim.title for claim in claims] and len(claims) >= 5
    for claim, source in zip(claims, rows["source"], strict=True):
        assert script.PAPERS[claim.source] in source
        assert claim.says in text and claim.asked in text
    said = rows["verdict"].value_counts()
    every = (script.AGREES, script.DISAGREES, script.UNDECIDED, script.CANNOT)
    assert "In all: " + ", ".join(f"{said.get(v, 0)} {v}" for v in every) in text
    assert "cannot be tested" in said


def test_verdicts_of_the_page_follow_the_rule(script: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    reasons = re.findall(r"^- \*\*Verdict\*\*: ([^:.\n]+)(?:: (.+))?\.$", text, flags=re.MULTILINE)
    rows = _rows(PAGE)
    assert len(reasons) == len(rows)
    for row, (said, reason) in zip(rows.itertuples(), reasons, strict=True):
        assert said == row.verdict
        effect, low, high = [*_numbers(row.effect), np.nan, np.nan, np.nan][:3]
        answer = script.Answer("", "", effect, low, high, int(row.patients), reason)
        assert script.verdict(answer) == row.verdict, row.title
        if row.verdict != script.CANNOT:
            assert low < effect < high and int(row.patients) >= script.PATIENTS


def test_page_and_script_agree(shared_data: Path, root: Path, tmp_path: Path) -> None:
    files = {"maynard2020": (MAYNARD2020.prepared, MAYNARD2020.file), "chung2017": (CHUNG2017.file,)}
    lacking = [name for name, any_of in files.items() if not any((shared_data / f).is_file() for f in any_of)]
    if lacking:
        pytest.skip(f"{shared_data} holds no copy of {', '.join(lacking)}")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(root / "src"), "NICHE_DATA_DIR": str(shared_data)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    now, page = _rows(tmp_path / PAGE.name), _rows(PAGE)
    columns = ["title", "source", "patients", "verdict"]
    pd.testing.assert_frame_equal(now[columns], page[columns])
    for was, new in zip(page["effect"], now["effect"], strict=True):
        np.testing.assert_allclose(_numbers(new), _numbers(was), atol=0.02, err_msg="page is stale")
    assert (tmp_path / "images" / "published_finding.svg").stat().st_size > 5_000
