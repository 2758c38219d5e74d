"""Whole recipes from the command line, on a third of the demo and on real data."""

# ruff: noqa: F811 - fixtures are asked for by their names

from __future__ import annotations

from pathlib import Path

import anndata as ad
import pandas as pd
import pytest
from cli_study import FAST, fast, plain, refused, study  # noqa: F401 - fixtures
from report_page import parsed

import niche
from niche.cli import main
from niche.recipes import load_config

pytestmark = pytest.mark.once


class TestTumorStroma:
    """The recipe that needs no cell types, from the command line."""

    @pytest.mark.usefixtures("plain")
    def test_run_and_run_again(self, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        adata = ad.read_h5ad(study)
        adata.obs = adata.obs.drop(columns=["celltype", "compartment"])
        adata[adata.obs["site"] == "bone"].copy().write_h5ad(tmp_path / "nameless.h5ad")
        config, out = tmp_path / "recipe.toml", tmp_path / "out"
        init = ["init", str(tmp_path / "nameless.h5ad"), "--recipe", "tumor_stroma", "--out", str(config)]
        assert main(init) == 0
        told = capsys.readouterr().out
        assert "fill in" not in told
        assert "look at" not in told
        text = config.read_text().replace("[cluster]", "[cluster]\nrun = false", 1)
        text = text.replace("run = false\n# Cluster the cells and draw their map.\nrun = true", "run = false")
        config.write_text(text.replace("min_cells_scrublet = 100", "min_cells_scrublet = 100000"))
        run = ["run", str(tmp_path / "nameless.h5ad"), "--config", str(config), "--out", str(out)]
        assert main(run) == 0
        page = parsed(out / "report.html")
        assert page.text.strip().startswith("Tumor and host")
        assert "Copy-number evidence" in page.sections["tumor_host"]
        names = {file.stem for file in (out / "tables").glob("*.tsv")}
        assert {"compartments_samples", "cnv_references", "ambient_samples", "ambient_leaked"} <= names
        capsys.readouterr()
        again = ["run", str(out / "result.h5ad"), "--config", str(out / "recipe.toml"), "--out"]
        assert main([*again, str(tmp_path / "again")]) == 0
        steps = ad.read_h5ad(tmp_path / "again" / "result.h5ad").uns["recipe"]["steps"]
        assert set(steps["status"].astype(str)) == {"resumed", "skipped"}

    def test_bad_input(
        self, study: Path, fast: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        argv = ["run", study, "--out", tmp_path / "out", "--recipe"]
        assert "invalid choice: 'magic'" in refused(capsys, *argv, "magic")
        assert "no option of the recipe tumor_stroma" in refused(
            capsys, *argv, "tumor_stroma", "--tissues", "primary"
        )
        (tmp_path / "other.toml").write_text('recipe = "tumor_stroma"\n')
        told = refused(capsys, *argv, "communication_by_organ", "--config", tmp_path / "other.toml")
        assert "settings of tumor_stroma" in told


class TestProgramsAcrossSites:
    """Programs of the tumor, from the command line."""

    def test_run_and_run_again(
        self,
        study: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        config, out = tmp_path / "recipe.toml", tmp_path / "out"
        init = ["init", str(study), "--recipe", "programs_across_sites", "--out", str(config)]
        assert main(init) == 0
        assert "no covariates of the comparison; compare.covariates can name them" in capsys.readouterr().out
        text = config.read_text().replace("min_cells_scrublet = 100", "min_cells_scrublet = 100000")
        text = text.replace("# k =", "k = [4]").replace("n_starts = 20", "n_starts = 3")
        text = text.replace("min_cells = 20", "min_cells = 5")
        config.write_text(text)
        assert load_config(config).programs.k == [4]
        run = ["run", str(study), "--config", str(config), "--out", str(out)]
        assert main(run) == 0
        page = parsed(out / "report.html")
        assert page.text.strip().startswith("Programs of the tumor across organs")
        assert "What was found" in page.sections["programs"]
        assert "consensus non-negative matrix factorisation" in page.sections["methods"]
        names = {file.stem for file in (out / "tables").glob("*.tsv")}
        assert {"programs", "programs_genes", "compare_programs", "compare_programs_verdicts"} <= names
        assert {"signatures", "signatures_signatures"} <= names
        figures = {file.stem for file in (out / "figures").glob("*.svg")}
        assert {"programs", "program_usage", "program_variance", "program_ambient"} <= figures
        monkeypatch.setattr("niche.report.gallery.figures", lambda found: {})
        again = ["run", str(out / "result.h5ad"), "--config", str(out / "recipe.toml"), "--out"]
        assert main([*again, str(tmp_path / "again")]) == 0
        steps = ad.read_h5ad(tmp_path / "again" / "result.h5ad").uns["recipe"]["steps"]
        assert set(steps["status"].astype(str)) == {"resumed", "skipped"}

    def test_bad_input(self, study: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        argv = ["run", study, "--out", tmp_path / "out", "--recipe", "programs_across_sites"]
        told = refused(capsys, *argv, "--tissues", "primary")
        assert "no option of the recipe programs_across_sites" in told
        assert "invalid choice" in refused(capsys, *argv[:-1], "programs")
        config = tmp_path / "recipe.toml"
        config.write_text('recipe = "programs_across_sites"\n[programs]\nk = [400]\n')
        assert "k=400" in refused(capsys, *argv, "--config", config)
        assert not (tmp_path / "out").exists()


class TestRealData:
    @pytest.mark.usefixtures("plain")
    def test_maynard(self, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "out"
        (tmp_path / "no_map.toml").write_text("[cluster]\nrun = false\n")
        argv = [
            "run",
            str(shared_data / "maynard2020_nsclc_mets_3k.h5ad"),
            "--organ",
            "site",
            "--tissue",
            "tissue_origin",
        ]
        argv += ["--cell-type", "cell_type", "--malignant", "malignant_putative", "--out", str(out)]
        assert main([*argv, "--config", str(tmp_path / "no_map.toml")]) == 0
        assert "tissue_origin = normal_adjacent is read as normal (151 cells)" in capsys.readouterr().err
        told = parsed(out / "report.html").sections
        assert "Counts: unavailable" in told["quality"]
        for organ in ("Adrenal", "Brain"):
            assert f"{organ}: no edge could be tested" in told["summary"]
        assert "every tested edge rests on a single patient" in told["summary"]
        assert "take part as host cells" in told["cells"]
        assert "cell type present but too few cells" in told["communication"]
        edges = niche.get.communication(ad.read_h5ad(out / "result.h5ad"))
        assert set(edges["organ"].unique()) == {"adrenal", "brain", "liver", "lymph_node", "pleura"}
        left = pd.read_csv(out / "tables" / "qc_left_out.tsv", sep="\t").set_index("cell_type")["share"]
        assert left.get("Plasma cell", 0) < 0.1, "plasma cells look odd and are not bad cells"

    def test_chung(self, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "out"
        argv = ["run", str(shared_data / "chung2017_breast_primary_LNmet.h5ad"), "--organ", "site"]
        argv += ["--cell-type", "cell_type_marker", "--malignant", "malignant_putative", "--out", str(out)]
        assert main(argv) == 0
        told = capsys.readouterr().err
        assert "guessed: tissue taken from obs['is_metastasis']" in told
        assert "is_metastasis = True is read as metastasis (108 cells)" in told
        sections = parsed(out / "report.html").sections
        assert "one metastatic organ only: primary tumors are analysed beside it" in sections["provenance"]
        assert "Raw counts were found in X" in sections["quality"]
        organs = set(niche.get.communication(ad.read_h5ad(out / "result.h5ad"))["organ"].unique())
        assert organs == {"breast (primary)", "lymph_node"}

    def test_maynard_needs_no_flags(self, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", str(shared_data / "maynard2020_nsclc_mets_3k.h5ad")]) == 0
        told = capsys.readouterr().err
        for guess in ("obs['site']", "obs['tissue_origin']", "obs['malignant_putative']"):
            assert guess in told


class TestXenograft:
    """Two species, from the command line."""

    @pytest.mark.usefixtures("plain")
    def test_init_and_run(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        adata = niche.datasets.simulate_xenograft(3, animals_per_organ=2, cells=80, n_genes=1500)
        adata.write_h5ad(tmp_path / "mice.h5ad")
        config, out = tmp_path / "recipe.toml", tmp_path / "out"
        init = ["init", str(tmp_path / "mice.h5ad"), "--recipe", "xenograft", "--out", str(config)]
        assert main(init) == 0
        assert 'patient = "animal"' in config.read_text() and "[species]" in config.read_text()
        quick = load_config(config).model_copy(update=_quick_sections())
        config.write_text(niche.recipes.to_toml(quick))
        capsys.readouterr()
        assert main(["run", str(tmp_path / "mice.h5ad"), "--config", str(config), "--out", str(out)]) == 0
        page = parsed(out / "report.html")
        assert "human" in page.sections["species"] and "animal" in config.read_text()
        names = {file.stem for file in (out / "tables").glob("*.tsv")}
        assert {"species", "orthologs_species", "orthologs_dropped", "communication_tested"} <= names
        human = tmp_path / "human.h5ad"
        adata[:, adata.var_names.str.startswith("GRCh38_")].copy().write_h5ad(human)
        argv = ["run", human, "--out", tmp_path / "none", "--recipe", "xenograft"]
        assert "all 1500 genes are human" in refused(capsys, *argv)


class TestSpatial:
    """Sections of tissue, from the command line."""

    def test_init_plan_and_run(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        adata = niche.datasets.simulate_spatial(1, patients=3, side=10, n_genes=150, pairs_per_kind=2)
        adata.obs = adata.obs.rename(columns={"organ": "site"})
        adata.write_h5ad(tmp_path / "sections.h5ad")
        config, out = tmp_path / "recipe.toml", tmp_path / "out"
        data = str(tmp_path / "sections.h5ad")
        assert main(["init", data, "--recipe", "spatial", "--out", str(config)]) == 0
        text = config.read_text()
        assert 'organ = "site"' in text and "[spatial]" in text
        config.write_text(text.replace("n_perms = 1000", "n_perms = 10"))
        capsys.readouterr()
        run = ["run", data, "--config", str(config), "--out", str(out)]
        assert main([*run, "--dry-run"]) == 0
        assert "cell types that touch in sections" in capsys.readouterr().out and not out.exists()
        assert main([*run, "--lazy"]) == 0
        page = parsed(out / "report.html")
        assert page.text.strip().startswith("Ligand-receptor pairs in sections of tissue")
        assert "Contacts of cell types" in page.sections["spatial"]
        names = {file.stem for file in (out / "tables").glob("*.tsv")}
        assert {"spatial_sections", "spatial_tested", "compare_spatial", "touching"} <= names
        assert (out / "figures" / "spatial.svg").exists()
        assert (out / "figures" / "source" / "spatial.tsv").exists()
        monkeypatch.setattr("niche.report.gallery.figures", lambda found: {})
        again = ["run", str(out / "result.h5ad"), "--config", str(out / "recipe.toml"), "--out"]
        assert main([*again, str(tmp_path / "again")]) == 0
        steps = ad.read_h5ad(tmp_path / "again" / "result.h5ad").uns["recipe"]["steps"]
        assert set(steps["status"].astype(str)) == {"resumed", "skipped"}
        del adata.obsm["spatial"]
        adata.write_h5ad(tmp_path / "bare.h5ad")
        told = refused(capsys, "run", tmp_path / "bare.h5ad", "--config", config, "--out", tmp_path / "none")
        assert "These data have no places" in told
        assert "no option of the recipe spatial" in refused(
            capsys, *run[:-2], "--out", tmp_path / "none", "--tissues", "primary"
        )


def _quick_sections() -> dict[str, object]:
    made = load_config(
        {
            "recipe": "xenograft",
            "cluster": {"run": False},
            "qc": {"min_cells_scrublet": 100_000},
            "communication": {"resource": "niche", "null": "analytic"},
            "compare": {"n_permutations": 0},
        }
    )
    return {name: getattr(made, name) for name in ("cluster", "qc", "communication", "compare")}
