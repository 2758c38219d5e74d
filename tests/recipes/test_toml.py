from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from niche.recipes import CommunicationConfig, load_config, to_toml

FULL = {
    "seed": 7,
    "n_jobs": 2,
    "notes": ['a "quoted" note', "one\nwith a line break, a \\ and a \x7f"],
    "input": {
        "organ": "site",
        "malignant": "is malignant?",
        "tissue_map": {"normal_adjacent": "normal", "Tumour, primary": "primary"},
        "compartments": {'T "cell"': "immune", "B.cell": "immune", "": "unresolved", "é": "tumor"},
    },
    "qc": {"exclude": [], "max_pct_mt": 20.5, "n_mads": 1e-3},
    "cluster": {"run": False},
    "communication": {"senders": ["tumor", "T cell"], "expr_prop": 0.0, "null": "none"},
    "ambient": {"max_share": 0.4},
    "compare": {"covariates": ["sub type", "assay"], "patients": "fixed", "n_permutations": 0},
}


@pytest.mark.parametrize("fields", [{}, FULL])
def test_what_is_written_is_read_back(fields: dict[str, object], tmp_path: Path) -> None:
    config = CommunicationConfig.model_validate(fields)
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_config(file) == config


def test_every_field_is_explained() -> None:
    lines = to_toml(CommunicationConfig()).splitlines()
    for i, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[i - 1].startswith("# "), line
    assert max(map(len, lines)) <= 110


def test_a_comment_cannot_become_a_setting() -> None:
    evil = "site\nseed = 99\x00\n[qc]"
    text = to_toml(CommunicationConfig(), comments={"input.organ": evil})
    assert tomllib.loads(text)["seed"] == 0
    assert "# seed = 99" in text
