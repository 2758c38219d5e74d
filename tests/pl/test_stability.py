from __future__ import annotations

import numpy as np
import pytest

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError
from niche.pl.palette import COMPARTMENTS


@pytest.fixture(scope="module")
def _clustered(_tiny):
    adata = _tiny.copy()
    niche.tl.cluster(adata, embedding=False, n_pcs=8, n_neighbors=8)
    return adata


@pytest.fixture
def clustered(_clustered):
    """The tiny study with stability assessed in every compartment."""
    return _clustered.copy()


def drawn(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_one_panel_per_compartment(clustered):
    figure = niche.pl.stability(clustered)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    sizes = clustered.obs["compartment"].value_counts()
    assert titles == [
        f"{name}, {sizes[name]} cells" for name in ("tumor", "stromal", "immune", "parenchymal")
    ]
    assert figure.axes[0].get_legend() is not None
    assert figure.axes[1].get_legend() is None


def test_the_curve_is_the_table(clustered, axes):
    ax = niche.pl.stability(clustered, compartment="immune", ax=axes)
    table = niche.get.cluster(clustered, what="stability")
    table = table[table["compartment"] == "immune"].reset_index(drop=True)
    (mean,) = drawn(ax, "mean")
    assert np.allclose(mean.get_ydata(), table["ari_mean"])
    assert mean.get_color() == COMPARTMENTS["immune"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [f"{x:g}" for x in table["resolution"]]
    (suggested,) = drawn(ax, "suggested")
    assert suggested.get_xdata()[0] == np.flatnonzero(table["suggested"])[0]
    texts = [text.get_text() for text in ax.texts]
    assert texts[: len(table)] == [str(n) for n in table["n_clusters"]]
    stable = table.loc[table["suggested"], "ari_mean"].item() >= 0.8
    assert texts[-1].endswith(", not stable") != stable
    assert not drawn(ax, "used")


def test_another_resolution_that_was_used(tiny, axes):
    niche.tl.cluster(
        tiny, compartment="immune", resolution=1.25, stability=True, embedding=False, n_pcs=8, n_neighbors=8
    )
    ax = niche.pl.stability(tiny, ax=axes)
    (used,) = drawn(ax, "used")
    assert used.get_xdata()[0] == 5.5


def test_returns_the_axes_it_was_given(clustered, axes):
    assert niche.pl.stability(clustered, compartment="tumor", ax=axes) is axes


def test_bad_input(clustered, tiny, axes):
    with pytest.raises(InputValueError, match="ax= takes one compartment. Got 4: 'tumor'"):
        niche.pl.stability(clustered, ax=axes)
    with pytest.raises(InputValueError, match="compartment must be one of 'tumor'"):
        niche.pl.stability(clustered, compartment="endothelial")
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.stability(clustered, compartment="tumor", ax=3)
    with pytest.raises(MissingKeyError, match="Run niche.tl.cluster first"):
        niche.pl.stability(tiny)
    niche.tl.cluster(tiny, compartment="immune", resolution=1, embedding=False)
    with pytest.raises(MissingKeyError, match="holds no stability.*stability=True"):
        niche.pl.stability(tiny)
    clustered.obs["compartment"] = "immune"
    with pytest.raises(StaleResultError, match="obs compartment changed"):
        niche.pl.stability(clustered)
