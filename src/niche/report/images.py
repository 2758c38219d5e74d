"""Figures as images inside the page: no files beside it, no requests, the same bytes every time."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PIXELS_PER_INCH = 96
_RASTER_DPI = 160


@contextmanager
def style() -> Iterator[None]:
    """Settings under which figures are drawn and written; matplotlib's own are left alone."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        "svg.hashsalt": "niche",
        "svg.fonttype": "path",
        "font.family": ["DejaVu Sans"],
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
    }
    with mpl.rc_context(settings):
        yield


def svg(figure: Figure) -> bytes:
    """Return a figure as an SVG file, without the date."""
    out = BytesIO()
    with style():
        figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    out = BytesIO()
    with style():
        figure.savefig(out, format="png", dpi=_RASTER_DPI, bbox_inches="tight", metadata={"Software": None})
    return out.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """Return a file as an address that holds it."""
    media = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"


def width(content: bytes, kind: str) -> int:
    """Width at which an image is shown, in pixels of the page."""
    if kind == "png":
        return round(int.from_bytes(content[16:20], "big") * _PIXELS_PER_INCH / _RASTER_DPI)
    found = re.search(rb'<svg[^>]*?width="([0-9.]+)pt"', content)
    return round(float(found.group(1)) * _PIXELS_PER_INCH / 72) if found else 640
