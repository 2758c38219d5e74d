"""Genes of sublines by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import cut, named, overlaps, texts, tick_labels, title
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sublines_study import study as sublines_study

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._compared import CALLS

get = niche.get.compare_sublines


@pytest.fixture(scope="module")
def _compared_sublines() -> ad.AnnData:
    return sublines_study()


@pytest.fixture
def lines(_compared_sublines: ad.AnnData) -> ad.AnnData:
    """Four bone, three lung and two brain sublines with one parental line."""
    return _compared_sublines.copy()


def plot(adata: ad.AnnData, *args: object, **options: object) -> Axes:
    figure = niche.pl.sublines(adata, *args, **options)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def places(ax: Axes) -> dict[str, float]:
    return dict(zip(tick_labels(ax, "y"), ax.get_yticks(), strict=True))


def test_every_row_is_its_interval(lines: ad.AnnData) -> None:
    ax = plot(lines, contrast="bone_vs_rest", n_top=8)
    table = get(lines, contrast="bone_vs_rest").set_index("gene")
    signature = niche.get.subline_signature(lines, "bone")
    surest = signature.loc[signature["statistic"].abs().nlargest(8).index, "gene"]
    rows = {name: y for name, y in places(ax).items() if not name.startswith("bone_")}
    assert set(rows) == set(surest)
    intervals = {float(line.get_ydata()[0]): line for line in named(ax, "interval")}
    points = {float(p.get_offsets()[0][1]): p for p in named(ax, "effect")}
    for name, y in rows.items():
        row = table.loc[name]
        assert tuple(intervals[y].get_xdata()) == pytest.approx((row["ci_low"], row["ci_high"]))
        assert points[y].get_offsets()[0][0] == pytest.approx(row["log2fc"])
        assert to_hex(points[y].get_facecolor()[0]).upper() == CALLS[row["call"]]["color"]
    assert (np.diff(table.loc[list(rows), "log2fc"]) <= 0).all()
    assert "bone vs the other organs" in texts(ax)


def test_every_subline_is_a_dot_and_the_parental_line_a_diamond(lines: ad.AnnData) -> None:
    gene = str(niche.get.subline_signature(lines, "bone")["gene"].iloc[0])
    ax = plot(lines, gene, contrast="bone_vs_rest")
    values = get(lines, what="sublines", gene=gene, contrast="bone_vs_rest")
    for organ, n in {"bone": 4, "lung": 3, "brain": 2}.items():
        (dots,) = named(ax, f"sublines {organ}")
        mine = values.loc[values["selected_for"] == organ, "log2fc"]
        assert sorted(dots.get_offsets()[:, 0]) == pytest.approx(sorted(mine)) and len(mine) == n
        assert to_hex(dots.get_facecolor()[0]).upper() == palette.ORGANS[organ]
    (diamond,) = named(ax, "parental")
    mine = values.loc[values["selected_for"] == "parental", "log2fc"]
    assert diamond.get_offsets()[:, 0] == pytest.approx(mine)
    against = plot(lines, gene, contrast="bone_vs_parental")
    assert not named(against, "sublines lung")
    assert named(against, "parental")[0].get_offsets()[0][0] == pytest.approx(0)
    assert "bone vs the parental line" in texts(against)


def test_effects_without_each_subline_are_ticks(lines: ad.AnnData) -> None:
    gene = str(niche.get.subline_signature(lines, "bone")["gene"].iloc[0])
    ax = plot(lines, [gene], contrast="bone_vs_rest")
    table = get(lines, what="left_out", gene=gene, contrast="bone_vs_rest").astype({"left_out": str})
    table = table[table["left_out"] != ""]
    (ticks,) = named(ax, "left out")
    assert sorted(ticks.get_offsets()[:, 0]) == pytest.approx(sorted(table["log2fc"].dropna()))
    (words,) = named(ax, "words")
    assert "sign holds without 9 of 9 sublines" in words.get_text()


def test_the_signature_is_tried_on_each_subline_left_out(lines: ad.AnnData) -> None:
    ax = plot(lines, contrast="bone_vs_rest", n_top=3)
    held = get(lines, what="held_out", contrast="bone_vs_rest")
    assert (held["direction"] == "right").all() and len(held) == 4
    rows, dots = places(ax), named(ax, "held out right")
    found = {float(dot.get_offsets()[0][1]): float(dot.get_offsets()[0][0]) for dot in dots}
    assert {rows[row.subline]: row.difference for row in held.itertuples()} == pytest.approx(found)
    words = [text.get_text() for text in named(ax, "held out words")]
    assert words[0] == f"right direction, {held['n_up'][0]} raised and {held['n_down'][0]} lowered genes"
    stored = lines.uns["compare_sublines"]["held_out"]
    stored["score"] = -np.asarray(stored["score"], dtype=float)
    stored["score_reference"] = np.zeros(len(stored["score"]))
    turned = plot(lines, contrast="bone_vs_rest", n_top=3)
    assert len(named(turned, "held out wrong")) + len(named(turned, "held out right")) == 4
    assert (
        len(named(turned, "held out wrong"))
        == (get(lines, what="held_out")["direction"][:4] == "wrong").sum()
    )


def test_what_cannot_be_tried_is_hatched_and_says_why(lines: ad.AnnData) -> None:
    ax = plot(lines, contrast="bone_vs_parental", n_top=3)
    assert len(named(ax, "no estimate")) == 4 and not named(ax, "held out right")
    assert all("not testable: one parental line" in text.get_text() for text in named(ax, "held out words"))
    few = plot(lines, contrast="brain_vs_rest", n_top=3)
    assert "not testable: 2 sublines of brain" in named(few, "held out words")[0].get_text()
    pair = plot(lines, contrast="bone_vs_lung", n_top=3)
    assert not named(pair, "held out words"), "a pair of organs has no signature"
    assert len(tick_labels(pair, "y")) == 3


def test_genes_that_cannot_be_called_are_hollow(lines: ad.AnnData) -> None:
    table = get(lines, contrast="brain_vs_parental")
    gene = str(table.loc[table["log2fc"].notna(), "gene"].iloc[0])
    ax = plot(lines, gene, contrast="brain_vs_parental")
    (point,) = named(ax, "effect")
    assert to_hex(point.get_facecolor()[0]) == "#ffffff"
    assert named(ax, "words")[0].get_text().startswith("not testable: ")
    assert texts(plot(lines, [])).startswith("no gene was chosen")


def test_nothing_callable_says_why() -> None:
    adata = niche.datasets.simulate_sublines(2, sublines=1, replicates=5, n_genes=300)
    niche.tl.compare_sublines(adata, replicate_key="culture")
    words = texts(plot(adata, contrast="bone_vs_parental"))
    assert "no gene can be called" in words and "genes: 1 subline in bone" in words


def test_the_contrast_with_the_most_calls_by_default(lines: ad.AnnData) -> None:
    called = get(lines, call=["enriched", "depleted", "specific"])
    called = called[called["contrast"].astype(str).str.endswith("_vs_rest")]
    organ = called["organ"].astype(str).value_counts().index[0]
    assert f"{organ} vs the other organs" in texts(plot(lines, n_top=2))


@pytest.mark.parametrize("n_top", [3, 40])
@pytest.mark.parametrize("contrast", ["bone_vs_rest", "bone_vs_parental"])
def test_no_text_overlaps_or_is_cut(lines: ad.AnnData, contrast: str, n_top: int) -> None:
    figure = niche.pl.sublines(lines, contrast=contrast, n_top=n_top)
    ax = figure.axes[0]
    written = [
        *ax.get_yticklabels(),
        *ax.get_xticklabels(),
        *ax.texts,
        title(ax),
        ax.get_legend(),
        ax.xaxis.label,
    ]
    assert overlaps(figure, written) == []
    assert cut(figure, written) == []


def test_ax_is_used(lines: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.sublines(lines, ax=axes) is axes
    assert named(axes, "interval")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"contrast": "bone_vs_skin"}, InputValueError, "'bone_vs_skin' not in the result"),
        ({"contrast": ["bone_vs_rest"]}, InputTypeError, "contrast must be the name of one comparison"),
        ({"genes": "FOO"}, InputValueError, "gene: 'FOO' not in the result"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_sublines first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(lines: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.sublines(lines, **options)
