"""Sections drawn: a panel per thing, one scale per column, images, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from spatial_study import analysed

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
