"""Stability of verdicts as tables."""

from __future__ import annotations

import pytest

from niche import get
from niche.errors import InputValueError, MissingKeyError

VERDICTS = [
    "contrast", "source", "target", "ligand_complex", "receptor_complex", "call", "stability", "worst_factor",
    "lost_in", "turned_in", "n_universes", "n_tested", "n_patients_untried", "share_same_call",
    "share_opposite_sign", "share_not_testable", "log2fc", "log2fc_low", "log2fc_high",
]  # fmt: skip
UNIVERSES = [
    "universe", "factor", "resource", "level", "expr_prop", "min_cells", "patients", "left_out", "status",
    "reason", "n_tested", "n_called",
]  # fmt: skip


def test_columns(_corridor):
    assert list(get.multiverse(_corridor)) == VERDICTS
    assert list(get.multiverse(_corridor, what="universes")) == UNIVERSES
    assert list(get.multiverse(_corridor, what="universes")["universe"]) == [
        "base", "resource=cellphonedb", "expr_prop=0.2",
    ]  # fmt: skip


def test_every_verdict_of_the_run_is_there(_corridor):
    called = get.compare_communication(_corridor, call=["enriched", "specific", "depleted"])
    table = get.multiverse(_corridor)
    names = VERDICTS[:5]
    there = set(table[names].astype(str).itertuples(index=False, name=None))
    assert set(called[names].astype(str).itertuples(index=False, name=None)) <= there
    assert len(called) > 10


def test_rows_are_kept_by_name(_corridor):
    table = get.multiverse(_corridor, contrast="bone_vs_rest", stability=["robust", "sensitive"])
    assert set(table["contrast"]) == {"bone_vs_rest"}
    assert set(table["stability"]) <= {"robust", "sensitive"}
    calls = get.multiverse(
        _corridor, what="calls", contrast="bone_vs_rest", stability=["robust", "sensitive"]
    )
    assert len(calls) == 3 * len(table)
    assert "stability" not in calls


def test_it_says_what_it_is_not(_corridor):
    assert "no p-value is made of them" in get.multiverse(_corridor).attrs["statement"]
    assert not [
        name
        for what in ("verdicts", "calls")
        for name in get.multiverse(_corridor, what=what)
        if "val" in name
    ]


def test_what_is_unknown_is_refused(_corridor, demo):
    with pytest.raises(InputValueError, match="contrast: 'moon_vs_rest' not in the result"):
        get.multiverse(_corridor, contrast="moon_vs_rest")
    with pytest.raises(InputValueError, match="what"):
        get.multiverse(_corridor, what="pvalues")
    with pytest.raises(MissingKeyError, match=r"Run niche\.recipes\.multiverse first"):
        get.multiverse(demo)
