"""The plot of both species by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import niche
from niche import get, pl
from niche.errors import InputTypeError, InputValueError


@pytest.fixture(scope="module")
def _called() -> ad.AnnData:
    """Two samples; the second holds human cells only."""
    adata = niche.datasets.simulate_xenograft(5, animals_per_organ=1, cells=120, n_genes=1500, doublets=0.1)
    gone = (adata.obs["organ"] == "lung") & (adata.obs["truth_species"] == "mouse")
    adata = adata[~gone].copy()
    niche.pp.split_species(adata)
    return adata


def panels(figure: Figure) -> dict[str, Axes]:
    return {ax.get_title(loc="left"): ax for ax in figure.axes}


def test_every_cell_is_drawn_under_its_call(_called: ad.AnnData) -> None:
    drawn, cells = panels(pl.species(_called)), get.species(_called, level="cells")
    assert list(drawn) == get.species(_called)["sample"].tolist()
    for name, ax in drawn.items():
        for call in ("human", "mouse", "doublet", "unresolved"):
            mine = cells[(cells["sample"] == name) & (cells["species"] == call)]
            points = np.vstack([item.get_offsets() for item in named(ax, call)])
            assert np.array_equal(points, mine[["counts_human", "counts_mouse"]] + 1)


def test_lines_are_the_thresholds(_called: ad.AnnData) -> None:
    drawn, table = panels(pl.species(_called)), get.species(_called).set_index("sample")
    for name, ax in drawn.items():
        for side in ("low", "high"):
            lines = named(ax, f"threshold {side}")
            assert len(lines) == int(np.isfinite(table.loc[name, side]))
            for line in lines:
                human, mouse = line.get_xdata()[1:] - 1, line.get_ydata()[1:] - 1
                assert np.allclose(human / (human + mouse), table.loc[name, side])


def test_a_sample_that_was_not_split_says_why(_called: ad.AnnData) -> None:
    drawn = panels(pl.species(_called))
    told = {name: [text.get_text() for text in ax.texts] for name, ax in drawn.items()}
    assert told["A02_lung"][0].startswith("not split:\none species only, human") and not told["A01_bone"]


def test_legend_counts_the_calls(_called: ad.AnnData) -> None:
    figure = pl.species(_called)
    n = _called.obs["species"].value_counts()
    told = [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]
    assert f"human ({n['human']})" in told and f"doublet ({n['doublet']})" in told


def test_samples_that_are_not_drawn_are_counted(_called: ad.AnnData) -> None:
    assert pl.species(_called).get_suptitle() == ""
    assert pl.species(_called, ["A01_bone"]).get_suptitle() == "not drawn: 1 of 2 samples"


def test_one_sample_into_given_axes(_called: ad.AnnData) -> None:
    ax = Figure().subplots()
    assert pl.species(_called, "A01_bone", ax=ax) is ax
    assert ax.get_xlabel() == "human counts + 1" and ax.get_xscale() == "log"
    with pytest.raises(InputValueError, match="ax= takes one sample. Got 2"):
        pl.species(_called, ax=ax)
    with pytest.raises(InputValueError, match="'A09' not found"):
        pl.species(_called, "A09")
    with pytest.raises(InputTypeError, match="ax must be"):
        pl.species(_called, "A01_bone", ax="here")  # type: ignore[arg-type]


def test_collapsed_cells_can_be_drawn(_called: ad.AnnData) -> None:
    both = niche.pp.collapse_orthologs(_called)
    points = [len(item.get_offsets()) for ax in pl.species(both).axes for item in named(ax, "doublet")]
    assert sum(points) == 0
