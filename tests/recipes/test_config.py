from __future__ import annotations

from pathlib import Path

import pytest

from niche.errors import InputTypeError, InputValueError
from niche.recipes import CommunicationConfig, load_config


def test_every_form_gives_the_same_settings(tmp_path: Path) -> None:
    fields = {"organism": "mouse", "input": {"organ": "site"}, "communication": {"min_cells": 5}}
    file = tmp_path / "recipe.toml"
    file.write_text('organism = "mouse"\n[input]\norgan = "site"\n[communication]\nmin_cells = 5\n')
    model = CommunicationConfig.model_validate(fields)
    assert load_config(fields) == load_config(file) == load_config(str(file)) == load_config(model) == model
    assert load_config() == CommunicationConfig()


def test_a_model_is_copied() -> None:
    mine = CommunicationConfig()
    load_config(mine).input.organ = "site"
    assert mine.input.organ is None


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"communication": {"expr_prop": 3}},
            "communication.expr_prop must be less than or equal to 1. Got 3",
        ),
        ({"communication": {"min_cell": 3}}, "communication.min_cell is not a field. Fields here: resource"),
        ({"colour": "red"}, "colour is not a field. Fields here: recipe, organism"),
        ({"organism": "rat"}, "organism must be 'human' or 'mouse'. Got 'rat'"),
        ({"input": {"tissue_map": {"x": "bone"}}}, "input.tissue_map.x must be"),
        ({"input": {"compartments": {"T": "lymph"}}}, "input.compartments.T must be"),
        ({"qc": {"exclude": ["ugly"]}}, "qc.exclude.0 must be"),
        ({"qc": True}, "qc"),
        ({"compare": {"n_permutations": -1}}, "compare.n_permutations must be greater than or equal to 0"),
        ({"compare": {"patients": "cells"}}, "compare.patients must be 'averaged', 'consensus' or 'fixed'"),
        ({"communication": {"tissues": []}}, "communication.tissues"),
        ({"seed": -1}, "seed must be greater than or equal to 0. Got -1"),
    ],
)
def test_the_message_names_the_field(fields: dict[str, object], told: str) -> None:
    with pytest.raises(InputValueError) as caught:
        load_config(fields)
    assert told in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InputValueError, match=r"seed .*; qc\.n_mads "):
        load_config({"seed": -1, "qc": {"n_mads": 0}})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputValueError, match="cannot read the config"):
        load_config(tmp_path / "nothing.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 3")
    with pytest.raises(InputValueError, match=r"broken\.toml is not valid TOML"):
        load_config(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputValueError, match="not text in UTF-8"):
        load_config(broken)
    broken.write_text("seed = -3")
    with pytest.raises(InputValueError, match=r"broken\.toml: seed"):
        load_config(broken)


def test_what_is_no_config() -> None:
    with pytest.raises(InputTypeError, match="Got int"):
        load_config(3)  # type: ignore[arg-type]
