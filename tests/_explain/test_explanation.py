"""What an explanation shows."""

from __future__ import annotations

import pandas as pd

from niche._explain.explanation import EdgeExplanation, _rounded


def test_numbers_are_short_and_small_ones_keep_their_digits() -> None:
    table = _rounded(pd.DataFrame({"a": [1.23456, float("nan")], "p": [1.23456e-9, 0.5], "n": [12345, 1]}))
    assert table["a"].tolist()[0] == 1.23
    assert table["a"].isna().tolist() == [False, True]
    assert table["p"].tolist() == [1.23e-9, 0.5]
    assert table["n"].tolist() == [12345, 1]


def test_empty_tables_are_left_out_and_names_are_escaped() -> None:
    empty = pd.DataFrame({name: [] for name in _NAMES})
    shown = EdgeExplanation("a<b -> c: L - R", {"bone": "bone: <nothing>."}, *[empty] * 5)
    assert repr(shown).startswith("EdgeExplanation: a<b -> c: L - R\n\nbone: <nothing>.")
    html = shown._repr_html_()
    assert "<p>bone: &lt;nothing&gt;.</p>" in html
    assert "<table" not in html


_NAMES = [
    "organ", "patient", "ligand_log2cpm", "receptor_log2cpm", "mean_log2cpm", "weight", "n_source", "n_target",
    "n_samples", "used", "reason", "contrast", "log2fc", "ci_low", "ci_high", "pval", "qval", "qval_joint",
    "driver", "call", "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc", "kind", "what",
    "claim", "status", "citation",
]  # fmt: skip
