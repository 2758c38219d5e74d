"""Pairs in sections: what was planted is found, what cannot be tested says so, bad input stops at the door."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from spatial_study import analysed, sections

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError


def with_truth(adata: ad.AnnData, level: str) -> pd.DataFrame:
    table = niche.get.spatial_communication(adata, level=level)
    truth = adata.uns["truth"]["pairs"].rename(columns={"direction": "planted", "organ": "where"})
    return table.merge(
        truth, left_on=["ligand_complex", "receptor_complex"], right_on=["ligand", "receptor"], how="left"
    )


def test_focal_pairs_are_found_and_compartments_are_not() -> None:
    table = with_truth(analysed(), "section")
    rate = (table["pval"] < 0.01).groupby(table["kind"]).mean()
    assert rate["focal"] > 0.7
    assert rate["compartment"] == 0


def test_interface_pairs_are_found_and_compartments_are_not() -> None:
    table = with_truth(analysed(), "interface")
    right = table["planted"] == table["direction"].astype(str)
    planted = (table["kind"] == "interface") | (
        (table["kind"] == "organ_interface") & (table["where"] == table["organ"].astype(str))
    )
    called = table["qval"] <= 0.05
    assert called[planted & right].mean() > 0.8
    assert called[(table["kind"] == "compartment")].mean() < 0.02
    assert called[~planted].mean() < 0.02


def test_a_complex_is_its_lowest_subunit_in_every_spot() -> None:
    adata = sections()
    pair = adata.uns["truth"]["pairs"].iloc[0]
    other = adata.var_names[5]
    lowest = np.minimum(adata[:, pair.receptor].X.toarray(), adata[:, other].X.toarray())
    extended = ad.AnnData(
        sparse.csr_matrix(np.hstack([adata.X.toarray(), lowest])), obs=adata.obs, obsm={"spatial": adata.obsm["spatial"]},
        var=pd.DataFrame(index=[*adata.var_names, "LOWEST"]),
    )  # fmt: skip
    names = pd.DataFrame({"ligand": [pair.ligand] * 2, "receptor": [f"{other}_{pair.receptor}", "LOWEST"]})
    niche.tl.spatial_communication(extended, resource=names, expr_prop=0)
    z = niche.get.spatial_communication(extended).pivot(
        index="sample", columns="receptor_complex", values="z"
    )
    np.testing.assert_allclose(z.iloc[:, 0], z.iloc[:, 1])


def test_permutations_agree_with_the_moments_and_the_sides_differ() -> None:
    adata = sections()
    adata = adata[adata.obs["sample"].isin(["liver_P1_S1"])].copy()
    pairs = adata.uns["truth"]["pairs"]
    found = {}
    for null in ("analytic", "permutation"):
        for permuted in ("receptor", "ligand"):
            niche.tl.spatial_communication(adata, resource=pairs, null=null, permuted=permuted, n_perms=500)
            found[null, permuted] = niche.get.spatial_communication(adata)["pval"].to_numpy()
    assert found["permutation", "receptor"].min() == 1 / 501
    for permuted in ("receptor", "ligand"):
        apart = np.abs(found["analytic", permuted] - found["permutation", permuted])
        assert np.nanmax(apart) < 0.08
    assert not np.allclose(found["analytic", "receptor"], found["analytic", "ligand"])


def test_the_own_graph_is_used() -> None:
    import squidpy

    adata = sections()
    pairs = adata.uns["truth"]["pairs"]
    niche.tl.spatial_communication(adata, resource=pairs, graph="radius", radius=1.01)
    adata.obs["sample"] = adata.obs["sample"].astype("category")
    name = "spatial_neighbors_radius"
    if hasattr(squidpy.gr, name):
        getattr(squidpy.gr, name)(adata, radius=1.01, library_key="sample")
    else:
        squidpy.gr.spatial_neighbors(adata, radius=1.01, coord_type="generic", library_key="sample")
    niche.tl.spatial_communication(
        adata, resource=pairs, connectivity_key="spatial_connectivities", key_added="given"
    )
    first, second = (
        niche.get.spatial_communication(adata, key=k) for k in ("spatial_communication", "given")
    )
    np.testing.assert_allclose(first["statistic"], second["statistic"])
    adata.obsp["spatial_connectivities"] = adata.obsp["spatial_connectivities"] * 2
    with pytest.raises(niche.errors.StaleResultError, match="obsp spatial_connectivities"):
        niche.get.spatial_communication(adata, key="given")


@pytest.mark.parametrize("graph", ["grid", "knn", "delaunay"])
def test_graphs(graph: str) -> None:
    adata = sections()
    adata = adata[adata.obs["sample"] == "lung_P1_S1"].copy()
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], graph=graph)
    about = niche.get.spatial_communication(adata, level="sections").iloc[0]
    inner = 3 * 196 - 4 * 14 + 1  # edges of a hexagonal lattice of 14 x 14, up to the ends of rows
    assert about["n_edges"] == inner if graph == "grid" else about["n_edges"] > inner - 20


def test_shares_of_tumor_and_other_labels_give_sides() -> None:
    adata = sections()
    adata.obs["label"] = np.where(adata.obs["compartment"] == "tumor", "invasive", "stroma")
    adata.obsm["shares"] = pd.DataFrame(
        {"a": adata.obs["tumor_fraction"] / 2, "b": adata.obs["tumor_fraction"] / 2, "c": 0.0},
        index=adata.obs_names,
    )
    pairs = adata.uns["truth"]["pairs"]
    numbers = []
    for options in (
        {},
        {"interface_key": "label", "tumor": "invasive"},
        {"interface_key": "tumor_fraction"},
        {"interface_key": "shares", "tumor": ["a", "b"]},
    ):
        niche.tl.spatial_communication(adata, resource=pairs, local=None, **options)
        numbers.append(niche.get.spatial_communication(adata, level="sections")["n_crossing"].tolist())
    assert numbers[0] == numbers[1] == numbers[2] == numbers[3] and min(numbers[0]) > 0
    adata.obs.loc[adata.obs["sample"] == "lung_P1_S1", "label"] = "stroma"
    niche.tl.spatial_communication(adata, resource=pairs, interface_key="label", tumor="invasive")
    table = niche.get.spatial_communication(adata, level="interface", sample="lung_P1_S1")
    assert set(table["reason"]) == {"section without tumor or without host"}
    del adata.obs["compartment"]
    niche.tl.spatial_communication(adata, resource=pairs)
    table = niche.get.spatial_communication(adata, level="interface")
    assert set(table["reason"]) == {"sides not given"} and "spatial_communication_interface" not in adata.obs


def test_mixed_spots_do_not_make_an_interface() -> None:
    """Spots at the border hold both sides: with shares of tumor given, compartment-wide genes stay quiet."""
    adata = niche.datasets.simulate_spatial(5, patients=3, side=20, pairs_per_kind=4, n_genes=200, mixing=0.4)
    niche.pp.normalize(adata)
    niche.tl.spatial_communication(
        adata, resource=adata.uns["truth"]["pairs"], interface_key="tumor_fraction", local=None
    )
    table = with_truth(adata, "interface")
    right = table["planted"] == table["direction"].astype(str)
    assert (table.loc[table["kind"] == "compartment", "qval"] <= 0.05).mean() < 0.05
    assert (table.loc[(table["kind"] == "interface") & right, "qval"] <= 0.05).mean() > 0.5


def test_what_cannot_be_tested_says_why() -> None:
    adata = sections()
    few = np.flatnonzero(adata.obs["sample"] == "liver_P1_S1")[12:]
    adata = adata[np.setdiff1d(np.arange(adata.n_obs), few)].copy()
    pairs = adata.uns["truth"]["pairs"][["ligand", "receptor"]].copy()
    gone = pairs.iloc[0]
    pairs.loc[len(pairs)] = [gone.ligand, "NOSUCHGENE"]
    pairs.loc[len(pairs)] = [gone.ligand, f"{gone.receptor}_NOSUCHGENE"]
    silent = adata.var_names.get_loc(pairs["receptor"][1])
    dense = adata.X.toarray()
    dense[:, silent] = 0
    dense[:, adata.var_names.get_loc(pairs["receptor"][2])] = 1.5
    adata.X = sparse.csr_matrix(dense)
    niche.tl.spatial_communication(adata, resource=pairs)
    table = niche.get.spatial_communication(adata)
    reason = table.set_index(["sample", "receptor_complex"])["reason"].astype(str)
    assert set(reason["liver_P1_S1"]) == {"too few spots in this section"}
    lung = reason["lung_P1_S1"]
    assert lung["NOSUCHGENE"] == "gene not measured: receptor"
    assert lung[f"{gone.receptor}_NOSUCHGENE"] == "subunit missing: receptor"
    assert lung[pairs["receptor"][1]] == "measured and not expressed: receptor"
    assert lung[pairs["receptor"][2]] == "the same in all spots: receptor"
    untested = table["status"].astype(str) != "tested"
    assert table.loc[untested, ["z", "pval", "qval"]].isna().all(axis=None)
    assert (table["pval"].isna() == untested).all()


def test_q_values_are_a_family_per_section() -> None:
    from niche._stats.fdr import benjamini_hochberg

    table = niche.get.spatial_communication(analysed())
    one = table[table["sample"] == "lung_P2_S1"]
    np.testing.assert_allclose(one["qval"], benjamini_hochberg(one["pval"].to_numpy()))


def test_local_pairs_are_those_asked_for() -> None:
    adata = sections()
    pairs = adata.uns["truth"]["pairs"]
    two = list(zip(pairs["ligand"][:2], pairs["receptor"][:2], strict=True))
    niche.tl.spatial_communication(adata, resource=pairs, local=two)
    assert adata.obsm["spatial_communication"].shape == (adata.n_obs, 2)
    local = niche.get.spatial_communication(adata, level="local")
    assert set(zip(local["ligand_complex"], local["receptor_complex"], strict=True)) == set(two)
    niche.tl.spatial_communication(adata, resource=pairs, local=None)
    assert "spatial_communication" not in adata.obsm and not len(
        niche.get.spatial_communication(adata, level="local")
    )
    with pytest.raises(InputValueError, match="not in the resource"):
        niche.tl.spatial_communication(adata, resource=pairs, local=[("A", "B")])


BAD = {
    "no coordinates": (lambda a: a.obsm.pop("spatial"), {}, MissingKeyError, "coordinates 'spatial' not found"),
    "three numbers too many": (lambda a: a.obsm.__setitem__("spatial", np.ones((a.n_obs, 5))), {}, InputValueError, "columns"),
    "missing": (lambda a: a.obsm["spatial"].__setitem__((3, 0), np.nan), {}, InputValueError, "no finite coordinates"),
    "twice": (lambda a: a.obsm["spatial"].__setitem__(1, a.obsm["spatial"][0]), {}, InputValueError, "lie where another"),
    "no graph": (lambda a: None, {"connectivity_key": "no"}, MissingKeyError, "graph 'no' not found"),
    "no such side": (lambda a: None, {"interface_key": "no"}, MissingKeyError, "interface_key 'no' found neither"),
    "cell types as sides": (lambda a: None, {"interface_key": "cell_type"}, InputValueError, "Say which labels are tumor"),
    "unknown tumor": (lambda a: None, {"interface_key": "cell_type", "tumor": "X"}, InputValueError, "'X' not in"),
    "shares beyond 1": (lambda a: a.obs.__setitem__("tumor_fraction", 3.0), {"interface_key": "tumor_fraction"}, InputValueError, "from 0 to 1"),
    "no radius": (lambda a: None, {"graph": "radius"}, InputValueError, "radius"),
    "null": (lambda a: None, {"null": "exact"}, InputValueError, "null must be"),
    "local": (lambda a: None, {"local": ["A^B"]}, InputTypeError, "local must be"),
    "slot of others": (lambda a: None, {"key_added": "spatial"}, InputValueError, r"overwrite adata.obsm\['spatial'\]"),
    "on a line": (lambda a: a.obsm.__setitem__("spatial", np.arange(a.n_obs)[:, None] * np.ones(2)), {"graph": "delaunay"}, InputValueError, "lie on one line"),
    "counts": (lambda a: setattr(a, "X", a.layers["counts"]), {}, InputValueError, "look like counts"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_stops_at_the_door(case: str) -> None:
    change, options, error, words = BAD[case]
    adata = sections()
    change(adata)
    with pytest.raises(error, match=words):
        niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], **options)
    assert "spatial_communication" not in adata.uns


def test_a_graph_that_joins_sections_is_refused() -> None:
    adata = sections()
    adata.obsp["wrong"] = sparse.csr_matrix(([1.0], ([0], [adata.n_obs - 1])), shape=(adata.n_obs,) * 2)
    with pytest.raises(InputValueError, match="join spots of different sections"):
        niche.tl.spatial_communication(adata, connectivity_key="wrong", resource=adata.uns["truth"]["pairs"])


def test_types_are_strata_of_the_border() -> None:
    """Where a receptor belongs to the type of cell that lies at the border, it is no news among these cells."""
    adata = sections()
    pairs = adata.uns["truth"]["pairs"].query("kind == 'interface'")
    niche.tl.spatial_communication(adata, resource=pairs, local=None, expr_prop=0)
    assert adata.uns["spatial_communication"]["params"]["groupby"] == "cell_type"
    free = niche.get.spatial_communication(adata, level="interface")["z_receptor"].abs().mean()
    adata.obs["cell_type"] = adata.obs["spatial_communication_interface"].astype(str).to_numpy()
    niche.tl.spatial_communication(adata, resource=pairs, local=None, expr_prop=0)
    bound = niche.get.spatial_communication(adata, level="interface")["z_receptor"].abs().mean()
    assert bound < free


def test_wrong_type() -> None:
    with pytest.raises(InputTypeError, match="must be an AnnData"):
        niche.tl.spatial_communication("data")


def test_coordinates_and_images_are_not_overwritten() -> None:
    adata = sections()
    before = adata.obsm["spatial"].copy()
    adata.uns["picture"] = {}
    for name, slot in (("spatial", "obsm"), ("picture", "uns")):
        with pytest.raises(InputValueError, match=f"{slot}.*did not write"):
            niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], key_added=name)
    assert np.array_equal(adata.obsm["spatial"], before) and adata.uns["picture"] == {}


def test_spots_without_proportions_have_no_side() -> None:
    adata = sections()
    shares = pd.DataFrame({"tumor": adata.obs["tumor_fraction"], "host": 1 - adata.obs["tumor_fraction"]})
    shares.iloc[:7] = np.nan
    adata.obsm["shares"] = shares
    niche.tl.spatial_communication(
        adata, resource=adata.uns["truth"]["pairs"], interface_key="shares", tumor="tumor", local=None
    )
    side = adata.obs["spatial_communication_interface"].astype(str)
    assert (side[:7] == "neither").all() and (side[7:] != "neither").all()


def test_a_gene_away_from_the_border_is_tested_and_called_flat_only_where_it_is() -> None:
    """Sections where a gene misses the border are no missing values: without them the mean is above 0."""
    adata = sections()
    pairs = adata.uns["truth"]["pairs"].iloc[:2]
    niche.tl.spatial_communication(adata, resource=pairs, local=None, expr_prop=0)
    side = adata.obs["spatial_communication_interface"].astype(str)
    dense = adata.X.toarray()
    dense[side.str.endswith("at interface"), adata.var_names.get_loc(pairs["ligand"][0])] = 0
    dense[:, adata.var_names.get_loc(pairs["ligand"][1])] = 0.7
    adata.X = sparse.csr_matrix(dense)
    for null in ("analytic", "permutation"):
        niche.tl.spatial_communication(adata, resource=pairs, local=None, expr_prop=0, null=null, n_perms=20)
        table = niche.get.spatial_communication(adata, level="interface")
        away = table[table["ligand_complex"] == pairs["ligand"][0]]
        assert (away["status"] == "tested").all() and (away["pval"] == 1).all()
        assert (away["z_receptor"] == 0).all() and (away["z_ligand"] < 0).all()
        flat = table[table["ligand_complex"] == pairs["ligand"][1]]
        assert set(flat["reason"]) == {"the same in all spots of its side: ligand"}


def test_blocks_of_pairs_do_not_show(monkeypatch) -> None:
    from niche.tl import _spatial_section

    adata = sections()
    tables = []
    for values in (2**24, 1):
        monkeypatch.setattr(_spatial_section, "_VALUES", values)
        monkeypatch.setattr(_spatial_section, "_LEAST_BLOCK", 2)
        niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], local=None)
        tables.append([niche.get.spatial_communication(adata, level=k) for k in ("section", "interface")])
    for whole, parts in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(whole, parts, check_exact=False, rtol=1e-10)
