"""Bioluminescence by its artists."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps, texts
from matplotlib.colors import to_hex

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._group_looks import group_looks


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two groups of five, some of it saturated, one animal never seen."""
    found = niche.datasets.simulate_bioluminescence(3, groups={"BoM": 5, "parental": 5}, saturation=2e8)
    found.loc[found["animal"] == "M01", "flux"] = found.loc[found["animal"] == "M01", "flux"].clip(
        upper=1.5e5
    )
    return found


@pytest.fixture(scope="module")
def rates(table: pd.DataFrame) -> pd.DataFrame:
    """Its growth."""
    return niche.tl.growth_rates(table, group="group")


def test_every_measurement_is_drawn_as_what_it_is(table: pd.DataFrame, rates: pd.DataFrame) -> None:
    figure = niche.pl.growth(table, rates)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["bone", "lung"]
    for ax, organ in zip(figure.axes, ("bone", "lung"), strict=True):
        mine = rates[rates["organ"] == organ]
        drawn = {
            gid: sum(len(a.get_offsets()) for a in named(ax, gid)) for gid in ("used", "saturated", "below")
        }
        assert drawn == {
            "used": mine["n_used"].sum(), "saturated": mine["n_saturated"].sum(), "below": mine["n_below"].sum(),
        }  # fmt: skip
        assert (
            len(named(ax, "animal")) == 10
            and len(named(ax, "fit")) == (mine["status"] == "tested").sum() == 9
        )
        assert ax.get_yscale() == "log"
    assert sum(rates["n_saturated"]) > 0


def test_a_background_of_every_day_needs_the_measurements() -> None:
    table = niche.datasets.simulate_bioluminescence(2, groups={"p": 12}, organs=["bone"], noise_sd=0.5)
    table["light"] = 1e5 * np.exp(np.random.default_rng(0).normal(0, 0.6, len(table)))
    options = {"background": "light", "saturation": None}
    rates = niche.tl.growth_rates(table, **options)
    with pytest.raises(InputValueError, match="measurements of .* in 'bone' as .*level='measurement'"):
        niche.pl.growth(table, rates)
    each = niche.tl.growth_rates(table, level="measurement", **options)
    ax = niche.pl.growth(each, rates).axes[0]
    drawn = [tuple(point) for artist in named(ax, "used") for point in artist.get_offsets()]
    expected = each.loc[each["use"] == "used", ["day", "flux"]].itertuples(index=False, name=None)
    assert sorted(drawn) == sorted(expected) and len(drawn) == rates["n_used"].sum()


@pytest.mark.parametrize("seed", range(4))
def test_raw_measurements_are_told_as_the_fit_did(seed: int) -> None:
    table = niche.datasets.simulate_bioluminescence(seed, noise_sd=0.4, saturation=1e8)
    rates, each = (niche.tl.growth_rates(table, level=level) for level in ("animal", "measurement"))
    figures = [niche.pl.growth(measured, rates) for measured in (table, each)]
    for one, other in zip(*(figure.axes for figure in figures), strict=True):
        for gid in ("used", "saturated", "below", "unknown"):
            sides = (np.vstack([a.get_offsets() for a in named(ax, gid)]) for ax in (one, other))
            assert np.array_equal(*sides)


def test_rates_read_from_a_file(table: pd.DataFrame, rates: pd.DataFrame, tmp_path) -> None:
    numbered = table.assign(animal=table["animal"].str[1:].astype(int))
    niche.tl.growth_rates(numbered, group="group").to_csv(tmp_path / "rates.csv", index=False)
    figure = niche.pl.growth(numbered, pd.read_csv(tmp_path / "rates.csv"))
    expected = niche.pl.growth(table, rates)
    for ax, other in zip(figure.axes, expected.axes, strict=True):
        assert len(named(ax, "fit")) == len(named(other, "fit")) == 9


def test_lines_are_the_fits(table: pd.DataFrame, rates: pd.DataFrame) -> None:
    ax = niche.pl.growth(table, rates, organs="lung").axes[0]
    tested = rates[(rates["organ"] == "lung") & (rates["status"] == "tested")]
    for line, row in zip(named(ax, "fit"), tested.itertuples(), strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == (row.first_day, row.last_day)
        assert np.log(y - row.background) == pytest.approx(row.intercept + row.slope * x)
    mean = named(ax, "mean BoM")[0].get_ydata()
    part = tested[tested["group"] == "BoM"]
    slope = np.diff(np.log(mean[[0, -1]] - part["background"].mean()))
    days = part["last_day"].max() - part["first_day"].min()
    assert slope[0] / days == pytest.approx(part["slope"].mean())


def test_colours_belong_to_organs_and_shades_to_groups(table: pd.DataFrame, rates: pd.DataFrame) -> None:
    figure = niche.pl.growth(table, rates)
    looks = group_looks(["BoM", "parental"])
    for ax, organ in zip(figure.axes, ("bone", "lung"), strict=True):
        own = palette.ORGANS[organ]
        assert named(ax, "organ")[0].get_color() == own
        for name, look in looks.items():
            (line,) = named(ax, f"mean {name}")
            assert to_hex(line.get_color()).upper() == look.color(own)
    assert looks["BoM"].color("#0C49BA") == "#0C49BA"
    assert len({look.dashes for look in looks.values()}) == len({look.marker for look in looks.values()}) == 2
    words = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert words == ["BoM", "parental"] and figure.axes[0].get_legend() is None


def test_levels_are_marked(table: pd.DataFrame, rates: pd.DataFrame) -> None:
    ax = niche.pl.growth(table, rates, organs=["bone"]).axes[0]
    mine = rates[rates["organ"] == "bone"]
    for name in ("threshold", "saturation"):
        assert named(ax, name)[0].get_ydata()[0] == pytest.approx(mine[name].median())
        assert name in texts(ax)
    free = niche.tl.growth_rates(table, saturation=None)
    ax = niche.pl.growth(table, free, organs=["bone"]).axes[0]
    assert not named(ax, "saturation") and ax.get_legend() is None


def test_given_axes_and_other_columns(table: pd.DataFrame, rates: pd.DataFrame, axes) -> None:
    named_otherwise = table.rename(
        columns={"animal": "mouse", "organ": "site", "day": "d", "flux": "photons"}
    )
    options = {"animal": "mouse", "organ": "site", "day": "d", "flux": "photons"}
    assert niche.pl.growth(named_otherwise, rates, organs="bone", ax=axes, **options) is axes
    assert axes.get_xlabel() == "day"


def test_nothing_overlaps(table: pd.DataFrame, rates: pd.DataFrame) -> None:
    figure = niche.pl.growth(table, rates)
    parts = [*figure.texts, *(ax.xaxis.label for ax in figure.axes), figure.axes[-1].get_legend()]
    parts += [ax.title for ax in figure.axes] + list(figure.axes[0].get_xticklabels())
    assert overlaps(figure, [part for part in parts if part is not None]) == []


def test_bad_input(table: pd.DataFrame, rates: pd.DataFrame, axes) -> None:
    groups = niche.tl.growth_rates(table, group="group", level="group")
    dark = table.assign(flux=0.0)
    for error, match, args, options in (
        (InputTypeError, "table must be a pandas DataFrame", (None, rates), {}),
        (InputTypeError, "ax must be a matplotlib Axes", (table, rates), {"ax": 1}),
        (InputValueError, "no table of niche.tl.growth_rates at level 'animal'", (table, groups), {}),
        (InputValueError, "rates does not hold 'M10'", (table, rates[rates["animal"] != "M10"]), {}),
        (InputValueError, "rates has 'M01' in 'bone' twice", (table, pd.concat([rates, rates])), {}),
        (InputValueError, "nothing to draw: no flux above 0", (dark, niche.tl.growth_rates(dark)), {}),
        (InputValueError, "organs holds 'skin'", (table, rates), {"organs": ["skin"]}),
        (InputValueError, "ax= takes one organ", (table, rates), {"ax": axes}),
        (MissingKeyError, "'mouse' not found", (table, rates), {"animal": "mouse"}),
    ):
        with pytest.raises(error, match=match):
            niche.pl.growth(*args, **options)
