from __future__ import annotations

from pathlib import Path

import pytest
from spatial_study import sections

from niche.errors import InputValueError
from niche.recipes import SpatialConfig, guess_config, load_config, to_toml


def test_toml_goes_round(tmp_path: Path) -> None:
    config = SpatialConfig(
        spatial={"graph": "radius", "radius": 2.5, "tumor": ["Melanoma"]}, compare={"statistics": ["section"]}
    )
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(config))
    assert load_config(file) == config
    assert "[spatial]" in file.read_text() and "interface_key" in file.read_text()


def test_spots_are_left_out_only_where_they_are_empty() -> None:
    config = SpatialConfig()
    assert config.qc.exclude == ["empty"]
    assert load_config({"recipe": "spatial", "qc": {"n_mads": 3}}).qc.exclude == ["empty"]


def test_columns_are_guessed() -> None:
    adata = sections()
    adata.obs = adata.obs.rename(columns={"organ": "site"})
    adata.obs["assay"] = adata.obs["site"].astype(str).to_numpy()
    found = guess_config(adata, SpatialConfig())
    assert found.config.input.organ == "site" and not found.missing
    assert any(note.endswith("compare.covariates can name them: assay") for note in found.notes)
    del adata.obs["cell_type"]
    assert not guess_config(adata, SpatialConfig()).missing, "cell types need not be given"


@pytest.mark.parametrize(
    ("field", "value"), [("statistics", []), ("statistics", ["border"]), ("tissues", ["tumour"])]
)
def test_what_makes_no_sense_is_refused(field: str, value: object) -> None:
    with pytest.raises(InputValueError, match=f"compare.{field}"):
        load_config({"recipe": "spatial", "compare": {field: value}})
