"""Edges between cells of two species, and pairs that do not react across them."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from two_species import in_one_space

import niche
from niche import get, recipes, tl
from niche.errors import InputTypeError, InputValueError, NicheWarning
from niche.recipes.universes import base_of
from niche.tl import _cross_species

UNREACTIVE = pd.DataFrame(
    {
        "ligand": ["CXCL12", "JAG1", "HGF"],
        "receptor": ["CXCR4", "NOTCH2", "MET"],
        "ligand_species": ["mouse", None, "human"],
    }
)
REASON = "does not cross-react: this ligand does not act on the receptor of the other species"
QUICK = {"null": None, "scores": "expr_prod", "patient_key": "animal"}


@pytest.fixture(scope="module")
def _both() -> ad.AnnData:
    adata = in_one_space(niche.datasets.simulate_xenograft(3, animals_per_organ=3, cells=150, n_genes=1500))
    adata = adata[adata.obs["graft"] == (adata.obs["cell_type"] == "Malignant")].copy()
    niche.pp.normalize(adata)
    tl.call_compartments(adata, groupby="cell_type")
    few = niche.resources.ligand_receptor()
    few = few[few["ligand"].isin(["CXCL12", "JAG1", "HGF", "IL11", "BMP4", "CCL2"])]
    for key, table in (("plain", None), ("unreactive", UNREACTIVE)):
        tl.communication(
            adata, "cell_type", resource=few, no_cross_reaction=table, key_added=key, **QUICK, senders="all"
        )
        tl.compare_communication(adata, key=key, key_added=f"compare_{key}", n_permutations=0)
    return adata


def pair(table: pd.DataFrame, ligand: str, receptor: str) -> pd.DataFrame:
    return table[(table["ligand_complex"] == ligand) & (table["receptor_complex"] == receptor)]


def test_edges_name_the_species_of_both_sides(_both: ad.AnnData) -> None:
    for table in (
        get.communication(_both, key="plain"),
        get.compare_communication(_both, key="compare_plain"),
    ):
        place = list(table).index("source")
        assert list(table)[place : place + 4] == ["source", "target", "ligand_species", "receptor_species"]
        assert ((table["ligand_species"] == "human") == (table["source"] == "Malignant")).all()
        assert ((table["receptor_species"] == "human") == (table["target"] == "Malignant")).all()
    samples = get.communication(_both, key="plain", level="sample")
    assert ((samples["ligand_species"] == "human") == (samples["source"] == "Malignant")).all()


def test_one_species_has_no_such_columns(demo_result: ad.AnnData) -> None:
    assert "ligand_species" not in get.communication(demo_result)
    with pytest.raises(InputValueError, match="needs cells of two species"):
        tl.communication(demo_result, "cell_type", no_cross_reaction=UNREACTIVE)


@pytest.mark.parametrize(
    ("ligand", "receptor", "from_human", "from_mouse"),
    [("CXCL12", "CXCR4", False, True), ("JAG1", "NOTCH2", True, True), ("HGF", "MET", True, False)],
)
def test_pairs_do_not_react_in_the_direction_named(
    _both: ad.AnnData, ligand: str, receptor: str, from_human: bool, from_mouse: bool
) -> None:
    before, after = (
        pair(get.communication(_both, key=key), ligand, receptor) for key in ("plain", "unreactive")
    )
    assert len(before) == len(after) > 0, "no edge vanishes"
    crosses = after["ligand_species"].astype(str) != after["receptor_species"].astype(str)
    wanted = crosses & after["ligand_species"].map({"human": from_human, "mouse": from_mouse}).astype(bool)
    assert wanted.any() == (from_human or from_mouse)
    assert ((after["reason"] == REASON) == wanted).all()
    assert (after["status"][wanted] == "not_testable").all() and after["expr_prod"][wanted].isna().all()
    assert (after["status"][~wanted].astype(str) == before["status"][~wanted.to_numpy()].astype(str)).all()
    assert (crosses & ~wanted).any() == (not (from_human and from_mouse))


def test_within_one_species_pairs_react(_both: ad.AnnData) -> None:
    table = pair(get.communication(_both, key="unreactive"), "JAG1", "NOTCH2")
    same = table["ligand_species"].astype(str) == table["receptor_species"].astype(str)
    assert same.any() and not (table["reason"][same] == REASON).any()


def test_the_comparison_honours_it(_both: ad.AnnData) -> None:
    before, after = (
        get.compare_communication(_both, key=f"compare_{key}") for key in ("plain", "unreactive")
    )
    assert len(before) == len(after)
    mine = after["reason"] == REASON
    assert mine.any() and (after["call"][mine] == "not_testable").all() and after["pval"][mine].isna().all()
    crosses = after["ligand_species"].astype(str) != after["receptor_species"].astype(str)
    jag = (after["ligand_complex"] == "JAG1") & (after["receptor_complex"] == "NOTCH2")
    assert (mine[jag] == crosses[jag]).all()
    tested = before["pval"].notna()
    assert (tested.sum() - after["pval"].notna().sum()) > 0
    row = after[mine & jag & (after["source"] == "Malignant") & (after["target"] == "Macrophage")]
    samples = get.compare_samples(_both, row.head(1), key="compare_unreactive")
    assert not samples["used"].any() and set(samples["reason"]) == {REASON}


def test_the_table_is_part_of_what_a_result_is(_both: ad.AnnData, tmp_path: Path) -> None:
    stored = _both.uns["unreactive"]
    assert stored["params"]["no_cross_reaction"].startswith("3 pairs, sha256 ")
    assert stored["params"]["no_cross_reaction"] == _cross_species.digest(
        _cross_species.read_pairs(UNREACTIVE)
    )
    other = UNREACTIVE.assign(ligand_species="mouse")
    assert _cross_species.digest(_cross_species.read_pairs(other)) != stored["params"]["no_cross_reaction"]
    UNREACTIVE.to_csv(tmp_path / "pairs.tsv", sep="\t", index=False)
    again = _cross_species.read_pairs(tmp_path / "pairs.tsv")
    assert again is not None and again.equals(_cross_species.read_pairs(UNREACTIVE))
    assert _cross_species.read_pairs(None) is None and _cross_species.digest(None) is None


def test_species_of_the_cells_are_watched(_both: ad.AnnData) -> None:
    adata = _both.copy()
    adata.obs["species"] = adata.obs["species"].astype(str).to_numpy()[::-1]
    with pytest.raises(niche.errors.StaleResultError, match="obs species changed"):
        get.communication(adata, key="plain")


def test_a_type_of_both_species_is_mixed() -> None:
    adata = ad.AnnData(
        np.zeros((4, 1), dtype=np.float32),
        obs=pd.DataFrame({"species": ["human", "mouse", "mouse", "human"]}, index=list("abcd")),
    )
    codes = np.array([0, 0, 1, -1])
    found = _cross_species.species_of_types(adata, codes, 2)
    assert found is not None and found.names == ["mixed", "mouse"] and found.n_other.tolist() == [1, 0]
    adata.obs["species"] = "mouse"
    assert _cross_species.species_of_types(adata, codes, 2) is None


def test_few_strays_do_not_make_a_type_mixed() -> None:
    adata = ad.AnnData(
        np.zeros((39, 1), dtype=np.float32),
        obs=pd.DataFrame(
            {"species": ["human"] + ["mouse"] * 19 + ["human"] + ["mouse"] * 18},
            index=[f"cell{i}" for i in range(39)],
        ),
    )
    found = _cross_species.species_of_types(adata, np.repeat([0, 1], [20, 19]), 3)
    assert found is not None and found.names == ["mouse", "mixed", "mixed"]
    assert found.n_cells.tolist() == [20, 19, 0] and found.n_other.tolist() == [1, 1, 0]
    assert not np.any(found.held(np.array([2]), "mouse")), "a type without cells holds neither"


def _macrophages(both: ad.AnnData) -> np.ndarray:
    return (both.obs["cell_type"] == "Macrophage").to_numpy()


def relabelled(both: ad.AnnData, cells: np.ndarray) -> ad.AnnData:
    """Edges of the study with these cells among the macrophages."""
    adata = both.copy()
    types = adata.obs["cell_type"].astype(str).to_numpy(dtype=object)
    types[cells] = "Macrophage"
    adata.obs["cell_type"] = pd.Categorical(types)
    compartment = adata.obs["compartment"].astype(str).to_numpy(dtype=object)
    compartment[cells] = compartment[np.flatnonzero(_macrophages(both))[0]]
    adata.obs["compartment"] = pd.Categorical(compartment)
    few = niche.resources.ligand_receptor()
    few = few[few["ligand"].isin(["CXCL12", "JAG1", "HGF"])]
    tl.communication(adata, "cell_type", resource=few, no_cross_reaction=UNREACTIVE, **QUICK, senders="all")
    return adata


def test_a_stray_does_not_let_a_pair_react(_both: ad.AnnData, caplog: pytest.LogCaptureFixture) -> None:
    n = int(_macrophages(_both).sum()) + 1
    assert n >= 20
    with caplog.at_level("WARNING", logger="niche"):
        adata = relabelled(_both, np.flatnonzero(_both.obs["graft"])[:1])
    assert f"cells of the other species in Macrophage (mouse): 1 of {n}" in caplog.text
    stored = adata.uns["communication"]["cell_types"]
    assert dict(zip(stored["name"], stored["n_other_species"], strict=True))["Macrophage"] == 1
    table = pair(get.communication(adata), "CXCL12", "CXCR4")
    mine = table[(table["source"] == "Macrophage") & (table["target"] == "Malignant")]
    assert len(mine) and (mine["ligand_species"] == "mouse").all() and (mine["reason"] == REASON).all()


def test_pairs_of_a_type_of_both_species_are_not_testable(_both: ad.AnnData) -> None:
    adata = relabelled(_both, np.flatnonzero(_both.obs["graft"])[::4])
    held = "does not cross-react: a cell type holds both species, so part of the edge would run between them"
    table = get.communication(adata)
    mixed = table["source"] == "Macrophage"
    assert (table.loc[mixed, "ligand_species"] == "mixed").all()
    for ligand, receptor, target in (
        ("CXCL12", "CXCR4", "Malignant"), ("HGF", "MET", "Fibroblast"), ("JAG1", "NOTCH2", "Malignant"),
        ("JAG1", "NOTCH2", "Macrophage"),
    ):  # fmt: skip
        mine = pair(table[mixed & (table["target"] == target)], ligand, receptor)
        assert len(mine) and (mine["reason"] == held).all() and (mine["status"] == "not_testable").all()
    for ligand, receptor, target in (("CXCL12", "CXCR4", "Fibroblast"), ("HGF", "MET", "Malignant")):
        mine = pair(table[mixed & (table["target"] == target)], ligand, receptor)
        assert len(mine) and not mine["reason"].isin([held, REASON]).any(), "not in this direction"
    tl.compare_communication(adata, n_permutations=0)
    compared = get.compare_communication(adata)
    ends = (compared["source"] == "Macrophage") & (compared["target"] == "Malignant")
    mine = pair(compared[ends], "CXCL12", "CXCR4")
    assert len(mine) and (mine["reason"] == held).all() and (mine["call"] == "not_testable").all()
    samples = get.compare_samples(adata, mine.head(1))
    assert not samples["used"].any() and set(samples["reason"]) == {held}
    other = pair(
        compared[(compared["source"] == "Fibroblast") & (compared["target"] == "Malignant")],
        "CXCL12",
        "CXCR4",
    )
    assert len(other) and (other["reason"] == REASON).all()


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (
            pd.DataFrame({"ligand": ["XX"], "receptor": ["YY"]}),
            InputValueError,
            "no pair of no_cross_reaction is in",
        ),
        (pd.DataFrame({"ligand": ["JAG1"]}), InputValueError, "needs the columns 'ligand' and 'receptor'"),
        (UNREACTIVE.iloc[:0], InputValueError, "holds no ligand-receptor pair"),
        (UNREACTIVE.assign(ligand_species="rat"), InputValueError, "must hold 'human', 'mouse'.*Found 'rat'"),
        ("nowhere.tsv", InputValueError, "There is no file nowhere.tsv"),
        (["JAG1"], InputTypeError, "must be a DataFrame, the path"),
    ],
)
def test_bad_tables_are_refused(_both: ad.AnnData, table, error, message: str) -> None:
    with pytest.raises(error, match=message):
        tl.communication(_both, "cell_type", no_cross_reaction=table, key_added="bad", **QUICK)
    assert "bad" not in _both.uns


def test_pairs_that_are_not_in_the_resource_are_named(_both: ad.AnnData) -> None:
    more = pd.concat([UNREACTIVE, pd.DataFrame({"ligand": ["XX"], "receptor": ["YY"]})])
    with pytest.warns(
        NicheWarning, match="1 of 4 pairs of no_cross_reaction are not in the resource: 'XX -> YY'"
    ):
        tl.communication(_both, "cell_type", no_cross_reaction=more, copy=True, **QUICK)


def test_a_multiverse_takes_the_table_over(_both: ad.AnnData) -> None:
    config = recipes.MultiverseConfig(key="compare_unreactive", vary={"resource": [], "expr_prop": [0.3]})
    base = base_of(_both, config)
    assert (
        _cross_species.digest(_cross_species.read_pairs(base.given["no_cross_reaction"]))
        == (_both.uns["unreactive"]["params"]["no_cross_reaction"])
    )
    plain = base_of(_both, recipes.MultiverseConfig(key="compare_plain", vary={"resource": []}))
    assert "no_cross_reaction" not in plain.given
