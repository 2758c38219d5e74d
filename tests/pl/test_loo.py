"""Effects without one patient by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels, title
from compared import AXIS
from matplotlib.axes import Axes

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError

SILENT = ("Cancer", "Fibroblast", "CCL2", "CCR2")


def plot(adata: ad.AnnData, *args: object, **options: object) -> Axes:
    return niche.pl.loo(adata, *args, **options).axes[0]


def test_band_and_dots_are_the_table(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS], contrast="bone_vs_rest")
    table = niche.get.leave_one_out(compared, [AXIS], contrast="bone_vs_rest")
    whole, parts = table[table["left_out"] == ""].iloc[0], table[table["left_out"] != ""]
    (band,) = named(ax, "interval")
    assert band.get_x() == pytest.approx(whole["ci_low"])
    assert band.get_x() + band.get_width() == pytest.approx(whole["ci_high"])
    (line,) = named(ax, "effect")
    assert line.get_xdata()[0] == pytest.approx(whole["log2fc"])
    (dots,) = named(ax, "same sign")
    assert sorted(dots.get_offsets()[:, 0]) == pytest.approx(sorted(parts["log2fc"]))
    most = parts.iloc[int(np.argmax(np.abs(parts["log2fc"] - whole["log2fc"])))]
    (words,) = named(ax, "words")
    assert words.get_text().split("\n") == [
        "sign holds without 9 of 9 patients", f"{most['left_out']} moves it most, to {most['log2fc']:.2f}",
    ]  # fmt: skip


def test_turned_signs_are_triangles(compared: ad.AnnData) -> None:
    table = niche.get.compare_communication(compared, contrast="bone_vs_rest")
    weak = table[table["sign_stability"] < 1].sort_values("sign_stability").head(3)
    ax = plot(compared, weak, contrast="bone_vs_rest")
    found = niche.get.leave_one_out(compared, weak, contrast="bone_vs_rest")
    n = 0
    for _, part in found.groupby(["source", "target", "ligand_complex", "receptor_complex"], observed=True):
        whole = part.loc[part["left_out"] == "", "log2fc"].iloc[0]
        n += int((np.sign(part.loc[part["left_out"] != "", "log2fc"]) != np.sign(whole)).sum())
    assert n > 0
    assert sum(len(dots.get_offsets()) for dots in named(ax, "sign turns")) == n


def test_not_testable_is_hatched_or_said(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS, SILENT], contrast="kidney_vs_rest")
    words = [text.get_text() for text in named(ax, "words")]
    assert "not testable" in words[0] and "\u00d7 not without P9" in words[0]
    assert words[1] == "not testable: too few molecules to tell"
    assert len(named(ax, "no estimate")) == 1


def test_rows_name_edge_and_contrast(compared: ad.AnnData) -> None:
    ax = plot(compared, [AXIS], contrast=["bone_vs_rest", "bone_vs_lung"])
    assert tick_labels(ax, "y") == [
        "CXCL12 \u2192 CXCR4\nFibroblast \u2192 Cancer, bone vs the other organs",
        "CXCL12 \u2192 CXCR4\nFibroblast \u2192 Cancer, bone vs lung",
    ]


def test_nothing_callable_says_why(few: ad.AnnData) -> None:
    assert "fewer than 3 patients on a side" in texts(plot(few))
    assert texts(plot(few, [])).startswith("no edge was chosen")


def test_no_text_overlaps(compared: ad.AnnData) -> None:
    figure = niche.pl.loo(compared, n_top=8)
    ax = figure.axes[0]
    assert overlaps(figure, [*ax.get_yticklabels(), *ax.texts, title(ax)]) == []


def test_ax_is_used(compared: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.loo(compared, n_top=2, ax=axes) is axes


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
        niche.pl.loo(compared, **options)
