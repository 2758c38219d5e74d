"""The account by its artists: every kind in its own unit, nothing summed."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl import palette
from niche.pl._compared import CALLS

UNITS = {
    "program": "log2 ratio of usage", "signature": "difference of scores", "edge": "log2 fold change",
    "cell_type": "difference of log2 odds",
}  # fmt: skip


def words(thing: Axes | Figure, gid: str) -> list[str]:
    return [text.get_text() for text in named(thing, gid)]


def part(figure: Figure, kind: str) -> Axes:
    (found,) = named(figure, f"axis {kind}")
    return found


def test_every_kind_has_an_axis_and_a_unit_of_its_own(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted, organ="bone")
    parts = figure.axes[0].child_axes
    assert [axes.get_xlabel() for axes in parts] == list(UNITS.values())
    assert words(figure, "group") == [
        "Seed: programs of the tumor",
        "Seed: signatures of the tumor",
        "Soil: called edges between tumor and host",
        "Soil: cell types of this organ alone",
        "Soil: composition of the host",
    ]
    assert words(figure, "organ name") == ["bone vs the other organs"]
    assert to_hex(named(figure, "organ")[0].get_color()).upper() == palette.ORGANS["bone"]


def test_effects_intervals_and_calls_are_the_table(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted, organ="bone")
    table = niche.get.tropism(accounted, organ="bone")
    for kind in UNITS:
        mine = table[(table["kind"] == kind) & table["effect"].notna()]
        axes = part(figure, kind)
        drawn = {tuple(np.round(line.get_xdata(), 6)) for line in named(axes, "interval")}
        assert drawn == {
            (round(low, 6), round(high, 6)) for low, high in zip(mine["ci_low"], mine["ci_high"], strict=True)
        }
        for call, rows in mine.groupby("status"):
            points = named(axes, f"call {call}")
            assert sorted(p.get_offsets()[0, 0] for p in points) == pytest.approx(sorted(rows["effect"]))
            assert {to_hex(p.get_facecolor()[0]).upper() for p in points} == {CALLS[call]["color"]}


def test_ambient_items_stand_after_called_ones_and_the_driver_is_named(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted, organ="bone")
    labels = tick_labels(part(figure, "edge"), "y")
    assert labels[0].startswith("CXCL12 \u2192 CXCR4   Fibroblast") and labels[-1].startswith("SPP1")
    notes = [note for note in words(figure, "note") if note]
    assert notes[:2] == ["organ-associated", "undetermined"]
    assert dict(zip(labels, notes[2:], strict=True)) == {
        labels[0]: "host (soil)", labels[1]: "tumor (seed)", labels[2]: "both sides", labels[3]: "host (soil)",
    }  # fmt: skip


def test_what_cannot_be_told_is_counted_in_words(accounted: ad.AnnData) -> None:
    told = " ".join(words(niche.pl.tropism(accounted, organ="bone"), "words"))
    assert "1 program not testable: patient-private" in told
    assert "Osteoclast: described within the organ, not compared" in told
    assert "1 cell type not in every organ" in told
    figure = niche.pl.tropism(accounted, organ=["brain", "kidney"])
    told = " ".join(words(figure, "words"))
    assert "none: 5 edges could be called and none is" in told
    assert "2 programs not testable: fewer than 3 patients on a side" in told
    assert "not testable: too few molecules to tell" in told
    assert "not assessed: niche.tl.composition was not run" in told
    assert not figure.axes[0].child_axes, "nothing is drawn of what cannot be tested"


def test_items_beyond_n_top_are_counted(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted, organ="bone", n_top=1)
    assert all(len(tick_labels(axes, "y")) == 1 for axes in figure.axes[0].child_axes)
    assert "not drawn: 3 edges (1 enriched, 1 depleted, 1 ambient-suspect)" in words(figure, "words")


def test_a_hit_of_a_screen_is_marked(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted, organ="bone")
    first, second = tick_labels(part(figure, "program"), "y")
    assert first == "P1: A, B, C \u2026  \u25c7" and "\u25c7" not in second
    assert "a gene is a hit of the screen" in texts(figure.axes[0])


def test_all_organs_share_the_axis_of_a_kind_and_there_is_no_score(accounted: ad.AnnData) -> None:
    figure = niche.pl.tropism(accounted)
    assert words(figure, "organ name") == [
        f"{o} vs the other organs" for o in ("bone", "brain", "kidney", "lung")
    ]
    programs = named(figure, "axis program")
    assert len(programs) == 2 and programs[0].get_xlim() == programs[1].get_xlim()
    assert "There is no score of an organ" in " ".join(words(figure, "statement"))


@pytest.mark.parametrize("organ", [None, "bone"])
def test_no_text_overlaps_or_is_cut(accounted: ad.AnnData, organ: str | None) -> None:
    figure = niche.pl.tropism(accounted, organ=organ)
    found = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert overlaps(figure, found) == []
    width, height = figure.get_size_inches() * figure.dpi
    for text in found:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text.get_text()


def test_ax_is_used(accounted: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.tropism(accounted, organ="bone", ax=axes) is axes
    assert len(axes.child_axes) == len(UNITS)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"organ": "moon"}, InputValueError, "organ: 'moon' not in the result"),
        ({"organ": []}, InputValueError, "organ is empty"),
        ({"n_top": 0}, InputValueError, "n_top must be an integer in"),
        ({"key": "other"}, MissingKeyError, r"Run niche\.tl\.tropism first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(accounted: ad.AnnData, options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        niche.pl.tropism(accounted, **options)
