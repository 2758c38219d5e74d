"""Find artists by the name they were given."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


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


def overlaps(figure: Figure, artists: list[Artist]) -> list[tuple[str, str]]:
    """Pairs of visible texts whose boxes overlap by more than a pixel."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [(artist, artist.get_window_extent(renderer)) for artist in artists]
    found = []
    for i, (first, a) in enumerate(boxes):
        for second, b in boxes[i + 1 :]:
            wide = min(a.x1, b.x1) - max(a.x0, b.x0)
            high = min(a.y1, b.y1) - max(a.y0, b.y0)
            if wide > 1 and high > 1:
                found.append((str(first), str(second)))
    return found


def cut(figure: Figure, artists: list[Artist]) -> list[str]:
    """Texts that reach beyond the figure by more than a pixel: they are cut where it is saved as it is."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, page = canvas.get_renderer(), figure.bbox
    boxes = [(artist, artist.get_window_extent(renderer)) for artist in artists]
    return [
        str(artist)
        for artist, box in boxes
        if box.x0 < page.x0 - 1 or box.y0 < page.y0 - 1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1
    ]


def written(figure: Figure) -> list[Text]:
    """Every text that is seen: what is empty, hidden, or a tick beyond the end of its axis is left out."""
    FigureCanvasAgg(figure).draw()
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
