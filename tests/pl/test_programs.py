"""Likeness of programs, by its artists."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from artists import named, overlaps, texts, tick_labels, title

import niche
from niche.errors import InputTypeError, InputValueError, MissingKeyError, StaleResultError
from niche.pl._programs import KINDS


def order_of(ax) -> list[str]:
    return [label.split()[0] for label in tick_labels(ax, "y")]


def drawn(ax) -> np.ma.MaskedArray:
    (tiles,) = named(ax, "likeness")
    values = tiles.get_array()
    n = len(order_of(ax))
    return values.reshape(n, n)


def test_tiles_are_the_cosines_of_the_weights(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.programs(programmed, ax=axes)
    assert ax is axes
    order = order_of(ax)
    names = list(niche.get.programs(programmed, what="programs")["program"])
    assert sorted(order) == sorted(names)
    weights = programmed.varm["programs"].astype(float)[:, [names.index(name) for name in order]]
    wanted = np.corrcoef(np.vstack([weights, -weights]).T)  # the mean is 0, so that this is the cosine
    values = drawn(ax)
    off = ~np.eye(len(order), dtype=bool)
    assert np.asarray(values)[off] == pytest.approx(wanted[off], abs=1e-6)
    assert np.ma.getmaskarray(values).tolist() == (~off).tolist()


def test_jaccard_is_of_the_genes(programmed: ad.AnnData, axes) -> None:
    ax = niche.pl.programs(programmed, measure="jaccard", ax=axes)
    genes = niche.get.programs(programmed).groupby("program")["gene"].agg(set)
    order, values = order_of(ax), drawn(ax)
    for i, first in enumerate(order):
        for j, second in enumerate(order[:i]):
            wanted = len(genes[first] & genes[second]) / len(genes[first] | genes[second])
            assert values[i, j] == values[j, i] == pytest.approx(wanted)


def test_like_programs_stand_side_by_side_in_a_block(programmed: ad.AnnData, axes) -> None:
    weights = np.array(programmed.varm["programs"])
    weights[:, 4] = weights[:, 1] + 0.1 * weights[:, 4]
    programmed.varm["programs"] = weights
    ax = niche.pl.programs(programmed, ax=axes)
    order = order_of(ax)
    first = min(order.index("P2"), order.index("P5"))
    assert abs(order.index("P2") - order.index("P5")) == 1
    assert (first - 0.5, 2) in [(block.get_x(), block.get_width()) for block in named(ax, "block")]


def test_kind_and_top_patient_stand_beside(programmed: ad.AnnData, axes) -> None:
    table = programmed.uns["programs"]["table"]
    kinds = ["program", "patient-private", "background", "unstable", "program", "program"]
    programmed.uns["programs"]["table"] = table.assign(kind=kinds)
    ax = niche.pl.programs(programmed, ax=axes)
    wanted = niche.get.programs(programmed, what="programs").set_index("program").loc[order_of(ax)]
    for kind in KINDS:
        (squares,) = named(ax, kind)
        places = np.asarray(squares.get_offsets())[:, 1]
        assert places.tolist() == np.flatnonzero(wanted["kind"] == kind).tolist()
        assert kind in texts(ax)
    beside = [text.get_text() for text in named(ax, "top patient")]
    told = zip(wanted["top_patient"], wanted["top_patient_share"], strict=True)
    assert beside == [f"{patient}, {share:.0%}" for patient, share in told]


def test_no_text_covers_another(programmed: ad.AnnData) -> None:
    figure = niche.pl.programs(programmed)
    ax = figure.axes[0]
    assert tick_labels(ax, "x") == order_of(ax)
    parts = [*ax.get_yticklabels(), *ax.get_xticklabels(), *named(ax, "top patient"), title(ax)]
    assert overlaps(figure, [*parts, *ax.get_legend().get_texts()]) == []


def test_one_program_and_none(programmed: ad.AnnData, axes) -> None:
    niche.pl.programs(programmed, "P3", ax=axes)
    assert order_of(axes) == ["P3"]
    (empty,) = niche.pl.programs(programmed, []).axes
    assert empty.texts[0].get_text() == "no program was chosen"


def test_bad_input(programmed: ad.AnnData, demo: ad.AnnData) -> None:
    with pytest.raises(InputValueError, match="P99"):
        niche.pl.programs(programmed, "P99")
    with pytest.raises(InputValueError, match="measure"):
        niche.pl.programs(programmed, measure="pearson")
    with pytest.raises(InputTypeError, match="Axes"):
        niche.pl.programs(programmed, ax="no axes")
    with pytest.raises(MissingKeyError, match=r"Run niche.tl.programs first"):
        niche.pl.programs(demo)
    programmed.obs["patient"] = "one"
    with pytest.raises(StaleResultError, match="patient"):
        niche.pl.programs(programmed)
