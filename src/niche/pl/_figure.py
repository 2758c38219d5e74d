"""Figures that are shown where they are returned, and that pyplot does not keep alive."""

from __future__ import annotations

import textwrap
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.transforms import Bbox, ScaledTranslation, Transform

from niche.errors import InputTypeError

SMALL, MEDIUM, LARGE = 7.0, 8.0, 10.0
"""Font sizes in points: cells and ticks, labels and legends, titles."""

INK, FAINT = "#222222", "#767676"
"""Colours of words; the fainter one, too, stands out 4.5 times from white."""


class ShownFigure(Figure):
    """A figure that notebooks show as the value of a cell, once, and that needs no closing."""

    def _repr_png_(self) -> bytes:
        out = BytesIO()
        self.savefig(out, format="png", dpi=110, bbox_inches="tight")
        return out.getvalue()


def panel(ax: Axes | None, *, width: float, height: float) -> tuple[Figure, Axes]:
    """Return the caller's axes with its figure, or a new figure of this size in inches with one axes."""
    if ax is None:
        figure = ShownFigure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()
    given_axes(ax)
    return figure_of(ax), ax


def given_axes(ax: object) -> None:
    """Refuse an ``ax`` that is none, or that was removed from its figure."""
    if not isinstance(ax, Axes):
        raise InputTypeError(f"ax must be a matplotlib Axes or None. Got {type(ax).__name__}.")
    if ax.figure is None:
        raise InputTypeError("ax belongs to no figure any more. Give an Axes of a figure.")


def figure_of(ax: Axes) -> Figure:
    """The figure of an axes, also where it lies in a subfigure."""
    figure = ax.figure
    return figure.figure if isinstance(figure, SubFigure) else figure


def inches_right(ax: Axes, right: float, down: float = 0.0) -> Transform:
    """Coordinates whose (1, 1) lies these inches off the upper right corner, however the axes is resized."""
    return ax.transAxes + ScaledTranslation(right, -down, figure_of(ax).dpi_scale_trans)


def bar_beside(ax: Axes, *, right: float, width: float, height: float) -> Axes:
    """Axes for a colour bar, placed in inches from the upper right corner, however the axes is resized."""
    figure = figure_of(ax)
    bar = ax.inset_axes((1.0, 0.0, 0.1, 1.0))

    def locate(_: Any, __: Any) -> Bbox:
        box, inch = ax.get_window_extent(), figure.dpi
        tall = min(height * inch, 0.9 * box.height)
        place = Bbox.from_bounds(box.x1 + right * inch, box.y1 - tall, width * inch, tall)
        return place.transformed(figure.transFigure.inverted())

    bar.set_axes_locator(locate)
    return bar


def bare(ax: Axes) -> None:
    """Remove ticks and frame."""
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def message(ax: Axes, text: str) -> None:
    """Say in words why there is nothing to see."""
    ax.set_axis_off()
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": MEDIUM, "color": INK, "wrap": True}
    ax.text(0.5, 0.5, text, transform=ax.transAxes, **style)


def text_width(labels: list[str], size: float = MEDIUM) -> float:
    """Room that the longest label takes, in inches (an average glyph is 0.58 of its size wide)."""
    return max((len(line) for label in labels for line in label.split("\n")), default=0) * size * 0.58 / 72


def letters(inches: float, size: float = MEDIUM) -> int:
    """How many letters find room in these inches, one at least; the reverse of :func:`text_width`."""
    return max(int(inches * 72 / (0.58 * size)), 1)


def wrapped(text: str, inches: float, size: float = MEDIUM) -> str:
    """Text in lines that find room in these inches, broken between words only."""
    return "\n".join(
        textwrap.fill(line, letters(inches, size), break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )


def short(text: str, width: int) -> str:
    """A label cut to so many characters, between words where that is possible."""
    cut = textwrap.shorten(text, width, placeholder=" \u2026").replace(", \u2026", " \u2026")
    return cut if len(cut) > 2 else text[: width - 1] + "\u2026"


def gene_pair(ligand: str, receptor: str) -> str:
    """Label of a pair of genes; subunits of a complex joined by ``+``."""
    return f"{ligand.replace('_', '+')} \u2192 {receptor.replace('_', '+')}"


def organ_label(name: str) -> str:
    """Label of an organ."""
    return name.replace("_", " ")
