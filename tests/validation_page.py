"""Pages of docs/validation, written section by section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "validation"


def write_section(page: str, head: Sequence[str], title: str, text: Sequence[str]) -> None:
    """Put a section into a page, keeping the others, in the order of their titles."""
    path = FOLDER / page
    kept = path.read_text(encoding="utf-8").split("\n## ")[1:] if path.is_file() else []
    kept = [part.strip() for part in kept if not part.startswith(f"{title}\n")]
    body = "\n".join([title, "", *text])
    whole = "\n\n".join(head) + "\n\n## " + "\n\n## ".join(sorted([*kept, body])) + "\n"
    path.write_text(whole, encoding="utf-8")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table."""
    return [f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows)]
