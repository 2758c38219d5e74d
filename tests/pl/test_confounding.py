"""The confounding table by its artists."""

from __future__ import annotations

import anndata as ad
import pytest
from artists import named, overlaps, texts, tick_labels
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import niche
from niche.errors import InputTypeError, MissingKeyError, NicheWarning
from niche.pl.confounding import STYLE


def test_hidden_comparisons_are_dark_and_crossed(compared: ad.AnnData) -> None:
    ax = niche.pl.confounding(compared).axes[0]
    table = niche.get.confounding(compared)
    columns = [label.replace(" vs ", "_vs_") for label in tick_labels(ax, "x")]
    assert columns == list(dict.fromkeys(table["contrast"])) and tick_labels(ax, "y") == ["study"]
    hidden = {round(patch.get_x() + 0.47) for patch in named(ax, "hidden")}
    assert {columns[x] for x in hidden} == set(table.loc[table["confounded"], "contrast"])
    assert all(to_hex(p.get_facecolor()).upper() == STYLE[True]["color"] for p in named(ax, "hidden"))
    assert len(named(ax, "apart")) == 3
    crosses = named(ax, "symbol hidden")[0].get_offsets()
    assert {round(x) for x in crosses[:, 0]} == hidden
    assert ax.get_title(loc="left") == "What hides comparisons of organs"


def test_covariates_are_named_so(compared: ad.AnnData) -> None:
    with pytest.warns(NicheWarning, match="cannot be told apart"):
        niche.tl.compare_communication(compared, covariates="age", key_added="aged")
    figure = niche.pl.confounding(compared, key="aged")
    ax = figure.axes[0]
    assert tick_labels(ax, "y") == ["age (covariate)", "study"]
    assert overlaps(figure, [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.get_legend()]) == []


def test_no_such_column_is_not_assessed(compared: ad.AnnData) -> None:
    del compared.obs["study"]
    niche.tl.compare_communication(compared)
    assert "Not assessed: the study has no column" in texts(niche.pl.confounding(compared).axes[0])


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.confounding(compared, ax=axes) is axes
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.confounding(compared, ax="here")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_communication first"):
        niche.pl.confounding(compared, key="other")
