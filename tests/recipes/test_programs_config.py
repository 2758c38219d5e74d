from __future__ import annotations

from pathlib import Path

import pytest

from niche.errors import InputValueError
from niche.recipes import CommunicationConfig, ProgramsConfig, TumorStromaConfig, load_config, to_toml


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"programs": {"k": []}}, "programs.k"),
        ({"programs": {"n_starts": 1}}, "programs.n_starts must be greater than or equal to 2"),
        ({"programs": {"mode": "both"}}, "programs.mode must be"),
        ({"programs": {"seed": 1}}, "programs.seed is not a field. Fields here: k, mode"),
        ({"compare": {"n_permutations": 3}}, "compare.n_permutations is not a field"),
        ({"compare": {"tissues": ["blood"]}}, "compare.tissues"),
        ({"signatures": {"min_genes": 0}}, "signatures.min_genes"),
        ({"communication": {}}, "communication is not a field"),
    ],
)
def test_the_message_names_the_field(fields: dict[str, object], told: str) -> None:
    with pytest.raises(InputValueError) as caught:
        load_config(fields, recipe="programs_across_sites")
    assert told in str(caught.value)


def test_shared_sections_are_the_same() -> None:
    mine = ProgramsConfig.model_fields
    for other, names in (
        (CommunicationConfig, ("input", "qc", "ambient")),
        (TumorStromaConfig, ("cnv", "compartments", "ambient", "min_cells")),
    ):
        for name in names:
            assert mine[name].annotation is other.model_fields[name].annotation, name
    assert ProgramsConfig(min_cells=5).least_cells == 5


def test_every_field_is_explained_and_read_back(tmp_path: Path) -> None:
    asked = ProgramsConfig(programs={"k": [8, 10], "mode": "pooled"}, compare={"covariates": ["subtype"]})
    lines = to_toml(asked).splitlines()
    for i, line in enumerate(lines):
        if "=" in line and not line.startswith("#"):
            assert lines[i - 1].startswith("# "), line
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(asked))
    assert load_config(file) == asked
