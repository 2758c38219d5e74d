"""Colours that mean the same in every figure, chosen to be told apart by colour-blind readers.

The palettes maximise the smallest difference (CIELAB) between two colours under normal vision and under
simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009, doi:10.1109/TVCG.2009.113).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from niche._slots.organ_names import organ_and_tissue

ORGANS = {
    "bone": "#FFA208",
    "brain": "#B698CD",
    "liver": "#791208",
    "lung": "#0C49BA",
    "lymph_node": "#27C782",
}
"""Organs of the framework."""

FURTHER_ORGANS = {
    "pleura": "#4794FF",
    "adrenal": "#CDE864",
    "skin": "#758D8A",
    "peritoneum": "#3AFEFE",
    "ovary": "#402739",
    "kidney": "#A3F08F",
    "breast": "#FCB3CA",
}
"""Other organs with a colour of their own."""

_SPARE = (*FURTHER_ORGANS.values(), "#088F26")

COMPARTMENTS = {
    "tumor": "#5D1D79",
    "stromal": "#FFBD08",
    "endothelial": "#BB5729",
    "immune": "#4281FF",
    "parenchymal": "#153928",
    "epithelial_normal": "#79F691",
    "unresolved": "#B8B8B8",
}
"""Compartments."""

TISSUES = {"metastasis": "#222222", "primary": "#777777", "normal": "#BBBBBB"}

CATEGORIES = (
    "#5A08BB", "#DADC19", "#46E9FF", "#650854", "#084508", "#F46688", "#2083C7", "#AB7F1A",
    "#A21D90", "#7DC6BB", "#5C7638", "#8C9BC2", "#FF4A5C", "#ADD859", "#59494C", "#FFC295",
)  # fmt: skip
"""Categories without a colour of their own; the first eight are the easiest to tell apart."""

MISSING = "#DDDDDD"
MAGNITUDE = "viridis"
"""Perceptually uniform map of numbers, the same in every figure."""
DIVERGING = "RdBu_r"
"""Map of differences around 0, safe for colour-blind readers, the same in every figure."""

_LIGHTER = {"metastasis": 0.0, "primary": 0.45, "normal": 0.7}


def organ_colors(organs: Iterable[str]) -> dict[str, str]:
    """Colour of each organ: fixed for the known ones, from the name for all others.

    ``"<organ> (primary)"`` and ``"<organ> (normal)"`` are lighter shades of their organ.

    Parameters
    ----------
    organs
        Names of organs.

    Returns
    -------
    dict
        Colour by name, in the order given. An organ keeps its colour whatever the other organs are,
        except where two unlisted ones would share a colour: then the later name takes the next one.

    Examples
    --------
    >>> from niche.pl.palette import organ_colors
    >>> organ_colors(["bone", "Lymph node"])
    {'bone': '#FFA208', 'Lymph node': '#27C782'}
    """
    listed = [str(name) for name in organs]
    fixed = ORGANS | FURTHER_ORGANS
    split = {name: _split(name) for name in listed}
    bases = sorted({base for base, _ in split.values()})
    chosen = {base: fixed[base] for base in bases if base in fixed}
    for base in bases:
        if base not in chosen:
            free = [color for color in _SPARE if color not in chosen.values()] or list(_SPARE)
            start = int.from_bytes(hashlib.blake2b(base.encode(), digest_size=4).digest(), "big")
            ring = [_SPARE[(start + i) % len(_SPARE)] for i in range(len(_SPARE))]
            chosen[base] = next(color for color in ring if color in free)
    return {name: lighter(chosen[base], _LIGHTER[tissue]) for name, (base, tissue) in split.items()}


def category_colors(names: Iterable[str], kind: str = "") -> dict[str, str]:
    """Colour of each category: organs, compartments and tissues their own, others in fixed order.

    Parameters
    ----------
    names
        Categories in the order of the legend.
    kind
        ``"organ"``, ``"compartment"``, ``"tissue"`` or anything else.

    Returns
    -------
    dict
        Colour by category. After the 16 colours of the palette come their lighter and darker shades.
    """
    listed = [str(name) for name in names]
    if kind == "organ":
        return organ_colors(listed)
    own = {"compartment": COMPARTMENTS, "tissue": TISSUES}.get(kind, {})
    if own and set(listed) <= set(own):
        return {name: own[name] for name in listed}
    n = len(CATEGORIES)
    shades = [lighter(CATEGORIES[i % n], (0.0, 0.45, -0.35)[(i // n) % 3]) for i in range(len(listed))]
    return dict(zip(listed, shades, strict=True))


def lighter(color: str, share: float) -> str:
    """Mix a colour with white, or with black for a negative share."""
    aim = 255 if share >= 0 else 0
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(c + (aim - c) * abs(share)):02X}" for c in channels)


def _split(name: str) -> tuple[str, str]:
    """Organ as niche's tables write it, and the tissue a name ends with."""
    base, tissue = organ_and_tissue(name)
    return "_".join(base.strip().lower().replace("-", " ").split()), tissue
