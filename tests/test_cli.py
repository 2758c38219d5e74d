"""The command line, called in this process: exit codes, messages, files."""

# ruff: noqa: F811 - fixtures are asked for by their names

from __future__ import annotations

import runpy
import sys
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from cli_study import FAST, fast, plain, refused, study  # noqa: F401 - fixtures
from report_page import parsed

import niche
from niche.cli import main
from niche.recipes import load_config

TABLES = {
    "cells", "communication_cell_pairs", "communication_status", "communication_tested", "design_cell_types",
    "design_issues", "design_organs", "design_samples", "published_axes", "qc_left_out", "qc_samples", "steps",
    "ambient_samples", "ambient_cell_types", "ambient_leaked", "compare_communication",
    "compare_communication_untested", "organ_exclusive",
}  # fmt: skip

PROGRAM_TABLES = {
    "compare_programs", "compare_programs_organs", "compare_programs_sensitivity", "compare_programs_units",
    "compare_programs_verdicts", "programs", "programs_annotation", "programs_curve", "programs_genes",
    "programs_samples", "programs_usage", "signatures", "signatures_samples", "signatures_signatures",
}  # fmt: skip


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--n-jobs", "2"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert sorted(item.name for item in out.iterdir()) == [
        "figures",
        "recipe.toml",
        "report.html",
        "result.h5ad",
        "tables",
    ]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["demo"], "no draft is left"
    names = {file.stem for file in (out / "tables").glob("*.tsv")}
    assert names == TABLES | PROGRAM_TABLES | {"clusters", "tropism", "mediators", "compatibility"}
    figures = {file.stem for file in (out / "figures").glob("*.svg")}
    assert {"design", "umap_organ", "communication_bone", "published_axes", "between_volcano_bone"} <= figures
    assert figures == {file.stem for file in (out / "figures" / "source").glob("*.tsv")}
    for file in out.rglob("*.tsv"):
        assert len(pd.read_csv(file, sep="\t").columns) > 1, file.name
    page = parsed(out / "report.html")
    assert "simulated data: the bundled demo of niche, not patients" in page.text
    assert list(page.sections)[:2] == ["summary", "account"], "the report leads with the account"
    planted = niche.datasets.demo().uns["truth"]["edges"].query("planted and kind == 'both'")
    found = pd.read_csv(out / "tables" / "tropism.tsv", sep="\t").query("status in ['enriched', 'specific']")
    keys = ["organ", "source", "target", "ligand_complex", "receptor_complex"]
    assert set(found.merge(planted, on=keys)["organ"]) == {"bone", "lung", "liver"}
    assert "status" in niche.get.communication(ad.read_h5ad(out / "result.h5ad"))
    load_config(out / "recipe.toml")


def test_run_guesses_and_says_so(
    study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    assert main(["run", str(study), "--config", str(fast), "--out", str(out), "--seed", "3"]) == 0
    told = capsys.readouterr()
    for guess in (
        "organ taken from obs['site']",
        "cell type taken from obs['celltype']",
        "tissue taken from obs['origin']",
    ):
        assert f"guessed: {guess}" in told.err
    assert "note: tissue: origin = primary tumour is read as primary" in told.err
    used = load_config(out / "recipe.toml")
    assert (used.seed, used.input.organ, used.qc.min_cells_scrublet) == (3, "site", 100_000)
    page = parsed(out / "report.html")
    assert "guessed: organ taken from obs['site']" in page.sections["provenance"]
    assert "origin = primary tumour is read as primary" in page.sections["provenance"]

    assert main(["check", str(study), "--config", str(out / "recipe.toml")]) == 0
    assert "guessed" not in capsys.readouterr().err, "what was guessed once is known now"


@pytest.mark.usefixtures("plain")
def test_lazy_input_gives_the_same_tables(study: Path, fast: Path, tmp_path: Path) -> None:
    out = {}
    for name in ("held", "lazy"):
        out[name] = tmp_path / name
        options = ["--lazy"] if name == "lazy" else []
        assert main(["run", str(study), *options, "--config", str(fast), "--out", str(out[name])]) == 0
    held, lazy = ({file.name: file.read_bytes() for file in (out[n] / "tables").iterdir()} for n in out)
    assert held == lazy and len(held) > 10
    first, second = (ad.read_h5ad(out[name] / "result.h5ad") for name in out)
    assert (first.X != second.X).nnz == 0 and (first.layers["counts"] != second.layers["counts"]).nnz == 0


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("lazy", [[], ["--lazy"]])
def test_a_full_disk_leaves_nothing_that_looks_whole(
    study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, lazy: list[str],
) -> None:  # fmt: skip
    """The disk fills up while the result is written: half of it is there by then."""

    def half(adata: ad.AnnData, path: Path, **options: object) -> None:
        Path(path).write_bytes(b"half of a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ad.AnnData, "write_h5ad", half)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", niche.errors.NicheWarning)
        told = refused(capsys, "run", study, *lazy, "--config", fast, "--out", tmp_path / "out")
    assert "cannot write the results" in told and "No space left on device" in told
    assert list(tmp_path.iterdir()) == [], "something is left"


@pytest.mark.usefixtures("plain")
def test_flags_win_over_the_config(study: Path, fast: Path, tmp_path: Path) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text(f'seed = 1\n{FAST}\n[input]\norgan = "nowhere"\ntissue = "origin"\n')
    out = tmp_path / "out"
    argv = ["run", str(study), "--config", str(config), "--out", str(out), "--organ", "site", "--seed", "2"]
    assert main([*argv, "--tissues", "primary", "metastasis", "--title", "Mine"]) == 0
    used = load_config(out / "recipe.toml")
    assert (used.input.organ, used.seed, used.communication.tissues) == ("site", 2, ["primary", "metastasis"])
    assert "breast (primary)" in niche.get.communication(ad.read_h5ad(out / "result.h5ad"))["organ"].unique()
    assert parsed(out / "report.html").text.strip().startswith("Mine")


def test_a_recipe_that_goes_on_from_a_result_is_called_in_python(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text('recipe = "multiverse"\n')
    assert main(["run", str(study), "--config", str(config), "--out", str(tmp_path / "out")]) == 2
    assert "niche.recipes.multiverse(result, config)" in capsys.readouterr().err


@pytest.mark.usefixtures("plain")
def test_no_tissue_is_said(
    study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adata = ad.read_h5ad(study)
    del adata.obs["origin"]
    adata.write_h5ad(tmp_path / "study.h5ad")
    argv = ["run", str(tmp_path / "study.h5ad"), "--config", str(fast), "--out", str(tmp_path / "out")]
    assert main(argv) == 0
    assert "every sample is taken as a metastasis" in capsys.readouterr().err
    assert (
        "every sample was taken as a metastasis"
        in parsed(tmp_path / "out" / "report.html").sections["summary"]
    )


@pytest.mark.usefixtures("plain")
def test_warnings_are_one_line_notes(
    study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adata = ad.read_h5ad(study)
    adata[adata.obs["site"] == "bone"].copy().write_h5ad(tmp_path / "bone.h5ad")
    assert (
        main(["run", str(tmp_path / "bone.h5ad"), "--config", str(fast), "--out", str(tmp_path / "out")]) == 0
    )
    notes = [line for line in capsys.readouterr().err.splitlines() if "one organ only" in line]
    assert len(notes) == 1
    assert notes[0].startswith("note: one organ only (bone)")


class TestBadInput:
    def test_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "required: command" in refused(capsys)
        assert main(["--help"]) == 0
        told = capsys.readouterr().out
        assert "first steps:" in told and "niche run STUDY.h5ad --config recipe.toml" in told
        assert "invalid choice: 'fly'" in refused(capsys, "fly")
        assert "--out" in refused(capsys, "run", "x.h5ad")
        assert "invalid int value" in refused(capsys, "run", "x.h5ad", "--out", "y", "--seed", "x")

    def test_files(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert "does not exist" in refused(capsys, "check", tmp_path / "nothing.h5ad")
        assert "is a folder" in refused(capsys, "check", tmp_path)
        text = tmp_path / "text.h5ad"
        text.write_text("gene,cell")
        assert "is not an h5ad file" in refused(capsys, "check", text)
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["matrix"] = np.ones(3)
        assert "no h5ad file: it holds matrix" in refused(capsys, "check", tmp_path / "other.h5")
        with h5py.File(tmp_path / "broken.h5ad", "w") as file:
            file["obs"], file["var"] = np.ones(3), np.ones(3)
        assert "cannot be read as an h5ad file" in refused(capsys, "check", tmp_path / "broken.h5ad")

    @pytest.mark.parametrize("lazy", [[], ["--lazy"]])
    def test_files_that_end_early(
        self, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lazy: list[str]
    ) -> None:
        cut = tmp_path / "cut.h5ad"
        cut.write_bytes(study.read_bytes()[: study.stat().st_size // 2])
        told = refused(capsys, "run", cut, *lazy, "--out", tmp_path / "out")
        assert "cut.h5ad' cannot be read as an h5ad file" in told and "truncated" in told
        folder = tmp_path / "cut.zarr"
        ad.read_h5ad(study).write_zarr(folder)
        next(
            file for file in (folder / "X" / "data").rglob("*") if file.is_file() and file.name[0] in "0c"
        ).unlink()
        told = refused(capsys, "run", folder, *lazy, "--out", tmp_path / "out")
        assert "cut.zarr' is incomplete: chunks of X/data are missing" in told
        assert sorted(item.name for item in tmp_path.iterdir()) == ["cut.h5ad", "cut.zarr"], (
            "something is left"
        )

    def test_columns(
        self, study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        told = refused(capsys, "run", study, "--organ", "nowhere", "--out", out)
        assert "column 'nowhere' not found" in told
        assert "--organ" in told
        assert "'site'" in told
        assert "Did you mean 'site'?" in refused(capsys, "run", study, "--organ", "Sites", "--out", out)
        adata = ad.read_h5ad(study)
        del adata.obs["patient"]
        adata.write_h5ad(tmp_path / "short.h5ad")
        assert "--patient" in refused(capsys, "run", tmp_path / "short.h5ad", "--out", out)
        assert "seed" in refused(capsys, "run", study, "--config", fast, "--out", out, "--seed", "-1")
        assert sorted(tmp_path.iterdir()) == [tmp_path / "short.h5ad"], "nothing half-written is left"

    def test_no_cell_types(self, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        adata = ad.read_h5ad(study)
        del adata.obs["celltype"]
        adata.write_h5ad(tmp_path / "short.h5ad")
        told = refused(capsys, "run", tmp_path / "short.h5ad", "--out", tmp_path / "out")
        assert "recognised as cell type" in told and "--recipe tumor_stroma" in told
        assert main(["init", str(tmp_path / "short.h5ad"), "--out", str(tmp_path / "recipe.toml")]) == 0
        assert "fill in: input.cell_type. Without cell types start with --recipe" in capsys.readouterr().out

    def test_config(self, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config = tmp_path / "recipe.toml"
        config.write_text("[communication]\nexpr_prop = 3\n")
        argv = ["run", study, "--out", tmp_path / "out", "--config"]
        assert "recipe.toml: communication.expr_prop must be" in refused(capsys, *argv, config)
        assert "cannot read the config" in refused(capsys, *argv, tmp_path / "nothing.toml")

    def test_values(
        self, study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        adata = ad.read_h5ad(study)
        adata.X.data[0] = -1
        adata.write_h5ad(tmp_path / "negative.h5ad")
        told = refused(capsys, "run", tmp_path / "negative.h5ad", "--config", fast, "--out", tmp_path / "out")
        assert "negative" in told
        assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("plain")
class TestOutput:
    def test_a_folder_in_use_is_kept(
        self, study: Path, fast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        mine = tmp_path / "notes.txt"
        mine.write_text("mine")
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables" / "old.tsv").write_text("old")
        argv = ["run", str(study), "--config", str(fast), "--out", str(tmp_path)]
        assert "is not empty" in refused(capsys, *argv)
        assert (tmp_path / "tables" / "old.tsv").is_file()
        assert main([*argv, "--overwrite"]) == 0
        assert mine.read_text() == "mine"
        assert not (tmp_path / "tables" / "old.tsv").exists()
        names = {"figures", "notes.txt", "recipe.toml", "report.html", "result.h5ad", "tables"}
        assert {item.name for item in tmp_path.iterdir()} == names

    def test_an_empty_folder_can_be_used(self, study: Path, fast: Path, tmp_path: Path) -> None:
        assert main(["run", str(study), "--config", str(fast), "--out", str(tmp_path)]) == 0
        assert (tmp_path / "report.html").is_file()

    def test_a_place_that_cannot_be_written(
        self, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "file"
        file.write_text("mine")
        assert "is a file" in refused(capsys, "run", study, "--out", file)
        assert "cannot write to" in refused(capsys, "run", study, "--out", file / "out")

        def read_only(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("tempfile.mkdtemp", read_only)
        told = refused(capsys, "run", study, "--out", tmp_path / "out")
        assert "Permission denied" in told
        assert "--out" in told
        assert file.read_text() == "mine"

    def test_a_full_disk(
        self,
        study: Path,
        fast: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(*args: object, **kwargs: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(ad.AnnData, "write_h5ad", full)
        told = refused(capsys, "run", study, "--config", fast, "--out", tmp_path / "out")
        assert "No space left on device" in told
        assert list(tmp_path.iterdir()) == []


def test_init_writes_a_recipe_that_runs(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    assert main(["init", str(study), "--out", str(recipe)]) == 0
    told = capsys.readouterr().out
    assert "guessed: organ taken from obs['site']" in told
    assert f"niche run {study} --config {recipe}" in told and f"niche check {study} --config {recipe}" in told
    assert "found: " in told and "patients by organ: " in told
    assert "look this section over" in recipe.read_text()
    assert load_config(recipe).input.organ == "site"
    assert "exists" in refused(capsys, "init", study, "--out", recipe)
    assert main(["init", str(study), "--out", str(recipe), "--overwrite", "--organ", "patient"]) == 0
    assert load_config(recipe).input.organ == "patient"
    assert "cannot write" in refused(capsys, "init", study, "--out", tmp_path / "nowhere" / "recipe.toml")


def test_init_says_what_must_be_filled_in(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adata = ad.read_h5ad(study)
    adata.obs["celltype"] = adata.obs["celltype"].astype(str).replace({"T cell": "cluster 7"}).to_numpy()
    adata.obs = adata.obs.drop(columns=["patient", "compartment"])
    adata.write_h5ad(tmp_path / "short.h5ad")
    recipe = tmp_path / "recipe.toml"
    assert main(["init", str(tmp_path / "short.h5ad"), "--out", str(recipe)]) == 0
    told = capsys.readouterr().out
    assert "fill in: input.patient" in told
    assert "look at: input.compartments (1 cell type is not recognised by name: 'cluster 7')" in told
    assert "patients by organ" not in told, "who the patients are is not known"
    text = recipe.read_text()
    assert "FILL IN: no column could be recognised" in text
    assert '"cluster 7"' in text
    assert load_config(recipe).input.patient is None


def test_check_prints_the_design(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(study)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("DesignReport: ")
    assert "bone" in told.out
    assert "guessed: organ" in told.err
    assert "niche run takes niche.pp.normalize" in told.out and told.out.rstrip().endswith(
        "the other points stay."
    )


def test_report_is_written_beside_the_result(
    demo: ad.AnnData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    niche.pp.check(demo)
    result = tmp_path / "result.h5ad"
    demo.write_h5ad(result)
    assert main(["report", str(result), "--title", "Again"]) == 0
    assert "Again" in parsed(tmp_path / "report.html").text
    assert "exists" in refused(capsys, "report", result)
    assert main(["report", str(result), "--out", str(tmp_path / "other.html")]) == 0
    assert main(["report", str(result), "--overwrite"]) == 0


def test_resources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resources", "list"]) == 0
    listed = capsys.readouterr().out
    names = list(niche.resources.available()["name"])
    assert [line.split()[0] for line in listed.splitlines()[1:]] == names
    for name in names:
        assert main(["resources", "show", name]) == 0
        shown = capsys.readouterr().out
        assert "# licence: " in shown
    assert main(["resources", "show", "niche", "--all"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(niche.resources.ligand_receptor("niche"))
    assert "no table 'nothing'" in refused(capsys, "resources", "show", "nothing")
    assert "name the table" in refused(capsys, "resources", "show")
    assert "no kind 'nothing'" in refused(capsys, "resources", "list", "--kind", "nothing")


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"niche {niche.__version__}\n"
    for command in ("demo", "init", "check", "run", "report", "resources"):
        assert main([command, "--help"]) == 0
        assert "--debug" in capsys.readouterr().out


def test_a_fault_of_niche(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: object) -> str:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("niche.cli.tables.listing", broken)
    assert main(["resources", "list"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("niche: internal error: ZeroDivisionError: division by zero\n")
    assert "--debug" in told
    assert "Traceback" not in told
    assert main(["resources", "list", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_interrupted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(kind: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("niche.cli.tables.listing", stopped)
    assert main(["resources", "list"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_nothing_is_left_changed(capsys: pytest.CaptureFixture[str]) -> None:
    from niche._log import logger

    before = (logger.level, list(logger.handlers), list(warnings.filters), warnings.showwarning)
    main(["resources", "list", "--verbose"])
    main(["resources", "show", "nothing"])
    assert (logger.level, list(logger.handlers), list(warnings.filters), warnings.showwarning) == before


def test_python_m_niche(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["niche", "--version"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("niche", run_name="__main__")
    assert stop.value.code == 0


def test_a_dry_run_says_the_steps_and_writes_nothing(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code = main(["run", str(study), "--out", str(out), "--recipe", "organotropism", "--dry-run"])
    told = capsys.readouterr().out
    assert code == 0
    columns = {"organ": "site", "cell_type": "celltype", "tissue": "origin"}
    steps = niche.recipes.plan(ad.read_h5ad(study), {"recipe": "organotropism", "input": columns})
    lines = told.splitlines()
    assert lines[0].startswith("organotropism: ")
    assert [line.split("  ")[0] for line in lines[2:-1]] == steps["step"].tolist()
    assert lines[-1].startswith("About ")
    assert lines[-1].endswith("Nothing was written.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_of_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed (extra: completion)")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("resources", "--dry-run", "--overwrite", "organotropism"):
        assert word in script
