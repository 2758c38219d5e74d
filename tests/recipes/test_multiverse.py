"""The multiverse: every universe is the run it stands for, and the table says what they make of a verdict."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from compared import AXIS, PAIRS, make_compared

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, NicheWarning, StaleResultError

NOTHING: dict[str, Any] = {
    "resource": [], "level": [], "expr_prop": [], "min_cells": [], "patients": [], "leave_out_patients": False,
}  # fmt: skip
EVERY: dict[str, Any] = {
    "resource": ["cellphonedb"], "level": ["lineage"], "expr_prop": [0.9], "min_cells": [20],
    "patients": ["consensus"], "leave_out_patients": True,
}  # fmt: skip
NAMES = ["contrast", "source", "target", "ligand_complex", "receptor_complex"]
AXIS_ROW = dict(zip(NAMES, ("bone_vs_rest", *AXIS), strict=True))


def run(adata: ad.AnnData, design: str = "one_at_a_time", **vary: Any) -> ad.AnnData:
    return niche.recipes.multiverse(adata, {"design": design, "n_jobs": 1, "vary": NOTHING | vary})


def calls(result: ad.AnnData, **kept: str) -> pd.DataFrame:
    table = niche.get.multiverse(result, what="calls")
    for name, value in kept.items():
        table = table[table[name].astype(str) == value]
    return table


@pytest.fixture(scope="module")
def compared() -> ad.AnnData:
    """Do not change it."""
    return make_compared()


@pytest.fixture(scope="module")
def whole(compared: ad.AnnData) -> ad.AnnData:
    """Everything varied; do not change it."""
    return run(compared, **EVERY)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the tools are called."""
    found: Counter[str] = Counter()
    for name in ("communication", "compare_communication"):
        real = getattr(niche.tl, name)

        def counting(*args: Any, _name: str = name, _real: Any = real, **options: Any) -> Any:
            found[_name] += 1
            return _real(*args, **options)

        monkeypatch.setattr(niche.tl, name, counting)
    return found


def test_one_factor_at_a_time(whole: ad.AnnData) -> None:
    table = niche.get.multiverse(whole, what="universes")
    assert list(table["universe"]) == [
        "base", "resource=cellphonedb", "level=lineage", "expr_prop=0.9", "min_cells=20", "patients=consensus",
        *(f"left_out=P{i}" for i in range(1, 10)),
    ]  # fmt: skip
    assert list(table["factor"])[:3] == ["base", "resource", "level"]
    assert set(table["resource"]) == {"user table", "cellphonedb"}
    assert (table["status"] == "done").all()


def test_a_universe_is_the_run_it_stands_for(compared: ad.AnnData, whole: ad.AnnData) -> None:
    """Without a patient: the tools on the cells of the others. Other options: the tools with them."""
    cases: list[tuple[str, ad.AnnData, dict[str, Any], str]] = [
        ("left_out=P2", compared[compared.obs["patient"] != "P2"].copy(), {}, "averaged"),
        ("min_cells=20", compared.copy(), {"min_cells": 20}, "averaged"),
        ("expr_prop=0.9", compared.copy(), {"expr_prop": 0.9}, "averaged"),
        ("patients=consensus", compared.copy(), {}, "consensus"),
    ]
    for universe, adata, options, patients in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NicheWarning)
            niche.tl.communication(adata, "cell_type", resource=PAIRS, null=None, **options)
            niche.tl.compare_communication(adata, patients=patients)
        there = niche.get.compare_communication(adata, estimated=True).astype(dict.fromkeys(NAMES, str))
        mine = calls(whole, universe=universe).astype(dict.fromkeys(NAMES, str))
        both = mine.merge(there, on=NAMES, suffixes=("", "_there"))
        assert len(both) > 0
        assert len(both) == mine["log2fc"].notna().sum()
        np.testing.assert_array_equal(both["log2fc"], both["log2fc_there"])
        assert list(both["call"]) == list(both["call_there"].astype(str))


def test_lineages_are_met_through_the_cell_types(compared: ad.AnnData, whole: ad.AnnData) -> None:
    (row,) = calls(whole, universe="level=lineage", **AXIS_ROW).to_dict("records")
    adata = compared.copy()
    niche.tl.communication(adata, "cell_type", resource=PAIRS, null=None, level="lineage")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.compare_communication(adata)
    there = niche.get.compare_communication(
        adata, contrast="bone_vs_rest", source="fibroblast-like", target="malignant"
    )
    there = there[(there["ligand_complex"] == "CXCL12") & (there["receptor_complex"] == "CXCR4")]
    assert row["log2fc"] == there["log2fc"].iloc[0]
    assert row["agreement"] == "same_call"


def test_a_type_that_lineages_part_is_not_comparable(compared: ad.AnnData) -> None:
    adata = compared.copy()
    lineage = {"Cancer": "malignant", "Fibroblast": "fibroblast-like", "Macrophage": "myeloid"}
    named = adata.obs["cell_type"].map(lineage).astype(str).to_numpy(dtype=object)
    fibroblasts = np.flatnonzero(adata.obs["cell_type"] == "Fibroblast")
    named[fibroblasts[::2]] = "other"
    adata.obs["lineage"] = named
    result = run(adata, level=["lineage"])
    (row,) = calls(result, universe="level=lineage", **AXIS_ROW).to_dict("records")
    assert row["agreement"] == row["call"] == "not_comparable"
    assert row["reason"] == "Fibroblast has no single counterpart at the level lineage"
    table = niche.get.multiverse(result).astype(dict.fromkeys(NAMES, str))
    mine = table[(table[NAMES] == pd.Series(AXIS_ROW)).all(axis=1)].iloc[0]
    assert (mine["n_universes"], mine["n_tested"], mine["stability"]) == (1, 1, "not_testable")
    adata = result.copy()
    adata.obs["lineage"] = "other"
    with pytest.raises(StaleResultError, match="obs lineage changed"):
        niche.get.multiverse(adata)


def test_a_pair_that_a_resource_lacks_is_not_comparable(compared: ad.AnnData, tmp_path: Any) -> None:
    file = tmp_path / "others.csv"
    PAIRS[PAIRS["receptor"] != "CXCR4"].to_csv(file, index=False)
    result = run(compared, resource=[str(file)], min_cells=[5])
    (row,) = calls(result, universe=f"resource={file}", **AXIS_ROW).to_dict("records")
    assert row["agreement"] == "not_comparable"
    assert row["reason"] == f"the pair is not listed in {file}"
    mine = niche.get.multiverse(result, contrast="bone_vs_rest").iloc[0]
    assert mine["n_universes"] == 2


def test_what_the_table_counts_is_in_the_calls(whole: ad.AnnData) -> None:
    table = niche.get.multiverse(whole)
    every = niche.get.multiverse(whole, what="calls")
    n = len(niche.get.multiverse(whole, what="universes"))
    assert len(every) == n * len(table)
    for row, (_, part) in zip(
        table.to_dict("records"), every.groupby(np.arange(len(every)) // n), strict=True
    ):
        state = part["agreement"].astype(str)
        tested = part[state.isin(["same_call", "no_call", "opposite_sign"])]
        assert all((part[name].astype(str) == row[name]).all() for name in NAMES)
        assert row["n_tested"] == len(tested)
        assert row["n_universes"] == (state != "not_comparable").sum()
        assert row["share_same_call"] == pytest.approx((state == "same_call").sum() / len(tested))
        assert row["share_opposite_sign"] == pytest.approx((state == "opposite_sign").sum() / len(tested))
        assert row["share_not_testable"] == pytest.approx(
            (state == "not_testable").sum() / row["n_universes"]
        )
        assert (row["log2fc_low"], row["log2fc_high"]) == (tested["log2fc"].min(), tested["log2fc"].max())
        lost = list(tested.loc[tested["agreement"] != "same_call", "universe"].astype(str))
        assert row["lost_in"].split("; ")[:6] == (lost or [""])[:6] or len(lost) > 6
        assert (row["stability"] == "robust") <= (not lost)
        assert (row["worst_factor"] == "") == (not lost or row["stability"] == "not_testable")


def test_a_planted_edge_is_sensitive_to_the_filter_that_hides_it(whole: ad.AnnData) -> None:
    """The ligand is eight times as high in bone whatever is varied; its receptor is in no 90 % of the cells."""
    table = niche.get.multiverse(whole, contrast="bone_vs_rest").astype(dict.fromkeys(NAMES, str))
    mine = table[(table[NAMES] == pd.Series(AXIS_ROW)).all(axis=1)].iloc[0]
    assert mine["call"] in ("enriched", "specific")
    assert (mine["stability"], mine["worst_factor"]) == ("sensitive", "expr_prop")
    assert mine["lost_in"] == "expr_prop=0.9"
    assert mine["turned_in"] == ""
    assert mine["log2fc_low"] > 0.5


def test_a_patient_without_whom_nothing_is_left_is_no_failure(compared: ad.AnnData) -> None:
    few = compared[compared.obs["patient"].isin(["P1", "P5", "P2", "P8", "P6"])].copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.communication(few, "cell_type", resource=PAIRS, null=None)
        niche.tl.compare_communication(few)
    result = run(few, leave_out_patients=True)
    table = niche.get.multiverse(result, what="universes")
    assert len(table) == 6
    assert niche.get.multiverse(result).empty
    assert niche.get.multiverse(result, what="calls").empty


def test_a_universe_that_cannot_be_run_says_why(compared: ad.AnnData) -> None:
    result = run(compared, min_cells=[500, 5])
    table = niche.get.multiverse(result, what="universes").set_index("universe")
    assert table.loc["min_cells=500", "status"] == "not_testable"
    assert "no edge can be compared" in table.loc["min_cells=500", "reason"]
    lost = calls(result, universe="min_cells=500")
    assert (lost["agreement"] == "not_testable").all()
    assert lost["reason"].astype(str).str.contains("no edge can be compared").all()


def test_the_grid_is_every_combination(compared: ad.AnnData, counted: Counter[str]) -> None:
    result = run(compared, "grid", expr_prop=[0.1, 0.9], min_cells=[5], patients=["consensus"])
    table = niche.get.multiverse(result, what="universes")
    assert len(table) == 2 * 2 * 2
    assert not table.duplicated(["expr_prop", "min_cells", "patients"]).any()
    assert table["universe"].iloc[-1] == "expr_prop=0.9, min_cells=5, patients=consensus"
    assert counted == {"communication": 4, "compare_communication": 7}
    mine = niche.get.multiverse(result, contrast="bone_vs_rest").astype(dict.fromkeys(NAMES, str))
    mine = mine[(mine[NAMES] == pd.Series(AXIS_ROW)).all(axis=1)].iloc[0]
    assert (mine["stability"], mine["worst_factor"]) == ("sensitive", "expr_prop")


def test_what_is_stored_is_not_computed_again(compared: ad.AnnData, counted: Counter[str]) -> None:
    first = run(compared, min_cells=[5], expr_prop=[0.9])
    assert counted == {"communication": 2, "compare_communication": 2}
    counted.clear()
    again = run(first, min_cells=[5], expr_prop=[0.9])
    assert not counted
    for what in ("verdicts", "universes", "calls"):
        pd.testing.assert_frame_equal(
            niche.get.multiverse(first, what=what), niche.get.multiverse(again, what=what)
        )
    more = run(first, min_cells=[5, 20], expr_prop=[0.9])
    assert counted == {"communication": 1, "compare_communication": 1}
    anew = run(compared, min_cells=[5, 20], expr_prop=[0.9])
    pd.testing.assert_frame_equal(niche.get.multiverse(more), niche.get.multiverse(anew))


def test_another_run_or_other_data_are_computed_anew(compared: ad.AnnData, counted: Counter[str]) -> None:
    first = run(compared, min_cells=[5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NicheWarning)
        niche.tl.compare_communication(first, patients="consensus")
    with pytest.raises(
        StaleResultError, match="'compare_communication'.* changed since niche.recipes.multiverse"
    ):
        niche.get.multiverse(first)
    counted.clear()
    run(first, min_cells=[5])
    assert counted == {"communication": 1, "compare_communication": 1}
    first.obs["cell_type"] = first.obs["cell_type"].cat.rename_categories({"Macrophage": "Monocyte"})
    with pytest.raises(StaleResultError, match="obs cell_type changed"):
        run(first, min_cells=[5])


def test_the_input_is_not_changed_and_the_matrix_not_copied(
    compared: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ad.AnnData] = []
    real = niche.tl.communication

    def watching(adata: ad.AnnData, *args: Any, **options: Any) -> Any:
        seen.append(adata)
        return real(adata, *args, **options)

    monkeypatch.setattr(niche.tl, "communication", watching)
    before = compared.copy()
    result = run(compared, min_cells=[5], leave_out_patients=True)
    assert len(seen) == 10
    for shell in seen:
        assert np.shares_memory(shell.X.data, result.X.data)
        assert np.shares_memory(shell.layers["counts"].data, result.layers["counts"].data)
    assert "multiverse" not in compared.uns
    pd.testing.assert_frame_equal(compared.obs, before.obs)
    assert set(result.uns) - set(compared.uns) == {"multiverse"}
    assert list(result.obs) == list(compared.obs)


def test_threads_change_nothing(compared: ad.AnnData) -> None:
    vary = NOTHING | {"min_cells": [5], "patients": ["consensus"]}
    one, two = (niche.recipes.multiverse(compared, {"n_jobs": n, "vary": vary}) for n in (1, 2))
    pd.testing.assert_frame_equal(one.uns["multiverse"]["calls"], two.uns["multiverse"]["calls"])
    assert "n_jobs" not in one.uns["multiverse"]["params"]


def test_ambient_molecules_count_in_every_universe(demo: ad.AnnData) -> None:
    niche.pp.normalize(demo)
    niche.pp.ambient(demo, "cell_type")
    niche.tl.communication(demo, "cell_type", resource="niche", null=None)
    niche.tl.compare_communication(demo)
    result = run(demo, expr_prop=[0.2], level=["lineage"])
    table = niche.get.multiverse(result, what="universes")
    assert (table["status"] == "done").all()
    assert list(result.uns["multiverse"]["parts"]["key"]) == ["compare_communication", "ambient"]


def test_errors_at_the_door(compared: ad.AnnData, demo: ad.AnnData, counted: Counter[str]) -> None:
    with pytest.raises(MissingKeyError, match=r"Run niche\.tl\.compare_communication first"):
        run(demo, min_cells=[5])
    with pytest.raises(InputTypeError, match="adata must be an AnnData"):
        niche.recipes.multiverse("file.h5ad")
    with pytest.raises(InputValueError, match="nothing to vary.*min_cells = 10"):
        run(compared, min_cells=[10], expr_prop=[0.1])
    with pytest.raises(InputValueError, match=r"ligand-receptor list 'nosuch'.*consensus"):
        run(compared, resource=["nosuch"])
    with pytest.raises(InputValueError, match="1,120 universes, and most_universes is 500"):
        run(compared, "grid", min_cells=[*range(1, 7)], expr_prop=[0.2, 0.3, 0.4], patients=["consensus"],
            level=["lineage"], leave_out_patients=True)  # fmt: skip
    alone = compared.copy()
    alone.uns["communication"]["samples"]["patient"] = ["P1"] * 13
    with pytest.raises(InputValueError, match="every sample is of patient 'P1'"):
        run(alone, min_cells=[5])
    assert not counted
