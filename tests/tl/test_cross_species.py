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
    assert _cross_species.species_of_types(adata, codes, 2) == ["mixed", "mouse"]
    adata.obs["species"] = "mouse"
    assert _cross_species.species_of_types(adata, codes, 2) is None


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
