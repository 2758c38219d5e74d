from __future__ import annotations

from pathlib import Path

from niche.recipes import XenograftConfig, guess_config, load_config, to_toml


def test_toml_goes_round(tmp_path: Path) -> None:
    config = XenograftConfig(species={"graft": "mouse", "min_counts": 300})
    file = tmp_path / "recipe.toml"
    file.write_text(to_toml(config))
    assert load_config(file) == config
    assert "[species]" in file.read_text() and "no_cross_reaction" in file.read_text()


def test_animals_and_no_organism_are_guessed() -> None:
    import niche

    adata = niche.datasets.simulate_xenograft(3, animals_per_organ=1, cells=40, n_genes=1500)
    found = guess_config(adata, XenograftConfig())
    assert found.config.input.patient == "animal" and found.config.organism == "human"
    assert not found.missing and not any("organism" in note for note in found.notes)
    del adata.obs["cell_type"]
    assert not guess_config(adata, XenograftConfig()).missing, "cell types need not be given"
