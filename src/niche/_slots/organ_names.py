"""How organs are called where primary and normal tissue stand beside metastases."""

from __future__ import annotations

from niche._slots import keys

METASTASIS = "metastasis"


def organ_name(organ: str, tissue: str) -> str:
    """Name of an organ and tissue: the organ itself for metastases, else ``"<organ> (<tissue>)"``."""
    return organ if tissue == METASTASIS else f"{organ} ({tissue})"


def organ_and_tissue(name: str) -> tuple[str, str]:
    """Organ and tissue of a name that :func:`organ_name` gave."""
    for tissue in keys.TISSUES:
        if name.endswith(f" ({tissue})"):
            return name.removesuffix(f" ({tissue})"), tissue
    return name, METASTASIS
