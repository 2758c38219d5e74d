"""Parts of the variance of programs, by their artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError
from niche.get.compare_programs import PARTS
from niche.pl._programs import VERDICTS


def test_bars_are_the_shares_of_the_table_and_sum_to_one(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.variance(programmed, ax=axes)
    assert ax is axes
    table = niche.get.compare_programs(programmed, what="verdicts").set_index("program")
    order = [label.split()[0] for label in tick_labels(ax, "y")]
    assert sorted(order) == sorted(table.index)
    drawn = {part: [bar.get_width() for bar in named(ax, part)] for part in PARTS}
    for part in PARTS:
        assert drawn[part] == pytest.approx(list(table.loc[order, part]))
    assert np.sum(list(drawn.values()), axis=0) == pytest.approx(np.ones(len(table)))
    assert max(bar.get_x() + bar.get_width() for bar in named(ax, "var_within")) == pytest.approx(1.0)
    assert [bar.get_x() for bar in named(ax, "var_organ")] == [0.0] * len(table)


def test_rows_stand_by_verdict_which_is_written_beside(programmed: ad.AnnData) -> None:
    (ax,) = niche.pl.variance(programmed).axes
    table = niche.get.compare_programs(programmed, what="verdicts").set_index("program")["verdict"]
    order = [label.split()[0] for label in tick_labels(ax, "y")]
    assert [table[name] for name in order] == list(VERDICTS)
    words = named(ax, "verdict")
    assert [word.get_text() for word in words] == [name.replace("_", " ") for name in VERDICTS]
    assert [word.get_color() for word in words] == [look["color"] for look in VERDICTS.values()]
    assert "organs\npatients\ncells" in texts(ax)


def test_names_say_what_programs_are_like(programmed: ad.AnnData, axes) -> None:
    genes = niche.get.programs(programmed, program="P2")["gene"]
    known = programmed.uns["programs"]["annotation"]
    programmed.uns["programs"]["annotation"] = known.iloc[:0]
    niche.pl.variance(programmed, "P2", ax=axes)
    assert tick_labels(axes, "y")[0].startswith(f"P2  {genes[0]}, {genes[1]}")
    told = known.iloc[[0]].assign(program="P2", gene_set="Cycling_program", qval=0.01, n_shared=5, pval=1e-4)
    programmed.uns["programs"]["annotation"] = told
    axes.clear()
    niche.pl.variance(programmed, "P2", ax=axes)
    assert tick_labels(axes, "y") == ["P2  Cycling program"]


def test_named_programs_keep_their_order(programmed: ad.AnnData) -> None:
    (ax,) = niche.pl.variance(programmed, ["P4", "P1", "P3"]).axes
    assert [label.split()[0] for label in tick_labels(ax, "y")] == ["P4", "P1", "P3"]


def test_no_text_covers_another(programmed: ad.AnnData) -> None:
    figure = niche.pl.variance(programmed)
    (ax,) = figure.axes
    parts = [
        *ax.get_yticklabels(),
        *ax.get_xticklabels(),
        *named(ax, "verdict"),
        *ax.get_legend().get_texts(),
    ]
    assert overlaps(figure, parts) == []


def test_what_cannot_be_split_is_hatched(programmed: ad.AnnData, axes) -> None:
    shares = np.array(programmed.uns["compare_programs"]["variance"], dtype=float)
    shares[1] = np.nan
    programmed.uns["compare_programs"]["variance"] = shares
    niche.pl.variance(programmed, ["P1", "P2"], ax=axes)
    assert len(named(axes, "var_organ")) == len(named(axes, "not split")) == 1
    assert named(axes, "not split")[0].get_y() > 0.5


def test_nothing_to_draw_and_bad_input(programmed: ad.AnnData, demo: ad.AnnData) -> None:
    (empty,) = niche.pl.variance(programmed, []).axes
    assert empty.texts[0].get_text() == "no program was chosen"
    with pytest.raises(InputValueError, match="P99"):
        niche.pl.variance(programmed, "P99")
    with pytest.raises(InputTypeError, match="Axes"):
        niche.pl.variance(programmed, ax="no axes")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.compare_programs first"):
        niche.pl.variance(demo)
