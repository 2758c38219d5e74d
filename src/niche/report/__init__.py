"""Reports: everything that was found and everything that could not be, in one HTML file."""

from __future__ import annotations

from niche.report.html import html
from niche.report.versions import versions

__all__ = ["html", "versions"]
