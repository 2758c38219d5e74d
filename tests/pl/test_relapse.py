"""Curves of relapse by their artists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps
from matplotlib.colors import to_hex
from relapses import followed_patients

import niche
from niche.errors import InputTypeError, InputValueError
from niche.pl import palette
from niche.pl._group_looks import group_looks


@pytest.fixture
def curves() -> pd.DataFrame:
    """Without groups."""
    return niche.tl.relapse(followed_patients(), competing="death", level="incidence")


@pytest.fixture
def grouped() -> pd.DataFrame:
    """By group."""
    return niche.tl.relapse(followed_patients(), group="group", competing="death", level="incidence")


def test_without_groups_all_organs_share_a_panel(curves: pd.DataFrame) -> None:
    figure = niche.pl.relapse(curves, time_label="years")
    (ax,) = figure.axes
    for organ in ("bone", "lung"):
        (line,) = named(ax, f"curve {organ} all")
        mine = curves[curves["organ"] == organ]
        assert line.get_xdata() == pytest.approx(mine["time"]) and line.get_ydata() == pytest.approx(
            mine["incidence"]
        )
        assert (
            line.get_drawstyle() == "steps-post" and to_hex(line.get_color()).upper() == palette.ORGANS[organ]
        )
    assert not named(ax, "curve death all")
    assert ax.get_xlabel() == "years"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["bone", "lung"]
    with_death = niche.pl.relapse(curves, organs=["death", "bone"]).axes[0]
    assert to_hex(named(with_death, "curve death all")[0].get_color()) == "#777777"


def test_with_groups_every_organ_has_a_panel(grouped: pd.DataFrame) -> None:
    figure = niche.pl.relapse(grouped)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["bone", "lung"]
    looks = group_looks(["a", "b"])
    for ax, organ in zip(figure.axes, ("bone", "lung"), strict=True):
        for name, look in looks.items():
            (line,) = named(ax, f"curve {organ} {name}")
            assert to_hex(line.get_color()).upper() == look.color(palette.ORGANS[organ])
            assert len(named(ax, f"interval {organ} {name}")) == 1
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert [text.get_text() for text in figure.axes[-1].get_legend().get_texts()] == ["a", "b"]
    assert not named(niche.pl.relapse(grouped, intervals=False).axes[0], "interval bone a")


def test_numbers_at_risk_are_those_under_observation(grouped: pd.DataFrame) -> None:
    table = followed_patients()
    ax = niche.pl.relapse(grouped).axes[0]
    for name in ("a", "b"):
        for text in named(ax, f"at risk {name}"):
            tick = text.get_position()[0]
            assert int(text.get_text()) == ((table["group"] == name) & (table["time"] >= tick)).sum()
    assert [text.get_text() for text in named(ax, "at risk words")] == ["a", "b"]


def test_numbers_at_risk_with_late_entry() -> None:
    table = niche.datasets.simulate_relapse(0, n_patients=60, late_entry=3.0)
    found = niche.tl.relapse(table, entry="entry", competing="death", level="incidence")
    for text in named(niche.pl.relapse(found).axes[0], "at risk all"):
        tick = text.get_position()[0]
        if tick > 0:
            assert int(text.get_text()) == ((table["entry"] < tick) & (table["time"] >= tick)).sum()


def test_given_axes(grouped: pd.DataFrame, axes) -> None:
    assert niche.pl.relapse(grouped, organs="bone", ax=axes) is axes
    assert named(axes, "curve bone a")


def test_nothing_overlaps(grouped: pd.DataFrame) -> None:
    figure = niche.pl.relapse(grouped)
    for ax in figure.axes:
        parts = [*ax.texts, ax.xaxis.label, *ax.get_xticklabels()]
        assert overlaps(figure, parts) == []


def test_bad_input(curves: pd.DataFrame, grouped: pd.DataFrame, axes) -> None:
    survival = niche.tl.relapse(followed_patients(), level="survival", competing="death")
    for error, match, args, options in (
        (InputTypeError, "incidence must be a pandas DataFrame", (np.ones(3),), {}),
        (InputTypeError, "ax must be a matplotlib Axes", (curves,), {"ax": 1}),
        (InputTypeError, "time_label must be a string", (curves,), {"time_label": 3}),
        (InputValueError, "no table of niche.tl.relapse at level 'incidence'", (survival,), {}),
        (InputValueError, "organs holds 'skin'", (curves,), {"organs": ["skin"]}),
        (InputValueError, "ax= takes one organ where there are groups", (grouped,), {"ax": axes}),
    ):
        with pytest.raises(error, match=match):
            niche.pl.relapse(*args, **options)
