"""What the figures of programs share: how verdicts and kinds look, and what a program is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anndata as ad
import pandas as pd

from niche.get.compare_programs import compare_programs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VERDICTS: dict[str, dict[str, Any]] = {
    "organ-associated": {"color": "#D55E00", "marker": "^", "size": 34.0},
    "ambient-suspect": {"color": "#5A08BB", "marker": "X", "size": 40.0},
    "intrinsic": {"color": "#0072B2", "marker": "s", "size": 24.0},
    "undetermined": {"color": "#474747", "marker": "o", "size": 22.0},
    "patient-private": {"color": "#4A2A10", "marker": "D", "size": 20.0},
    "not_testable": {"color": "#767676", "marker": "x", "size": 20.0},
}
"""Colour and symbol of every verdict, in the order in which programs are shown; either tells them apart.

The colours are those of words too, so all of them are dark.
"""

KINDS = {
    "program": "#0072B2",
    "patient-private": VERDICTS["patient-private"]["color"],
    "background": "#BBBBBB",
    "unstable": "#F46688",
}
"""Colour of every kind of program."""


def verdict_words(verdict: str) -> str:
    """A verdict as it is written."""
    return verdict.replace("_", " ")


def verdict_table(adata: ad.AnnData, key: str, program: Any = None) -> pd.DataFrame:
    """Verdicts in the order in which programs are shown, with plain strings for names.

    Programs that were named keep the order in which they were named.
    """
    found = compare_programs(adata, what="verdicts", program=program, key=key)
    found = found.astype(dict.fromkeys(("program", "verdict", "reason", "kind"), str))
    if program is not None:
        listed = [program] if isinstance(program, str) else list(dict.fromkeys(program))
        return found.set_index("program").loc[listed].reset_index()
    order = found["verdict"].map({name: i for i, name in enumerate(VERDICTS)})
    return found.assign(order=order).sort_values("order", kind="stable").drop(columns="order")


def inches_wide(ax: Axes) -> float:
    """Width of an axes."""
    from niche.pl._figure import figure_of

    return float(ax.get_window_extent().width) / figure_of(ax).dpi


def verdict_handles(verdicts: list[str]) -> list[Any]:
    """Legend entries of the verdicts that occur, in the order of :data:`VERDICTS`."""
    from matplotlib.lines import Line2D

    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker=look["marker"],
            color=look["color"],
            markersize=float(look["size"]) ** 0.5,
            label=verdict_words(name),
        )
        for name, look in VERDICTS.items()
        if name in set(verdicts)
    ]
