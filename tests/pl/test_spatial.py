"""Sections drawn: a panel per thing, one scale per column, images, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from spatial_study import analysed, sections

import niche
from niche.errors import InputTypeError, InputValueError


def by_gid(figure, gid):
    return [c for ax in figure.axes for c in ax.collections if c.get_gid() == gid]


def test_a_row_per_section_and_one_scale_per_panel():
    adata = analysed()
    figure = niche.pl.spatial(adata, sample=["liver_P1_S1", "lung_P1_S1"])
    for panel in ("ligand", "receptor", "local"):
        drawn = by_gid(figure, panel)
        assert len(drawn) == 2 and drawn[0].get_clim() == drawn[1].get_clim()
        assert all(len(one.get_offsets()) == 196 for one in drawn)
    assert len(by_gid(figure, "interface")) == 2
    pair = adata.uns["spatial_communication"]["local"]["pair"][0]
    ligand = adata.uns["spatial_communication"]["pairs"]["ligand_complex"][pair]
    section = adata.obs["sample"] == "liver_P1_S1"
    np.testing.assert_allclose(
        by_gid(figure, "ligand")[0].get_array(), adata[section, ligand].X.toarray().ravel()
    )


def test_hot_spots_are_ringed():
    adata = analysed()
    local = niche.get.spatial_communication(adata, level="local")
    counts = local.groupby(["ligand_complex", "receptor_complex", "sample"], observed=True)["hotspot"].sum()
    ligand, receptor, sample = counts.idxmax()
    figure = niche.pl.spatial(adata, (ligand, receptor), sample=sample, panels="local")
    assert len(by_gid(figure, "hot spots")[0].get_offsets()) == counts.max() > 0


def test_into_given_axes_over_an_image(axes):
    adata = analysed()
    adata.uns["spatial"] = {
        "liver_P1_S1": {
            "images": {"hires": np.ones((40, 50, 3))},
            "scalefactors": {"tissue_hires_scalef": 2.0},
        }
    }
    returned = niche.pl.spatial(adata, sample="liver_P1_S1", panels=["receptor"], ax=axes)
    assert returned is axes and len(axes.images) == 1
    section = (adata.obs["sample"] == "liver_P1_S1").to_numpy()
    np.testing.assert_allclose(axes.collections[0].get_offsets(), 2 * adata.obsm["spatial"][section])
    axes.clear()
    niche.pl.spatial(adata, sample="liver_P1_S1", panels=["receptor"], ax=axes, image=False)
    assert not axes.images


def test_refusals(axes):
    adata = analysed()
    with pytest.raises(InputValueError, match="one section and one panel"):
        niche.pl.spatial(adata, ax=axes)
    with pytest.raises(InputTypeError, match="ax must be"):
        niche.pl.spatial(adata, ax="axes")
    with pytest.raises(InputValueError, match="is not in the run"):
        niche.pl.spatial(adata, ("A", "B"))
    with pytest.raises(InputValueError, match="panels must be one of"):
        niche.pl.spatial(adata, panels=["map"])
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"], local=None)
    with pytest.raises(InputValueError, match="Choose one with pair="):
        niche.pl.spatial(adata)
    pair = tuple(adata.uns["truth"]["pairs"].iloc[0][["ligand", "receptor"]])
    with pytest.raises(InputValueError, match="this pair was not kept"):
        niche.pl.spatial(adata, pair, panels="local")
    figure = niche.pl.spatial(adata, pair, sample="lung_P1_S1")
    assert not by_gid(figure, "local") and by_gid(figure, "ligand")


def test_a_gene_under_its_current_symbol_is_drawn_and_an_unmeasured_one_is_not():
    adata = sections()
    adata = adata[adata.obs["sample"] == "liver_P1_S1"].copy()
    pairs = adata.uns["truth"]["pairs"][["ligand", "receptor"]].copy()
    names = niche.resources.symbol_history().drop_duplicates("previous_symbol")
    met = names["previous_symbol"].isin(adata.var_names) | names["current_symbol"].isin(adata.var_names)
    previous, current = names.loc[~met, ["previous_symbol", "current_symbol"]].iloc[0]
    adata.var_names = [current if gene == pairs["ligand"][0] else gene for gene in adata.var_names]
    pairs.loc[0, "ligand"], pairs.loc[1, "receptor"] = previous, f"{pairs['receptor'][1]}_NOSUCHGENE"
    niche.tl.spatial_communication(adata, resource=pairs, local=None)
    figure = niche.pl.spatial(adata, tuple(pairs.iloc[0]))
    np.testing.assert_allclose(by_gid(figure, "ligand")[0].get_array(), adata[:, current].X.toarray().ravel())
    figure = niche.pl.spatial(adata, tuple(pairs.iloc[1]))
    assert by_gid(figure, "receptor")[0].get_array().mask.all()
    assert any(ax.get_title("left").endswith("not measured") for ax in figure.axes)


def test_no_section_lies_on_the_image_of_another():
    adata = analysed()
    image = {"images": {"hires": np.ones((40, 50))}, "scalefactors": {"tissue_hires_scalef": 2.0}}

    def pictures() -> list[int]:
        figure = niche.pl.spatial(adata, sample=["liver_P1_S1", "lung_P1_S1"], panels="ligand")
        return [len(ax.images) for ax in figure.axes[:2]]

    adata.uns["spatial"] = {"liver_P1_S1": image}
    assert pictures() == [1, 0]
    adata.uns["spatial"] = {"slide": image}
    assert pictures() == [0, 0], "sections of different slides lie over each other"
    number = adata.obs["sample"].astype("category").cat.codes.to_numpy()
    adata.obsm["spatial"] = adata.obsm["spatial"] + 100.0 * number[:, None]
    niche.tl.spatial_communication(adata, resource=adata.uns["truth"]["pairs"])
    assert pictures() == [1, 1]
