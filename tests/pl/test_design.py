"""The design grid by its artists."""

from __future__ import annotations

import anndata as ad
import pytest
from artists import named, overlaps, tick_labels, title
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from metastases import SAMPLES, make_study

import niche
from niche.errors import InputTypeError, MissingKeyError
from niche.pl import palette


def grid(adata: ad.AnnData) -> Axes:
    figure = niche.pl.design(adata)
    assert isinstance(figure, Figure)
    return figure.axes[0]


def heads(ax: Axes) -> dict[str, str]:
    return {label.split("\n")[0]: label for label in tick_labels(ax, "x")}


def test_tiles_hold_the_numbers_of_cells(analysed: ad.AnnData) -> None:
    ax = grid(analysed)
    assert tick_labels(ax, "y") == ["P1", "P2", "P3", "P4"]
    written = {
        (round(t.get_position()[0] - 0.5), round(t.get_position()[1] - 0.5)): t.get_text() for t in ax.texts
    }
    # bone, brain, kidney, then the primary
    assert written == {
        (0, 0): "60", (1, 0): "35", (3, 0): "24", (0, 1): "33", (1, 2): "35", (2, 3): "9",
    }  # fmt: skip


def test_two_samples_of_one_patient_and_organ_stand_apart() -> None:
    adata = make_study((*SAMPLES, ("b3", "P2", "bone", "metastasis", {"Cancer": 7})))
    niche.pp.check(adata)
    assert "33 + 7" in [text.get_text() for text in grid(adata).texts]


def test_heads_say_what_the_patients_allow(analysed: ad.AnnData) -> None:
    ax = grid(analysed)
    head = heads(ax)
    assert head["bone"] == "bone\nmetastasis\n2 patients\ntest, no call"
    assert head["kidney"].endswith("describe only") and "0 usable" in head["kidney"]
    assert head["breast"].split("\n")[1] == "primary"
    hatched = [round(patch.get_x()) for patch in named(ax, "describe only")]
    described = [i for i, label in enumerate(tick_labels(ax, "x")) if label.endswith("describe only")]
    assert hatched == described and described
    assert all(patch.get_hatch() for patch in named(ax, "describe only"))


def test_organs_have_their_colours(analysed: ad.AnnData) -> None:
    strips = [to_hex(line.get_color()).upper() for line in named(grid(analysed), "organ")]
    wanted = palette.organ_colors(["bone", "brain", "kidney", "breast (primary)"])
    assert strips == list(wanted.values())


def test_paired_patients_are_joined_and_come_first(analysed: ad.AnnData) -> None:
    ax = grid(analysed)
    lines = [(line.get_xdata(), line.get_ydata()[0]) for line in named(ax, "paired")]
    assert len(lines) == 2 and {y for _, y in lines} == {0.5}
    assert [round(x) for ends, _ in lines for x in ends] == [1, 1, 2, 3]
    assert "6 samples of 4 patients, 1 with several organs or tissues" in ax.get_title(loc="left")


def test_an_unpaired_design_says_so() -> None:
    adata = make_study(SAMPLES[:2])
    niche.pp.check(adata)
    ax = grid(adata)
    assert ax.get_title(loc="left") == "2 samples of 2 patients, none paired"
    assert not named(ax, "paired")


def test_many_patients_stay_drawable() -> None:
    adata = make_study(tuple((f"s{i}", f"P{i}", "bone", "metastasis", {"Cancer": 3}) for i in range(90)))
    niche.pp.check(adata)
    figure = niche.pl.design(adata)
    assert figure.get_size_inches()[1] < 10
    assert not figure.axes[0].texts


def test_no_text_overlaps(analysed: ad.AnnData) -> None:
    figure = niche.pl.design(analysed)
    ax = figure.axes[0]
    assert overlaps(figure, [*ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts, title(ax)]) == []


def test_ax_is_used(analysed: ad.AnnData, axes: Axes) -> None:
    assert niche.pl.design(analysed, ax=axes) is axes
    assert axes.texts
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes"):
        niche.pl.design(analysed, ax=1)  # type: ignore[arg-type]


def test_nothing_stored(study: ad.AnnData, analysed: ad.AnnData) -> None:
    with pytest.raises(MissingKeyError, match="Run niche.pp.check first"):
        niche.pl.design(study)
    with pytest.raises(MissingKeyError, match=r"uns\['other'\] not found"):
        niche.pl.design(analysed, key="other")
