"""A report as its readers see it: tags, text, sections."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path


@dataclass
class Page:
    """A parsed report.

    Attributes
    ----------
    tags
        Every start tag with its attributes.
    text
        Everything a reader can read.
    sections
        Text by section.
    unclosed
        Tags that were not closed in order.
    scripts
        Text of every script.
    """

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    sections: dict[str, str] = field(default_factory=dict)
    unclosed: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)

    def every(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


OWN_SCRIPTS = [
    files("niche.report").joinpath("page", name).read_text(encoding="utf-8")
    for name in ("sortable.min.js", "page.js")
]
"""The only scripts a report may hold."""

_EMPTY = ("meta", "link", "img", "br", "hr", "input")


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page, self._open, self._section = Page(), [], ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.page.scripts.append("")
        if tag == "section":
            self._section = str(dict(attrs)["id"])
            self.page.sections[self._section] = ""
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.page.unclosed.append(tag)
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.page.scripts[-1] += data
        if "style" in self._open or "script" in self._open:
            return
        self.page.text += data
        if self._section:
            self.page.sections[self._section] += data


def parsed(path: Path) -> Page:
    parser = _Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.page
