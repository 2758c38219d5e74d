"""Pathways by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels, title
from matplotlib.axes import Axes

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl.pathways import _SHIFT, HIGHER, _size


def plot(adata: ad.AnnData, **options: object) -> Axes:
    return niche.pl.pathways(adata, **options).axes[0]


def test_dots_count_the_called_edges(compared: ad.AnnData) -> None:
    ax = plot(compared)
    table = niche.get.compare_communication(compared, call=["specific", "enriched", "depleted"])
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    rows, columns = tick_labels(ax, "y"), tick_labels(ax, "x")
    wanted = {}
    for (pathway, organ, up), part in table.groupby(
        ["pathway", "organ", table["call"].isin(HIGHER)], observed=True
    ):
        wanted[str(pathway), str(organ), bool(up)] = (len(part), part["log2fc"].median())
    (dots,) = named(ax, "edges")
    most = max(n for n, _ in wanted.values())
    found = {}
    for (x, y), size, value in zip(dots.get_offsets(), dots.get_sizes(), dots.get_array(), strict=True):
        organ = columns[round(float(x))]
        assert abs(x - round(float(x))) == pytest.approx(_SHIFT)
        found[rows[round(float(y))], organ, bool(x < round(float(x)))] = (size, value)
    assert set(found) == set(wanted)
    for key, (n, median) in wanted.items():
        assert found[key] == pytest.approx((_size(np.array([n]), most)[0], median))
    limit = max(abs(dots.norm.vmin), dots.norm.vmax)
    assert dots.norm.vmin == -limit and dots.norm.vmax == limit


def test_none_called_is_a_point_and_not_testable_is_hatched(compared: ad.AnnData) -> None:
    ax = plot(compared)
    rows = tick_labels(ax, "y")
    hatched = {round(patch.get_x() + 0.48) for patch in named(ax, "not testable")}
    assert hatched == {tick_labels(ax, "x").index("kidney")}
    assert len(named(ax, "not testable")) == len(rows)
    table = niche.get.compare_communication(compared)
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest") & (table["call"] != "not_testable")]
    table = table[table["pathway"].isin(rows)]
    called = table["call"].isin(["specific", "enriched", "depleted"])
    pairs = {(str(p), str(o)) for p, o in zip(table["pathway"], table["organ"], strict=True)}
    busy = {(str(p), str(o)) for p, o in zip(table["pathway"][called], table["organ"][called], strict=True)}
    points = named(ax, "none called")[0].get_offsets()
    assert {(rows[round(y)], tick_labels(ax, "x")[round(x)]) for x, y in points} == pairs - busy


def test_n_top_keeps_the_largest(compared: ad.AnnData) -> None:
    assert tick_labels(plot(compared, n_top=1), "y") == tick_labels(plot(compared), "y")[:1]


def test_nothing_called_says_so(few: ad.AnnData, compared: ad.AnnData) -> None:
    assert "fewer than 3 patients on a side" in texts(plot(few))
    assert "no edge can be called" in texts(plot(few))
    stored = compared.uns["compare_communication"]
    stored["call"][stored["call"] > 1] = 1
    assert "none of 60 tests is enriched or depleted" in texts(plot(compared))


def test_no_text_overlaps(compared: ad.AnnData) -> None:
    figure = niche.pl.pathways(compared)
    ax = figure.axes[0]
    parts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts, title(ax), ax.get_legend()]
    assert overlaps(figure, parts) == []


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.pathways(compared, ax=axes) is axes


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(compared: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.pathways(compared, **options)
