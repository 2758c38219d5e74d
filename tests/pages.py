"""Code blocks of the pages, so that what stands in them is run."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", flags=re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of every code block of a page, those in lists without their indent."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def run_python(page: Path) -> dict[str, object]:
    """Run the Python blocks of a page one after the other, and return the names they leave."""
    names: dict[str, object] = {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, page.name, "exec"), names)
    return names
