"""Plots of edges can be read with few and many edges, and with long names of cell types."""

from __future__ import annotations

import anndata as ad
import pytest
from artists import cut, overlaps, written
from compared import LONG_NAMES, make_compared
from matplotlib.figure import Figure

import niche
from niche.pl._figure import MEDIUM, letters, text_width, wrapped

PLOTS = {
    "effects": ("n_top", 40), "volcano": ("n_labels", 40), "organ_edges": ("n_top", 40), "loo": ("n_top", 40),
    "paired": ("n_top", 8), "communication": ("n_top", 40), "pathways": ("n_top", 40),
}  # fmt: skip
"""Plots of edges, what says how many, and what is many."""


@pytest.fixture(scope="module")
def long_names() -> ad.AnnData:
    """The compared study with names of 40 letters."""
    return make_compared(names=LONG_NAMES)


def legible(figure: Figure) -> None:
    """Nothing is cut, no level text lies on another, and the page has a sensible size."""
    texts = written(figure)
    assert len(texts) > 5
    assert cut(figure, texts) == []
    assert overlaps(figure, [text for text in texts if text.get_rotation() % 90 == 0]) == []
    width, height = figure.get_size_inches()
    assert 3 < width < 16 and 2 < height < 24


@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
@pytest.mark.parametrize("name", list(PLOTS))
@pytest.mark.parametrize("study", ["short", "long"])
def test_few_and_many_edges(
    compared: ad.AnnData, long_names: ad.AnnData, study: str, name: str, many: bool
) -> None:
    option, most = PLOTS[name]
    adata = compared if study == "short" else long_names
    legible(getattr(niche.pl, name)(adata, **{option: most if many else 3}))


@pytest.mark.parametrize("study", ["short", "long"])
@pytest.mark.parametrize("show", ["enriched", "tested"])
def test_rings(compared: ad.AnnData, long_names: ad.AnnData, study: str, show: str) -> None:
    figure = niche.pl.circle(compared if study == "short" else long_names, show=show)
    assert cut(figure, written(figure)) == []
    width, height = figure.get_size_inches()
    assert 3 < width < 16 and 2 < height < 16


def test_text_is_wrapped_where_it_ends() -> None:
    room = text_width(["brain, 3 to"], MEDIUM)
    assert letters(room) == len("brain, 3 to")
    lines = wrapped("brain, 3 to 4 patients\nlung", room)
    assert lines == "brain, 3 to\n4 patients\nlung"
    assert text_width([lines]) <= room
    assert wrapped("Macrophages", 0.1) == "Macrophages", "a word is never broken"
