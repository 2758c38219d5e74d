"""Find artists by the name they were given."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def named(thing: Axes | Figure, gid: str) -> list[Artist]:
    """Artists with this gid, in drawing order."""
    return [artist for artist in thing.findobj() if artist.get_gid() == gid]


def texts(ax: Axes) -> str:
    """Everything written on an axes."""
    legend = ax.get_legend()
    words = [text.get_text() for text in ax.texts] + [ax.get_title(loc="left")]
    if legend is not None:
        words += [text.get_text() for text in legend.get_texts()] + [legend.get_title().get_text()]
    return "\n".join(words)


def tick_labels(ax: Axes, side: str) -> list[str]:
    """Tick labels of the x or y axis."""
    return [label.get_text() for label in getattr(ax, f"get_{side}ticklabels")()]


def boxes(figure: Figure, artists: list[Artist]) -> list[tuple[Artist, Bbox]]:
    """Where artists lie once the figure is laid out, in pixels."""
    figure.draw_without_rendering()
    return [(artist, artist.get_window_extent()) for artist in artists]


def overlaps(figure: Figure, artists: list[Artist]) -> list[tuple[str, str]]:
    """Pairs of visible texts whose boxes overlap by more than a pixel."""
    placed = boxes(figure, artists)
    found = []
    for i, (first, a) in enumerate(placed):
        for second, b in placed[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            if wide > 1 and high > 1:
                found.append((str(first), str(second)))
    return found


def cut(figure: Figure, artists: list[Artist]) -> list[str]:
    """Texts that reach beyond the figure by more than a pixel: they are cut where it is saved as it is."""
    page = figure.bbox
    return [
        str(artist)
        for artist, box in boxes(figure, artists)
        if box.x0 < page.x0 - 1 or box.y0 < page.y0 - 1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1
    ]


def written(figure: Figure) -> list[Text]:
    """Every text that is seen: what is empty, hidden, or a tick beyond the end of its axis is left out."""
    figure.draw_without_rendering()
    beyond = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not ax.axison or not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
                    beyond |= {id(tick.label1), id(tick.label2)}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in beyond
    ]


def title(ax: Axes) -> Text:
    """The title, which stands on the left."""
    return next(text for text in ax.findobj(Text) if text.get_text() == ax.get_title(loc="left"))
