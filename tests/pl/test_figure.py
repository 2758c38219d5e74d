"""The figures handed out: shown once, owned by nobody, drawn where asked."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from niche.errors import InputTypeError
from niche.pl import _figure


def test_a_figure_shows_itself_in_a_notebook() -> None:
    figure, axes = _figure.panel(None, width=3, height=2)
    axes.plot([0, 1])
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_given_axes_are_used_and_checked() -> None:
    parent = Figure()
    axes = parent.subplots()
    assert _figure.panel(axes, width=9, height=9) == (parent, axes)
    with pytest.raises(InputTypeError, match="ax must be a matplotlib Axes or None. Got str"):
        _figure.panel("axes", width=1, height=1)  # type: ignore[arg-type]
    axes.remove()
    with pytest.raises(InputTypeError, match="belongs to no figure"):
        _figure.panel(axes, width=1, height=1)


def test_axes_of_a_subfigure_lead_to_the_whole_figure() -> None:
    parent = Figure()
    left, _ = parent.subfigures(1, 2)
    assert _figure.figure_of(left.subplots()) is parent


def test_labels() -> None:
    assert _figure.gene_pair("LIF", "IL6ST_LIFR") == "LIF \u2192 IL6ST+LIFR"
    assert _figure.organ_label("lymph_node") == "lymph node"
    assert _figure.text_width(["ab\nabcd", "a"], 72) == pytest.approx(4 * 0.58)
    assert _figure.text_width([]) == 0
