from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from niche import get, pp, recipes, tl
from niche.errors import InputTypeError, InputValueError, MissingKeyError

NO_SCRUBLET: dict[str, Any] = {"min_cells_scrublet": 100_000}
FAST: dict[str, Any] = {"qc": NO_SCRUBLET, "programs": {"k": [7], "n_starts": 3}}
MINE = ("programs", "compare_programs", "score_signatures")


@pytest.fixture(scope="module")
def result(_demo: ad.AnnData) -> ad.AnnData:
    return recipes.programs_across_sites(_demo, FAST)


def steps(adata: ad.AnnData) -> pd.DataFrame:
    """Status and reason by step."""
    return adata.uns["recipe"]["steps"].astype(str).set_index("step")


def with_(**sections: Any) -> dict[str, Any]:
    return FAST | {name: FAST.get(name, {}) | section for name, section in sections.items()}


def test_every_step_is_done_and_told(result: ad.AnnData) -> None:
    assert steps(result)["status"].to_dict() == {
        "harmonize_genes": "done", "qc": "done", "leave out failing cells": "done", "normalize": "done",
        "call_compartments": "skipped", "check": "done", "ambient": "done", "programs": "done",
        "compare_programs": "done", "score_signatures": "done",
    }  # fmt: skip
    assert "given in obs['compartment']" in steps(result).loc["call_compartments", "reason"]
    assert result.uns["recipe"]["name"] == "programs_across_sites"
    assert len(get.programs(result, what="programs")) == 7
    assert result.uns["recipe"]["excluded"]["n_excluded"].sum() > 0


def test_it_is_the_result_of_the_tools(_demo: ad.AnnData, result: ad.AnnData) -> None:
    adata = _demo.copy()
    pp.harmonize_genes(adata)
    pp.qc(adata, min_cells_scrublet=100_000)
    adata = adata[adata.obs_names.isin(result.obs_names)].copy()
    pp.normalize(adata)
    pp.ambient(adata, "cell_type")
    tl.programs(adata, k=[7], n_starts=3)
    tl.compare_programs(adata)
    for what in ("contrasts", "verdicts"):
        pd.testing.assert_frame_equal(
            get.compare_programs(result, what=what), get.compare_programs(adata, what=what)
        )


def test_the_input_is_not_changed(_demo: ad.AnnData, result: ad.AnnData) -> None:
    assert not {"programs", "recipe", "ambient"} & set(_demo.uns)
    assert "X_programs" not in _demo.obsm


def test_nothing_is_computed_twice(result: ad.AnnData, calls: Counter[str], tmp_path: Path) -> None:
    result.copy().write_h5ad(tmp_path / "result.h5ad")
    again = recipes.programs_across_sites(ad.read_h5ad(tmp_path / "result.h5ad"), FAST)
    assert not calls
    assert set(steps(again)["status"]) == {"resumed", "skipped"}
    assert again.uns["recipe"]["excluded"].equals(result.uns["recipe"]["excluded"])


@pytest.mark.parametrize(
    ("change", "called"),
    [
        ({"compare": {"max_share": 0.4}}, {"compare_programs"}),
        ({"compare": {"covariates": ["subtype"]}}, {"compare_programs", "score_signatures"}),
        ({"signatures": {"min_genes": 3}}, {"score_signatures"}),
        ({"programs": {"n_starts": 4}}, {"programs", "compare_programs"}),
        ({"ambient": {"max_share": 0.4}}, {"ambient", "compare_programs"}),
    ],
)
def test_only_what_changed_is_computed_again(
    result: ad.AnnData, calls: Counter[str], change: dict[str, Any], called: set[str]
) -> None:
    again = recipes.programs_across_sites(result, with_(**change))
    assert calls == dict.fromkeys(called, 1)
    if "compare" in change:
        assert set(again.uns["compare_programs"]["params"]) >= set(change["compare"])


def test_gene_sets_of_a_file_are_read_and_noticed(
    result: ad.AnnData, calls: Counter[str], tmp_path: Path
) -> None:
    genes = get.programs(result, program="P2")["gene"].tolist()
    file = tmp_path / "sets.gmt"
    file.write_text("MINE\tnotes\t" + "\t".join(genes[:20]) + "\n")
    config = with_(programs={"gene_sets": str(file)}, signatures={"gene_sets": str(file)})
    mine = recipes.programs_across_sites(result, config)
    known = get.programs(mine, what="annotation", program="P2").iloc[0]
    assert (known["gene_set"], known["n_shared"]) == ("MINE", 20)
    assert set(get.signatures(mine)["signature"]) == {"MINE"}
    assert calls == {"programs": 1, "compare_programs": 1, "score_signatures": 1}
    recipes.programs_across_sites(mine, config)
    assert calls["programs"] == 1
    file.write_text("MINE\tnotes\t" + "\t".join(genes[:10]) + "\n")
    recipes.programs_across_sites(mine, config)
    assert calls["programs"] == calls["score_signatures"] == 2


def test_parts_can_be_left_out(result: ad.AnnData, calls: Counter[str]) -> None:
    off = {"compare": {"run": False}, "signatures": {"run": False}}
    done = recipes.programs_across_sites(result, with_(**off))
    assert steps(done).loc[list(MINE), "reason"].tolist()[1:] == [
        "compare.run is false", "signatures.run is false",
    ]  # fmt: skip
    assert "compare_programs" in done.uns, "what still fits is kept"
    assert not calls
    other = recipes.programs_across_sites(result, with_(programs={"n_starts": 2}, **off))
    assert "compare_programs" not in other.uns, "that of other programs is not"


class TestWhatCannotBeDone:
    def test_log_values_do_without_ambient(self, _demo: ad.AnnData) -> None:
        adata = _demo.copy()
        pp.normalize(adata)
        del adata.layers["counts"], adata.uns["normalize"]
        done = recipes.programs_across_sites(adata, FAST)
        assert "no raw counts" in steps(done).loc["ambient", "reason"]
        assert (steps(done).loc[list(MINE), "status"] == "done").all()
        assert not done.uns["compare_programs"]["ambient_assessed"]

    @pytest.mark.filterwarnings("ignore:one organ only")
    def test_one_organ_has_programs_and_no_comparison(self, _demo: ad.AnnData) -> None:
        adata = _demo[(_demo.obs["organ"] == "bone").to_numpy()].copy()
        done = recipes.programs_across_sites(adata, with_(programs={"k": [4]}))
        assert steps(done).loc["programs", "status"] == "done"
        assert "'bone' is the only organ" in steps(done).loc["compare_programs", "reason"]
        assert "compare_programs" not in done.uns
        assert "contrasts" not in done.uns["signatures"]

    def test_no_malignant_cells(self, _demo: ad.AnnData) -> None:
        adata = _demo[(_demo.obs["compartment"] != "tumor").to_numpy()].copy()
        done = recipes.programs_across_sites(adata, {"qc": NO_SCRUBLET})
        table = steps(done)
        assert (table.loc[list(MINE), "status"] == "skipped").all()
        assert "tumor" in table.loc["programs", "reason"]
        assert table.loc["compare_programs", "reason"] == "there are no programs"

    def test_numbers_that_were_asked_for_are_an_error(self, result: ad.AnnData) -> None:
        with pytest.raises(InputValueError, match="k=400"):
            recipes.programs_across_sites(result, with_(programs={"k": [400]}))

    @pytest.mark.parametrize(
        ("change", "error", "told"),
        [
            ({"compare": {"covariates": ["nowhere"]}}, MissingKeyError, "'nowhere' not found"),
            ({"compare": {"covariates": ["cell_type"]}}, InputValueError, "several values in sample"),
            ({"programs": {"gene_sets": "nowhere.gmt"}}, InputValueError, "nowhere.gmt"),
            ({"signatures": {"gene_sets": "nowhere.gmt"}}, InputValueError, "nowhere.gmt"),
            ({"input": {"organ": "nowhere"}}, MissingKeyError, "nowhere"),
            ({"recipe": {}}, InputValueError, "recipe must be"),
        ],
    )
    def test_bad_settings_stop_before_anything_is_computed(
        self,
        result: ad.AnnData,
        calls: Counter[str],
        change: dict[str, Any],
        error: type[Exception],
        told: str,
    ) -> None:
        with pytest.raises(error, match=told):
            recipes.programs_across_sites(result, with_(**change))
        assert not calls

    def test_what_is_no_anndata(self) -> None:
        with pytest.raises(InputTypeError, match="must be an AnnData"):
            recipes.programs_across_sites(np.ones((3, 3)))  # type: ignore[arg-type]


class TestAfterOtherRecipes:
    def test_the_result_of_tumor_stroma_is_taken_over(self, called: ad.AnnData, calls: Counter[str]) -> None:
        done = recipes.programs_across_sites(called, FAST)
        assert set(calls) == set(MINE)
        table = steps(done)
        assert "copy number" in table.loc["call_compartments", "reason"]
        assert str(done.uns["ambient"]["params"]["groupby"]) == "cell_type", "names that niche gave"
        assert not done.uns["recipe"]["notes"].tolist()

    def test_malignant_cells_are_called_where_nothing_says_which(
        self, nameless: ad.AnnData, called: ad.AnnData, calls: Counter[str]
    ) -> None:
        done = recipes.programs_across_sites(nameless, FAST | {"signatures": {"run": False}})
        assert calls["infer_cnv"] == calls["call_compartments"] == 1
        mine = done.obs["compartment"].astype(str)
        assert (mine == called.obs["compartment"].astype(str)).all()
        assert str(done.uns["ambient"]["params"]["groupby"]) == "compartment"

    def test_labels_decide_without_copy_number(self, _demo: ad.AnnData, calls: Counter[str]) -> None:
        adata = _demo.copy()
        del adata.obs["compartment"]
        done = recipes.programs_across_sites(adata, FAST)
        assert calls["infer_cnv"] == 0
        assert calls["call_compartments"] == 1
        tumor = done.obs["compartment"].astype(str) == "tumor"
        assert (tumor == (done.obs["cell_type"].astype(str) == "Malignant")).all()

    @pytest.mark.filterwarnings("ignore::niche.errors.NicheWarning")
    def test_signals_of_communication_are_used(
        self, _demo: ad.AnnData, calls: Counter[str], tmp_path: Path
    ) -> None:
        pairs = tmp_path / "pairs.csv"
        pairs.write_text("ligand,receptor\nCXCL12,CXCR4\nSPP1,CD44\nJAG1,NOTCH2\n")
        edges = {
            "qc": NO_SCRUBLET,
            "cluster": {"run": False},
            "communication": {"resource": str(pairs), "null": "none"},
            "compare": {"n_permutations": 0},
        }
        first = recipes.communication_by_organ(_demo, edges)
        calls.clear()
        done = recipes.programs_across_sites(first, FAST)
        assert set(calls) == set(MINE)
        beside = done.uns["compare_programs"]["params"]["beside"]
        assert all(beside), "programs, ambient molecules, and signals"
        done.uns["compare_communication"]["params"]["patients"] = "consensus"
        recipes.programs_across_sites(done, FAST)
        assert calls["compare_programs"] == 2, "other signals make other reasons"

    def test_outdated_neighbours_are_left_aside(self, result: ad.AnnData) -> None:
        adata = result.copy()
        labels = adata.obs["cell_type"].astype(str).replace({"T cell": "T lymphocyte"})
        adata.obs["cell_type"] = labels.to_numpy()
        done = recipes.programs_across_sites(adata, with_(ambient={"run": False}))
        assert "ambient" not in done.uns
        assert any("ambient no longer fits" in note for note in done.uns["recipe"]["notes"])
        assert not done.uns["compare_programs"]["ambient_assessed"]
