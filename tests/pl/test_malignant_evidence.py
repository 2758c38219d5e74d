"""The evidence figure by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, title
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError


@pytest.fixture(scope="module")
def _called(_demo: ad.AnnData) -> ad.AnnData:
    adata = _demo.copy()
    niche.pp.normalize(adata)
    niche.tl.call_compartments(adata)
    return adata


def panels(figure: Figure) -> dict[str, Axes]:
    return {ax.get_title(loc="left").split("\n")[0]: ax for ax in figure.axes if ax.get_title(loc="left")}


def test_every_cell_of_a_sample_with_a_putative_tumor_is_drawn(_called: ad.AnnData) -> None:
    figure = niche.pl.malignant_evidence(_called)
    cells = niche.get.compartments(_called, level="cells")
    known = cells[cells["cnv_correlation"].notna()]
    drawn = panels(figure)
    assert set(drawn) == set(known["sample"])
    for name, ax in drawn.items():
        points = np.vstack([item.get_offsets() for gid in ("cells", "missing") for item in named(ax, gid)])
        mine = known[known["sample"] == name]
        assert len(points) == len(mine)
        assert np.allclose(np.sort(points[:, 1]), np.sort(mine["cnv_correlation"]))
        colours = named(ax, "cells")[0].get_array()
        assert np.allclose(np.sort(colours), np.sort(mine["malignant_probability"].dropna()))


def test_titles_say_whether_there_is_evidence(_called: ad.AnnData) -> None:
    table = niche.get.compartments(_called).set_index("sample")
    for name, ax in panels(niche.pl.malignant_evidence(_called)).items():
        state, coherence = table.loc[name, ["copy_number", "coherence"]]
        assert ax.get_title(loc="left") == f"{name}\nevidence: {state}, coherence {coherence:.2f}"


def test_no_text_overlaps(_called: ad.AnnData) -> None:
    figure = niche.pl.malignant_evidence(_called)
    assert overlaps(figure, [title(ax) for ax in panels(figure).values()]) == []


def test_one_sample_in_given_axes(_called: ad.AnnData, axes: Axes) -> None:
    name = next(iter(panels(niche.pl.malignant_evidence(_called))))
    assert niche.pl.malignant_evidence(_called, samples=name, ax=axes) is axes
    assert named(axes, "cells")
    with pytest.raises(InputValueError, match="ax= takes one sample"):
        niche.pl.malignant_evidence(_called, samples=sorted(set(_called.obs["sample"]))[:2], ax=axes)
    with pytest.raises(InputValueError, match="'nowhere' not found. Samples of this result"):
        niche.pl.malignant_evidence(_called, samples=["nowhere"])
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.malignant_evidence(_called, samples=name, ax=1)  # type: ignore[arg-type]


def test_what_was_not_assessed_is_said_in_words(demo: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match="Run niche.tl.call_compartments first"):
        niche.pl.malignant_evidence(demo)
    niche.tl.call_compartments(demo, labels={"Malignant": "tumor"})
    figure = niche.pl.malignant_evidence(demo)
    assert "No sample has a putative tumor" in texts(figure.axes[0])
    assert "not assessed in" in texts(figure.axes[0])
