"""The volcano by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.pl._compared import CALLS
from niche.pl.volcano import _apart


def plot(adata: ad.AnnData, *args: object, **options: object) -> Axes:
    figure = niche.pl.volcano(adata, *args, **options)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def test_every_edge_is_at_its_place_in_the_colour_of_its_call(compared: ad.AnnData) -> None:
    ax = plot(compared, "bone_vs_rest")
    table = niche.get.compare_communication(compared, contrast="bone_vs_rest")
    shown = table[table["pval"].notna()]
    n = 0
    for call, part in shown.groupby("call", observed=True):
        (drawn,) = named(ax, f"call {call}")
        wanted = sorted(zip(part["log2fc"], -np.log10(part["pval"]), strict=True))
        assert np.allclose(sorted(map(tuple, np.asarray(drawn.get_offsets()))), wanted)
        assert to_hex(drawn.get_facecolor()[0]).upper() == CALLS[str(call)]["color"]
        n += len(part)
    assert n == len(shown)
    assert ax.get_title(loc="left") == "bone vs the other organs"


def test_both_sides_moving_are_ringed(compared: ad.AnnData) -> None:
    stored = compared.uns["compare_communication"]
    column = list(stored["contrasts"]["name"]).index("bone_vs_rest")
    row = int(np.nanargmin(stored["values"]["pval"][:, column]))
    stored["values"]["qval_joint"][row, column] = 0.01
    ax = plot(compared, "bone_vs_rest")
    (rings,) = named(ax, "joint")
    assert rings.get_offsets()[0][0] == pytest.approx(stored["values"]["log2fc"][row, column], rel=1e-5)
    assert len(rings.get_offsets()) == 1
    assert "both sides move, joint q \u2264 0.1 (1)" in texts(ax)


def test_called_edges_are_named_without_overlap(compared: ad.AnnData) -> None:
    figure = niche.pl.volcano(compared, "bone_vs_rest")
    ax = figure.axes[0]
    table = niche.get.compare_communication(compared, contrast="bone_vs_rest")
    called = table[table["call"].isin(["specific", "enriched", "depleted"])]
    labels = named(ax, "label")
    assert len(labels) == len(called) > 0
    assert {text.get_text().split(" ")[0] for text in labels} == set(called["ligand_complex"].astype(str))
    assert overlaps(figure, [*labels, ax.get_legend(), ax.title]) == []
    leaders = sorted(line.get_xdata()[1] for line in named(ax, "leader"))
    assert leaders == pytest.approx(sorted(called["log2fc"]))
    assert not named(plot(compared, "bone_vs_rest", n_labels=0), "label")


def test_labels_keep_their_distance() -> None:
    heights = np.array([9.0, 8.9, 8.8, 1.0, 0.9])
    moved = _apart(heights, 1.0, 0.0, 10.0)
    assert (np.diff(moved) <= -1 + 1e-9).all()
    assert moved.max() <= 9.5 and moved.min() >= 0.5 - 1e-9
    assert _apart(np.zeros(0), 1.0, 0.0, 1.0).size == 0
    apart = np.array([9.0, 5.0, 2.0])
    assert np.array_equal(_apart(apart, 1.0, 0.0, 10.0), apart)


def test_what_is_not_shown_is_counted(compared: ad.AnnData) -> None:
    ax = plot(compared, "bone_vs_rest")
    (caption,) = named(ax, "caption")
    table = niche.get.compare_communication(compared, contrast="bone_vs_rest")
    lost = table[table["pval"].isna()]
    silent = int(lost["reason"].astype(str).str.startswith("depth").sum())
    assert f"{int(table['pval'].notna().sum())} edges with a p-value" in caption.get_text()
    assert f"{silent} edges: too few molecules to tell" in caption.get_text()


def test_the_contrast_with_the_most_calls_by_default(compared: ad.AnnData) -> None:
    table = niche.get.compare_communication(compared, call=["specific", "enriched", "depleted"])
    table = table[table["contrast"].astype(str).str.endswith("_vs_rest")]
    organ = table["organ"].astype(str).value_counts().index[0]
    assert plot(compared).get_title(loc="left") == f"{organ} vs the other organs"


def test_too_few_patients_are_crosses(few: ad.AnnData) -> None:
    ax = plot(few, "bone_vs_lung")
    assert "too few patients for a call" in texts(ax)
    assert named(ax, "call not_testable") and not named(ax, "label")


def test_no_p_value_says_why(compared: ad.AnnData) -> None:
    words = texts(plot(compared, "kidney_vs_rest"))
    assert "no edge has a p-value" in words and "kidney vs the other organs" in words


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.volcano(compared, ax=axes) is axes
    assert named(axes, "call shared")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"contrast": "omnibus"}, InputValueError, "'omnibus' compares all organs at once"),
        ({"contrast": ["bone_vs_rest"]}, InputTypeError, "contrast must be the name of one comparison"),
        ({"n_labels": -1}, InputValueError, "n_labels must be an integer in"),
        ({"key": "other"}, MissingKeyError, "Run niche.tl.compare_communication first"),
        ({"ax": "here"}, InputTypeError, "ax must be a matplotlib Axes"),
    ],
)
def test_bad_input(compared: ad.AnnData, options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        niche.pl.volcano(compared, **options)
