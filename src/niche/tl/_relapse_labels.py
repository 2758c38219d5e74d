"""Labels of events that would pass for organs, and are none."""

from __future__ import annotations

from niche._slots.validate import meant, shown
from niche.errors import InputValueError

NO_RELAPSE = frozenset(
    (
        "0", "-", "alive", "censor", "censored", "disease free", "disease-free", "event free", "event-free",
        "false", "free", "n/a", "na", "nan", "ned", "negative", "never", "nil", "no", "no event",
        "no metastasis", "no relapse", "none", "null", "relapse free", "relapse-free",
    )
)  # fmt: skip
"""What tables write, in small letters, where nobody relapsed."""


def occurring_labels(rivals: list[str], found: list[str], event: str, name: str) -> None:
    """Refuse competing events that never occur: their patients would count as relapsed in an organ."""
    for rival in rivals:
        if rival in found:
            continue
        raise InputValueError(
            f"competing= names {rival!r}, which column {event!r} of {name} (event=) never holds."
            f"{meant(rival, found)} Found: {shown(found)}. Spell it as there, or leave it out where nobody "
            "had such an event."
        )


def organs_only(organs: list[str], event: str, name: str) -> None:
    """Refuse organs found that are words for no relapse."""
    odd = [organ for organ in organs if organ.strip().casefold() in NO_RELAPSE]
    if odd:
        raise InputValueError(
            f"column {event!r} of {name} (event=) holds {shown(odd)}, which would count as an organ of "
            f"relapse. If it marks patients without relapse, say so: censored={odd[0]!r} (one label; leave "
            "other such rows empty). If it is an organ, name all organs with organs=."
        )
