"""What a report is made of: sections that hold text, tables and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from niche.report import formats

_LONG = 36
"""Characters from which a cell of a table needs room."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Callout:
    """A paragraph that must not be overlooked."""

    text: str
    tone: Literal["limit", "note", "missing"] = "note"
    kind: str = "callout"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind: str = "bullets"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Link:
    """A line of text with an address behind it."""

    text: str
    address: str


@dataclass(frozen=True)
class Links:
    """A list of references."""

    items: Sequence[Link]
    kind: str = "links"


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, cells, how they are set and, for numbers, what they are sorted by."""

    heading: str
    cells: Sequence[str]
    numeric: bool = False
    tags: bool = False
    values: Sequence[float] = ()

    @property
    def shape(self) -> str:
        """How its cells are set: numbers to the right, long texts with room."""
        if self.numeric:
            return "num"
        return "long" if max((len(cell) for cell in self.cells), default=0) > _LONG else ""

    def key(self, row: int) -> str | None:
        """What a cell is sorted by, where that is not its text; empty for a cell that holds nothing."""
        if self.cells[row] == formats.EMPTY:
            return ""
        if len(self.values):
            return str(float(self.values[row]))
        return self.cells[row].replace(",", "") if self.numeric else None


@dataclass(frozen=True)
class Table:
    """A table with a caption; its first column heads the rows."""

    caption: str
    columns: Sequence[Column]
    folded: str = ""
    kind: str = "table"

    @property
    def rows(self) -> list[list[tuple[Column, str, str | None]]]:
        """Cells of every row, each with its column and what it is sorted by."""
        return [
            [(column, column.cells[i], column.key(i)) for column in self.columns]
            for i in range(len(self.columns[0].cells))
        ]


@dataclass(frozen=True)
class Image:
    """An image inside the page."""

    source: str
    alt: str
    caption: str
    width: int
    kind: str = "image"


@dataclass(frozen=True)
class Gallery:
    """Images side by side where there is room."""

    images: Sequence[Image]
    kind: str = "gallery"


Block = Text | Callout | Bullets | Heading | Links | Table | Image | Gallery


@dataclass
class Section:
    """A section of the report.

    Attributes
    ----------
    name
        Its anchor.
    title
        Its heading.
    blocks
        What it holds.
    """

    name: str
    title: str
    blocks: list[Block] = field(default_factory=list)

    @classmethod
    def missing(cls, name: str, title: str, reason: str) -> Section:
        """A section whose result is not there."""
        return cls(name, title, [Callout(f"Not assessed. {reason}", "missing")])


_NUMERIC = (formats.count, formats.decimal, formats.probability, formats.share)


def table(
    frame: pd.DataFrame,
    caption: str,
    columns: Mapping[str, tuple[str, formats.Formatter]],
    *,
    tags: Sequence[str] = (),
    folded: str = "",
) -> Table:
    """Make a table of some columns of a frame: ``{column: (heading, formatter)}``."""
    made = []
    for name, (heading, formatter) in columns.items():
        if name not in frame:
            continue
        cells, numeric = [formatter(value) for value in frame[name]], formatter in _NUMERIC
        values = frame[name].astype(float).tolist() if numeric else []
        made.append(Column(heading, cells, numeric, name in tags, values))
    return Table(caption, made, folded)
