"""Where the parts of the account stand on the page, in inches from its upper left corner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from niche.pl import _account, _compared, palette
from niche.pl._tropism_blocks import Block

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from niche._stats.contrasts import Contrast

ROW, LINE, HEAD, ORGAN, TICKS, GAP = 0.19, 0.145, 0.24, 0.46, 0.38, 0.14
"""Heights: item, line of words, heading of a group, of an organ, ticks with unit, space after a group."""
INNER, Q = 2.3, 0.62
"""Widths: effects, column of q-values."""
LEGEND = 0.36
"""Height of the legend."""


def words_of(block: Block, width: float) -> list[str]:
    """What is said below the items of a group, in lines."""
    from niche.pl._figure import SMALL

    return [line for words in block.words for line in _account.lines(words, width - 0.3, SMALL)]


def block_height(block: Block, width: float) -> float:
    """Height of a group."""
    drawn = ROW * len(block.rows) + TICKS if len(block.rows) else 0.0
    return HEAD + drawn + LINE * len(words_of(block, width)) + GAP


def panel_height(blocks: Iterable[Block], width: float) -> float:
    """Height of an organ."""
    return ORGAN + sum(block_height(block, width) for block in blocks)


@dataclass(frozen=True)
class Page:
    """An axes whose coordinates are inches from its upper left corner.

    Attributes
    ----------
    ax
        The axes.
    width, height
        Its size.
    left, panel
        Room for the names of items; width of an organ.
    """

    ax: Axes
    width: float
    height: float
    left: float
    panel: float

    @classmethod
    def on(cls, ax: Axes | None, width: float, height: float, left: float, panel: float) -> Page:
        """The caller's axes, or the whole of a new figure."""
        from niche.pl._figure import ShownFigure, given_axes

        if ax is None:
            ax = ShownFigure(figsize=(width, height)).add_axes((0.0, 0.0, 1.0, 1.0))
        given_axes(ax)
        ax.set_axis_off()
        ax.set_xlim(0.0, width)
        ax.set_ylim(height, 0.0)
        return cls(ax, width, height, left, panel)

    @property
    def figure(self) -> Figure:
        """Its figure."""
        from niche.pl._figure import figure_of

        return figure_of(self.ax)

    def organ(
        self, contrast: Contrast, blocks: list[Block], limits: dict[str, float], x: float, y: float
    ) -> None:
        """An organ: its name under a bar in its colour, then its groups."""
        from niche.pl._figure import INK, LARGE

        name = _compared.organ_of(contrast)
        color = palette.organ_colors([name])[name]
        self.ax.plot(
            (x, x + self.panel),
            (y + 0.05, y + 0.05),
            color=color,
            linewidth=4,
            gid="organ",
            solid_capstyle="butt",
        )
        self.ax.text(
            x,
            y + 0.27,
            _compared.contrast_words(contrast),
            fontsize=LARGE,
            color=INK,
            va="center",
            fontweight="bold",
            gid="organ name",
        )
        y += ORGAN
        for block in blocks:
            self._block(block, limits.get(block.kind, 1.0), x, y)
            y += block_height(block, self.panel)

    def _block(self, block: Block, limit: float, x: float, y: float) -> None:
        """A group: its heading, its items on an axis of their own, and words."""
        from niche.pl._figure import INK, MEDIUM, SMALL

        self.ax.text(
            x, y + 0.1, block.title, fontsize=MEDIUM, color=INK, va="center", fontweight="bold", gid="group"
        )
        below = y + HEAD
        if len(block.rows):
            high = ROW * len(block.rows)
            bounds = (
                (x + self.left) / self.width,
                1 - (below + high) / self.height,
                INNER / self.width,
                high / self.height,
            )
            inner = self.ax.inset_axes(bounds)
            _items(inner, block, limit)
            at = x + self.left + INNER + 0.12
            self._heads(block, at, y + 0.1)
            for i, row in enumerate(block.rows.itertuples()):
                middle = below + (i + 0.5) * ROW
                self.ax.text(
                    at, middle, f"q {_compared.number(row.qval)}", fontsize=SMALL, va="center", color=INK
                )
                self.ax.text(at + Q, middle, row.note, fontsize=SMALL, va="center", color=INK, gid="note")
            below += high + TICKS
        for i, line in enumerate(words_of(block, self.panel)):
            self.ax.text(
                x + 0.12,
                below + (i + 0.5) * LINE,
                line,
                fontsize=SMALL,
                va="center",
                color="#555555",
                gid="words",
            )

    def _heads(self, block: Block, x: float, y: float) -> None:
        from niche.pl._figure import SMALL

        head = {"edge": "driven by", "program": "verdict"}.get(block.kind)
        if head is not None:
            self.ax.text(x + Q, y, head, fontsize=SMALL, va="center", color="#555555")

    def foot(self, panels: Iterable[list[Block]], statement: list[str], y: float) -> None:
        """Legend of the calls that occur, and what must not be read from the figure."""
        from matplotlib.lines import Line2D

        from niche.pl._figure import INK, SMALL

        blocks = [block for blocks in panels for block in blocks if len(block.rows)]
        handles: list[Any] = _compared.call_handles(call for block in blocks for call in block.rows["status"])
        if any((block.rows["screen"] != "").any() for block in blocks):
            handles.append(
                Line2D(
                    [],
                    [],
                    linestyle="",
                    marker="D",
                    fillstyle="none",
                    color=INK,
                    markersize=4,
                    label="a gene is a hit of the screen",
                )
            )
        if handles:
            self.ax.legend(
                handles=handles,
                loc="upper left",
                bbox_to_anchor=(0.0, y),
                frameon=False,
                fontsize=SMALL,
                bbox_transform=self.ax.transData,
                borderaxespad=0,
                borderpad=0.2,
                ncol=max(2, int(self.width / 1.15)),
                columnspacing=1.2,
                handletextpad=0.3,
            )
        y += LEGEND if handles else 0.1
        for i, line in enumerate(statement):
            self.ax.text(
                0.0, y + (i + 0.5) * LINE, line, fontsize=SMALL, va="center", color="#555555", gid="statement"
            )


def _items(ax: Axes, block: Block, limit: float) -> None:
    """Effects with intervals, in the colour and symbol of their call."""
    from niche.pl._figure import SMALL

    rows = block.rows
    ax.set_xlim(-limit, limit)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.axvline(0.0, color="#BBBBBB", linewidth=0.8, zorder=0)
    for i, row in enumerate(rows.itertuples()):
        style = _compared.CALLS[row.status]
        ax.plot(
            (row.ci_low, row.ci_high),
            (i, i),
            color=style["color"],
            linewidth=1.3,
            gid="interval",
            solid_capstyle="butt",
            zorder=2,
        )
        ax.scatter(
            [row.effect],
            [i],
            marker=style["marker"],
            s=style["size"],
            color=style["color"],
            zorder=3,
            linewidths=0.8,
            gid=f"call {row.status}",
        )
    ax.set_yticks(range(len(rows)), rows["label"].tolist())
    ax.set_xlabel(block.unit, fontsize=SMALL, labelpad=1)
    ax.tick_params(labelsize=SMALL, length=2, pad=2)
    ax.tick_params(axis="y", length=0, pad=4)
    ax.locator_params(axis="x", nbins=5)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.set_facecolor("#FAFAFA")
    ax.set_gid(f"axis {block.kind}")
