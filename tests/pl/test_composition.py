"""Shares of every sample by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps, tick_labels
from matplotlib.colors import to_hex
from scipy import sparse

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._compared import CALLS

COMPARTMENT = {
    "Cancer": "tumor", "T cell": "immune", "B cell": "immune", "Macrophage": "immune", "Kupffer": "immune",
}  # fmt: skip
NUMBERS = {
    "bone": [(60, 20, 40, 0), (50, 25, 45, 0), (70, 22, 50, 0), (45, 18, 30, 0)],
    "liver": [(20, 20, 50, 9), (25, 30, 45, 12), (18, 22, 40, 7), (30, 25, 50, 8)],
    "lung": [(24, 22, 47, 0), (22, 28, 47, 0), (21, 24, 42, 0), (28, 27, 52, 0)],
}


@pytest.fixture
def counted() -> ad.AnnData:
    """T cells are frequent in bone; Kupffer cells are in liver only."""
    frames = []
    for organ, patients in NUMBERS.items():
        for i, numbers in enumerate(patients):
            cells = dict(zip(("T cell", "B cell", "Macrophage", "Kupffer"), numbers, strict=True)) | {
                "Cancer": 20
            }
            frames.append(
                pd.DataFrame({"cell_type": np.repeat(list(cells), list(cells.values()))}).assign(
                    sample=f"{organ}{i}", patient=f"{organ}{i}", organ=organ, tissue="metastasis"
                )
            )
    obs = pd.concat(frames, ignore_index=True)
    obs["compartment"] = obs["cell_type"].map(COMPARTMENT)
    obs.index = [f"c{i}" for i in range(len(obs))]
    adata = ad.AnnData(sparse.csr_matrix((len(obs), 2), dtype=np.float32), obs=obs)
    niche.tl.composition(adata)
    return adata


def test_dots_are_the_shares_of_the_samples(counted: ad.AnnData) -> None:
    figure = niche.pl.composition(counted)
    shares = niche.get.composition(counted, level="sample")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["B cell", "Kupffer", "Macrophage", "T cell"]
    colors = palette.organ_colors(NUMBERS)
    for ax, name in zip(figure.axes, titles, strict=True):
        for place, organ in enumerate(NUMBERS):
            mine = shares[(shares["cell_type"] == name) & (shares["organ"] == organ)]["share"]
            drawn = named(ax, f"samples {organ}")
            if mine.isna().all():
                assert not drawn
                continue
            assert sorted(drawn[0].get_offsets()[:, 1]) == pytest.approx(sorted(mine))
            assert np.abs(drawn[0].get_offsets()[:, 0] - place).max() < 0.3
            assert to_hex(drawn[0].get_facecolor()[0]).upper() == colors[organ]
    tcell = figure.axes[3]
    means = [line.get_segments()[0][0][1] for line in named(tcell, "mean")]
    wanted = shares[shares["cell_type"] == "T cell"].groupby("organ", observed=True)["share"].mean()
    assert means == pytest.approx(list(wanted))


def test_few_cells_make_a_small_dot(counted: ad.AnnData) -> None:
    few = counted[(counted.obs["sample"] != "bone0") | ~counted.obs["cell_type"].duplicated()].copy()
    niche.tl.composition(few)
    (ax,) = niche.pl.composition(few, cell_type="T cell").axes
    shares = niche.get.composition(few, level="sample", organ="bone", cell_type="T cell")
    assert shares["n_whole"].tolist() == [3, 120, 142, 93]  # one of each type is left in the first
    sizes = named(ax, "samples bone")[0].get_sizes()
    assert sizes == pytest.approx([3 + 11 * 0.03, 14, 14, 3 + 11 * 0.93])


def test_calls_stand_above_their_organ(counted: ad.AnnData) -> None:
    table = niche.get.composition(counted)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    figure = niche.pl.composition(counted)
    n = 0
    for ax in figure.axes:
        mine = table[table["cell_type"] == ax.get_title(loc="left")]
        for row in mine.itertuples():
            x = list(NUMBERS).index(str(row.organ))
            drawn = [a for a in named(ax, f"call {row.call}") if a.get_offsets()[0][0] == x]
            assert len(drawn) == (0 if row.call == "undetermined" else 1)
            n += row.call == "enriched"
            for artist in drawn:
                assert to_hex(artist.get_facecolor()[0]).upper() == CALLS[row.call]["color"]
    assert n == 1


def test_absent_is_hatched_and_never_zero(counted: ad.AnnData) -> None:
    (ax,) = niche.pl.composition(counted, cell_type="Kupffer").axes
    assert len(named(ax, "absent")) == 2 and len(named(ax, "samples liver")) == 1
    assert len(named(ax, "call not_testable")) == 3


def test_a_type_alone_in_its_compartment_is_left_out_unless_asked_for(counted: ad.AnnData) -> None:
    assert "Cancer" not in [ax.get_title(loc="left") for ax in niche.pl.composition(counted).axes]
    (ax,) = niche.pl.composition(counted, cell_type="Cancer").axes
    assert {float(y) for y in named(ax, "samples bone")[0].get_offsets()[:, 1]} == {1.0}
    (strip,) = named(ax, "compartment")
    assert strip.get_color() == palette.COMPARTMENTS["tumor"]
    alone = counted[counted.obs["cell_type"].isin(["Cancer", "T cell"])].copy()
    niche.tl.composition(alone)
    (empty,) = niche.pl.composition(alone).axes
    assert "no compartment holds two cell types" in empty.texts[0].get_text()


def test_organs_are_named_below(counted: ad.AnnData) -> None:
    figure = niche.pl.composition(counted, n_columns=2)
    assert tick_labels(figure.axes[0], "x") == ["", "", ""]
    assert tick_labels(figure.axes[2], "x") == ["bone", "liver", "lung"]
    parts = [*figure.texts, *figure.legends, *figure.axes[2].get_xticklabels()]
    assert overlaps(figure, parts) == []


def test_bad_input(counted: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="'Neuron'"):
        niche.pl.composition(counted, cell_type="Neuron")
    with pytest.raises(InputValueError, match="n_columns must be an integer in"):
        niche.pl.composition(counted, n_columns=0)
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.composition first"):
        niche.pl.composition(counted, key="other")
