"""Programs and what ambient molecules explain of them, by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts
from matplotlib.colors import to_hex

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._programs import VERDICTS


def table_of(adata: ad.AnnData, column: str):
    found = niche.get.compare_programs(adata)
    found = found[found["contrast"].astype(str).str.endswith("_vs_rest")]
    return found[found["effect"].notna() & found[column].notna()]


def points(ax) -> list[tuple[float, float]]:
    drawn = [artist for verdict in VERDICTS for artist in named(ax, f"point {verdict}")]
    return sorted(tuple(np.round(artist.get_offsets()[0], 6)) for artist in drawn)


@pytest.fixture
def not_assessed(programmed: ad.AnnData) -> ad.AnnData:
    programmed.uns["compare_programs"]["ambient_assessed"] = False
    return programmed


def test_points_are_the_rows_of_the_table(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.program_ambient(programmed, ax=axes)
    assert ax is axes
    table = table_of(programmed, "ambient_share")
    wanted = zip(100 * table["ambient_share"].astype(float), table["effect"], strict=True)
    assert points(ax) == sorted(tuple(np.round(pair, 6)) for pair in wanted)
    for verdict, part in table.groupby("verdict", observed=True):
        assert len(named(ax, f"point {verdict}")) == len(part)
    assert "ambient molecules explain" in ax.get_xlabel()


def test_suspects_are_ringed_and_what_is_not_called_is_hollow(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.program_ambient(programmed, ax=axes)
    table = table_of(programmed, "ambient_share").astype({"organ": str, "verdict": str})
    colors = palette.organ_colors(sorted(set(table["organ"])))
    for row in table.itertuples():
        (mine,) = (
            artist
            for artist in named(ax, f"point {row.verdict}")
            if np.allclose(artist.get_offsets()[0], (100 * row.ambient_share, row.effect))
        )
        called = row.call in ("enriched", "depleted", "ambient-suspect")
        face = to_hex(mine.get_facecolor()[0]).upper()
        assert face == (colors[row.organ] if called else "#FFFFFF")
        if row.verdict == "ambient-suspect":
            assert to_hex(mine.get_edgecolor()[0]).upper() == VERDICTS["ambient-suspect"]["color"]
    assert "ambient-suspect" in texts(ax)


def test_thresholds_are_those_of_the_run(programmed: ad.AnnData, axes) -> None:
    programmed.uns["compare_programs"]["params"]["max_share"] = 0.4
    ax = niche.pl.program_ambient(programmed, ax=axes)
    (share,) = named(ax, "threshold share")
    assert share.get_xdata()[0] == pytest.approx(40)
    assert sorted(line.get_ydata()[0] for line in named(ax, "threshold effect")) == [-0.5, 0.5]
    (corner,) = named(ax, "suspect")
    assert corner.get_xy() == pytest.approx((40, 0.5))


def test_without_ambient_the_control_is_the_axis(not_assessed: ad.AnnData, axes) -> None:
    ax = niche.pl.program_ambient(not_assessed, ax=axes)
    table = table_of(not_assessed, "control")
    wanted = zip(table["control"], table["effect"], strict=True)
    assert points(ax) == sorted(tuple(np.round(pair, 6)) for pair in wanted)
    assert named(ax, "threshold share")[0].get_xdata()[0] == 0.5
    assert "host cells" in ax.get_xlabel()


def test_names_cover_neither_each_other_nor_points(programmed: ad.AnnData) -> None:
    figure = niche.pl.program_ambient(programmed)
    (ax,) = figure.axes
    table = table_of(programmed, "ambient_share")
    rising = table[table["effect"] >= 0.5]
    names = named(ax, "name")
    known = {f"{row.program} {row.organ}" for row in rising.itertuples()}
    assert names and {name.get_text() for name in names} <= known
    assert overlaps(figure, [*names, *ax.get_legend().get_texts()]) == []
    places = ax.transData.transform(np.array(points(ax)))
    for name in names:
        box = name.get_window_extent()
        assert not any(box.contains(x, y) for x, y in places)
    assert not named(niche.pl.program_ambient(programmed, n_labels=0).axes[0], "name")


def test_nothing_to_draw_is_said(not_assessed: ad.AnnData, axes) -> None:
    (empty,) = niche.pl.program_ambient(not_assessed, []).axes
    assert empty.texts[0].get_text() == "no program was chosen"
    stored = not_assessed.uns["compare_programs"]
    stored["control"] = np.full_like(np.asarray(stored["control"]), np.nan)
    ax = niche.pl.program_ambient(not_assessed, ax=axes)
    assert ax.texts[0].get_text().startswith("no program has a control")


def test_bad_input(programmed: ad.AnnData, demo: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="P99"):
        niche.pl.program_ambient(programmed, "P99")
    with pytest.raises(InputValueError, match="n_labels must be an integer in"):
        niche.pl.program_ambient(programmed, n_labels=-1)
    with pytest.raises(InputTypeError, match="Axes"):
        niche.pl.program_ambient(programmed, ax="no axes")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_programs first"):
        niche.pl.program_ambient(demo)
