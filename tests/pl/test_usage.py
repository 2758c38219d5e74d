"""Usage of programs by patients, by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, tick_labels, title
from matplotlib.colors import to_hex

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError
from niche.pl import palette
from niche.pl._programs import VERDICTS


def units_of(adata: ad.AnnData, program: str, organ: str) -> np.ndarray:
    table = niche.get.compare_programs(adata, what="units", program=program)
    return np.sort(table.loc[table["organ"] == organ, "usage"].to_numpy())


def drawn(ax, organ: str) -> np.ndarray:
    (dots,) = named(ax, f"patients {organ}")
    return np.sort(np.asarray(dots.get_offsets())[:, 1])


def test_dots_are_the_patients_of_the_table(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.usage(programmed, "P2", scale="linear", ax=axes)
    assert ax is axes
    organs = tick_labels(ax, "x")
    table = niche.get.compare_programs(programmed, what="units", program="P2")
    assert set(organs) == set(table["organ"])
    colors = palette.organ_colors(organs)
    for place, organ in enumerate(organs):
        wanted = units_of(programmed, "P2", organ)
        assert drawn(ax, organ) == pytest.approx(wanted)
        (dots,) = named(ax, f"patients {organ}")
        assert np.abs(dots.get_offsets()[:, 0] - place).max() < 0.3
        assert to_hex(dots.get_facecolor()[0]).upper() == colors[organ]
    means = [line.get_segments()[0][0][1] for line in named(ax, "mean")]
    assert means == pytest.approx([units_of(programmed, "P2", organ).mean() for organ in organs])
    several = table["patient"].value_counts()
    assert len(named(ax, "same patient")) == (several > 1).sum()


def test_intervals_are_of_the_mean(programmed: ad.AnnData, axes) -> None:
    from scipy.stats import t

    ax = niche.pl.usage(programmed, "P2", scale="linear", ax=axes)
    lines = iter(named(ax, "interval"))
    for organ in tick_labels(ax, "x"):
        values = units_of(programmed, "P2", organ)
        if len(values) > 1:
            wanted = t.interval(
                0.95, len(values) - 1, values.mean(), values.std(ddof=1) / np.sqrt(len(values))
            )
            assert next(lines).get_segments()[0][:, 1] == pytest.approx(wanted)
    assert next(lines, None) is None


def test_the_logarithmic_axis_has_the_floor_of_the_tests(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.usage(programmed, "P6", scale="log2", ax=axes)
    table = niche.get.compare_programs(programmed, what="units", program="P6")
    floor = 0.05 * table["usage"].mean()
    for organ in tick_labels(ax, "x"):
        assert drawn(ax, organ) == pytest.approx(np.log2(units_of(programmed, "P6", organ) + floor))
    for place, label in zip(ax.get_yticks(), tick_labels(ax, "y"), strict=True):
        assert 2**place - floor == pytest.approx(float(label.removesuffix(" %")) / 100, abs=1e-9)
    assert ax.get_ylabel() == "usage (log2 axis)"


def test_one_panel_per_program_by_verdict(programmed: ad.AnnData) -> None:
    figure = niche.pl.usage(programmed)
    verdicts = niche.get.compare_programs(programmed, what="verdicts").set_index("verdict")["program"]
    shown = ["organ-associated", "ambient-suspect", "intrinsic", "undetermined"]
    assert [ax.get_title(loc="left").split()[0] for ax in figure.axes] == [verdicts[name] for name in shown]
    for ax, name in zip(figure.axes, shown, strict=True):
        (text,) = named(ax, "verdict")
        assert text.get_text() == name
        assert text.get_color() == VERDICTS[name]["color"]
    assert tick_labels(figure.axes[0], "x")[0] == ""
    words = [title(ax) for ax in figure.axes] + [named(ax, "verdict")[0] for ax in figure.axes]
    assert overlaps(figure, [*words, *figure.texts]) == []


def test_the_axis_is_logarithmic_where_patients_differ_much(programmed: ad.AnnData) -> None:
    table = niche.get.compare_programs(programmed, what="units")
    for name, part in table.groupby("program"):
        values = part["usage"] + 0.05 * part["usage"].mean()
        (ax,) = niche.pl.usage(programmed, str(name)).axes
        assert ("log2" in ax.get_ylabel()) == (values.max() > 8 * values.min())


def test_an_organ_without_patients_is_hatched(programmed: ad.AnnData, axes) -> None:
    stored = programmed.uns["compare_programs"]
    kept = np.asarray(stored["unit_group"]) != 0
    for name in ("unit_group", "unit_cells"):
        stored[name] = np.asarray(stored[name])[kept]
    stored["unit_patient"] = [p for p, ok in zip(stored["unit_patient"], kept, strict=True) if ok]
    stored["unit_usage"] = np.asarray(stored["unit_usage"])[:, kept]
    ax = niche.pl.usage(programmed, "P2", ax=axes)
    assert len(named(ax, "absent")) == 1
    assert not named(ax, f"patients {tick_labels(ax, 'x')[0]}")


def test_nothing_to_draw_is_said(programmed: ad.AnnData, axes) -> None:
    (empty,) = niche.pl.usage(programmed, []).axes
    assert empty.texts[0].get_text() == "no program was chosen"
    programmed.uns["compare_programs"]["verdict"] = ["not_testable"] * 6
    ax = niche.pl.usage(programmed, ax=axes)
    assert "name those to draw with program=" in ax.texts[0].get_text()


def test_bad_input(programmed: ad.AnnData, demo: ad.AnnData, axes) -> None:
    with pytest.raises(InputValueError, match="P99"):
        niche.pl.usage(programmed, "P99")
    with pytest.raises(InputValueError, match="ax= takes one program"):
        niche.pl.usage(programmed, ax=axes)
    with pytest.raises(InputValueError, match="scale"):
        niche.pl.usage(programmed, scale="log10")
    with pytest.raises(InputTypeError, match="Axes"):
        niche.pl.usage(programmed, "P2", ax="no axes")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_programs first"):
        niche.pl.usage(demo)
    table = programmed.uns["programs"]["table"]
    programmed.uns["programs"]["table"] = table.assign(kind="unstable")
    with pytest.raises(StaleResultError, match="other programs"):
        niche.pl.usage(programmed)
