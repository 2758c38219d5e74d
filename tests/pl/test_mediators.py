"""The grid of published mediators by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from artists import named, overlaps, texts, tick_labels, title
from matplotlib.axes import Axes

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl._account import PUBLISHED

COLUMNS = ["bone", "brain", "kidney", "lung"]


def plot(adata: ad.AnnData, **options: object) -> Axes:
    return niche.pl.mediators(adata, **options).axes[0]


def fields(ax: Axes, gid: str) -> set[tuple[str, str]]:
    """Gene and organ of every symbol of a status."""
    rows, columns = tick_labels(ax, "y"), tick_labels(ax, "x")
    points = np.concatenate(
        [np.asarray(drawn.get_offsets()) for drawn in named(ax, gid)] or [np.empty((0, 2))]
    )
    return {(rows[round(y)].split()[0], columns[round(x)]) for x, y in points}


def test_only_published_fields_are_filled_by_their_status(accounted: ad.AnnData) -> None:
    ax = plot(accounted)
    table = niche.get.tropism(accounted, kind="mediator")
    assert tick_labels(ax, "x") == COLUMNS
    for status, rows in table.groupby("status"):
        assert fields(ax, f"status {status}") == set(zip(rows["gene"], rows["organ"], strict=True))
    tiles = [patch for status in PUBLISHED for patch in named(ax, f"tile {status}")]
    assert len(tiles) == len(table.drop_duplicates(["gene", "organ"]))


def test_a_gene_keeps_its_sign_in_every_organ(accounted: ad.AnnData) -> None:
    ax = plot(accounted)
    row = next(i for i, name in enumerate(tick_labels(ax, "y")) if name.startswith("DKK1"))
    arrows = {
        round(text.get_position()[0]): text.get_text()
        for gid in ("expected higher", "expected lower")
        for text in named(ax, gid)
        if text.get_position()[1] == row
    }
    assert arrows == {COLUMNS.index("bone"): "\u2191", COLUMNS.index("lung"): "\u2193"}
    effects = {text.get_text() for text in named(ax, "effect") if text.get_position()[1] == row}
    assert effects == {"+2.0", "-1.2"}
    assert "promoter: expected higher here" in texts(ax) and "suppressor: expected lower here" in texts(ax)


def test_contested_is_framed_and_retracted_has_no_number(accounted: ad.AnnData) -> None:
    ax = plot(accounted)
    (frame,) = named(ax, "contested")
    rows = tick_labels(ax, "y")
    assert rows[round(frame.get_y() + 0.4)].startswith("LOX")
    assert COLUMNS[round(frame.get_x() + 0.45)] == "lung"
    assert fields(ax, "status retracted") == {("LOX", "bone")}
    assert "contested publication" in texts(ax) and "retracted: never scored" in texts(ax)
    assert "+0.0" in {text.get_text() for text in named(ax, "effect")}, "a small negative number is no -0.0"


def test_what_could_be_tested_comes_first_and_the_rest_is_counted(accounted: ad.AnnData) -> None:
    ax = plot(accounted)
    assert [name.split()[0] for name in tick_labels(ax, "y")] == [
        "CXCR4",
        "DKK1",
        "BMP4",
        "CCL2",
        "LOX",
        "SELE",
    ]
    assert "not drawn" not in texts(ax)
    ax = plot(accounted, n_top=3)
    assert len(tick_labels(ax, "y")) == 3
    told = texts(ax).replace("\n", " ")
    assert "not drawn: 3 mediators in 5 fields: 1 not found, 1 retracted, 3 not testable" in told
    assert "2 \u00d7 gene not measured, 1 \u00d7 fewer than 3 patients on a side" in told


def test_symbols_and_colours_both_tell_the_status() -> None:
    for name in ("color", "marker"):
        looks = [look[name] for status, look in PUBLISHED.items() if status != "not_assessed"]
        assert len(set(looks)) == len(looks)


def test_nothing_published_says_so(accounted: ad.AnnData) -> None:
    assert "no mediator is published" in texts(plot(accounted, organ="kidney"))
    niche.tl.tropism(accounted, programs=None, expression=None)
    assert "left out (expression=None)" in texts(plot(accounted))


@pytest.mark.parametrize("options", [{}, {"n_top": 2}, {"organ": "lung"}])
def test_no_text_overlaps(accounted: ad.AnnData, options: dict) -> None:
    figure = niche.pl.mediators(accounted, **options)
    ax = figure.axes[0]
    parts = [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts, title(ax), ax.get_legend()]
    assert overlaps(figure, parts) == []


def test_many_rows_stay_legible(accounted: ad.AnnData) -> None:
    account = accounted.uns["tropism"]["account"]
    one = account[account["gene"] == "SELE"].head(1)
    more = [one.assign(gene=f"GENE{i}", item=f"GENE{i} (receptor on stroma)") for i in range(150)]
    accounted.uns["tropism"]["account"] = pd.concat([account, *more], ignore_index=True)
    figure = niche.pl.mediators(accounted, n_top=150)
    ax = figure.axes[0]
    assert len(tick_labels(ax, "y")) == 150
    assert overlaps(figure, [*ax.get_yticklabels(), *named(ax, "words")]) == []


def test_ax_is_used(accounted: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.mediators(accounted, ax=axes) is axes


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"organ": "moon"}, InputValueError, "organ: 'moon' not in the result"),
        ({"organ": []}, InputValueError, "organ is empty"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, r"Run niche\.tl\.tropism first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(accounted: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.mediators(accounted, **options)
