"""Lines and dots of every patient by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, tick_labels
from compared import AXIS
from matplotlib.colors import to_hex

import niche
from niche.errors import InputValueError, MissingKeyError
from niche.pl import palette

TO_MACROPHAGE = ("Macrophage", "Cancer", "SPP1", "CD44")


def test_dots_are_the_values_of_the_patients(compared: ad.AnnData) -> None:
    figure = niche.pl.paired(compared, [AXIS])
    samples = niche.get.compare_samples(compared, [AXIS])
    assert len(figure.axes) == 2
    for ax, side in zip(figure.axes, ("ligand", "receptor"), strict=True):
        for place, organ in enumerate(["bone", "brain", "kidney", "lung"]):
            mine = samples[samples["organ"] == organ]
            (dots,) = named(ax, f"used {organ}")
            assert sorted(dots.get_offsets()[:, 1]) == pytest.approx(sorted(mine[f"{side}_log2cpm"]))
            assert np.abs(dots.get_offsets()[:, 0] - place).max() < 0.3
            assert to_hex(dots.get_facecolor()[0]).upper() == palette.organ_colors([organ])[organ]


def test_lines_join_the_organs_of_a_patient(compared: ad.AnnData) -> None:
    figure = niche.pl.paired(compared, [AXIS])
    samples = niche.get.compare_samples(compared, [AXIS])
    several = samples.groupby("patient", observed=True).filter(lambda part: len(part) > 1)
    for ax, side in zip(figure.axes, ("ligand", "receptor"), strict=True):
        drawn = sorted(sorted(line.get_ydata()) for line in named(ax, "patient"))
        wanted = sorted(
            sorted(part[f"{side}_log2cpm"]) for _, part in several.groupby("patient", observed=True)
        )
        assert len(drawn) == 4
        for one, other in zip(drawn, wanted, strict=True):
            assert one == pytest.approx(other)


def test_means_are_weighted_as_in_the_test(compared: ad.AnnData) -> None:
    ax = niche.pl.paired(compared, [AXIS]).axes[0]
    samples = niche.get.compare_samples(compared, [AXIS])
    means = [
        np.average(part["ligand_log2cpm"], weights=part["ligand_weight"])
        for _, part in samples.groupby("organ", observed=True)
    ]
    drawn = [line.get_segments()[0][0][1] for line in named(ax, "mean")]
    assert drawn == pytest.approx(means)


def test_unknown_is_hatched_and_what_was_not_used_is_hollow(compared: ad.AnnData) -> None:
    left, right = niche.pl.paired(compared, [TO_MACROPHAGE]).axes
    assert len(named(left, "no value")) == 1 and not named(right, "no value")
    hollow = named(right, "not used brain")[0]
    assert len(hollow.get_offsets()) == 1 and to_hex(hollow.get_facecolor()[0]) == "#ffffff"
    assert len(named(left, "used brain")[0].get_offsets()) == 3
    assert named(right, "not used kidney") and not len(named(right, "used kidney")[0].get_offsets())


def test_both_sides_span_the_same(compared: ad.AnnData) -> None:
    left, right = niche.pl.paired(compared, [AXIS]).axes
    assert np.ptp(left.get_ylim()) == pytest.approx(np.ptp(right.get_ylim()))


def test_panels_are_named(compared: ad.AnnData) -> None:
    figure = niche.pl.paired(compared, n_top=2)
    assert len(figure.axes) == 4
    assert figure.axes[0].get_title(loc="left") == "L: CXCL12 in Fibroblast"
    assert figure.axes[1].get_title(loc="left") == "R: CXCR4 in Cancer"
    assert tick_labels(figure.axes[2], "x") == ["bone", "brain", "kidney", "lung"]
    assert overlaps(figure, [*figure.texts, *figure.axes[2].get_xticklabels()]) == []


def test_nothing_callable_says_why(few: ad.AnnData) -> None:
    (ax,) = niche.pl.paired(few).axes
    assert "fewer than 3 patients on a side" in ax.texts[0].get_text()
    assert len(niche.pl.paired(few, [AXIS]).axes) == 2
    assert niche.pl.paired(few, []).axes[0].texts[0].get_text() == "no edge was chosen"


def test_bad_input(compared: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="n_top must be an integer in"):
        niche.pl.paired(compared, n_top=0)
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_communication first"):
        niche.pl.paired(compared, key="other")
