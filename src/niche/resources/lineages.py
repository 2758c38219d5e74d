"""From the name of a cell type to its compartment and lineage."""

from __future__ import annotations

import re
from functools import lru_cache

import pandas as pd

from niche.errors import InputTypeError
from niche.resources._location import read_table

__all__ = ["classify_cell_type", "lineages"]


def lineages() -> pd.DataFrame:
    """Lexicon of cell type names.

    Returns
    -------
    DataFrame
        Columns ``pattern`` (regular expression on the normalised name, see :func:`classify_cell_type`),
        ``compartment``, ``lineage``, ``note``. The order matters: the first pattern that is found wins.

    Examples
    --------
    >>> from niche import resources
    >>> sorted(set(resources.lineages()["lineage"]))[:3]
    ['endothelial', 'fibroblast-like', 'lymphoid']
    """
    return read_table("lineages.tsv")


def classify_cell_type(name: str) -> tuple[str, str] | None:
    """Compartment and lineage that a cell type's name stands for.

    Parameters
    ----------
    name
        Name of a cell type, as an author wrote it.

    Returns
    -------
    tuple of str, or None
        ``(compartment, lineage)``, or None when the name says nothing (``"other"``, ``"cluster 7"``).
        Compartments: tumor, stromal, endothelial, immune, parenchymal, epithelial_normal. Lineages:
        malignant, fibroblast-like, endothelial, myeloid, lymphoid, parenchymal, other.

    Raises
    ------
    InputTypeError
        ``name`` is not text.

    Notes
    -----
    The name is put in lower case and every run of blanks, ``_ - . / , : ; &`` becomes one blank. A name is
    a claim, not evidence: ``"Epithelial"`` is read as epithelium of unproven malignancy.

    Examples
    --------
    >>> from niche import resources
    >>> resources.classify_cell_type("Kupffer cell")
    ('immune', 'myeloid')
    >>> resources.classify_cell_type("Epithelial cell (tumor)")
    ('tumor', 'malignant')
    >>> resources.classify_cell_type("Unassigned") is None
    True
    """
    if not isinstance(name, str):
        raise InputTypeError(f"A cell type name must be text. Got {type(name).__name__}.")
    normalised = re.sub(r"[\s_\-./,:;&]+", " ", name.lower()).strip()
    for pattern, compartment, lineage in _lexicon():
        if pattern.search(normalised):
            return compartment, lineage
    return None


@lru_cache(maxsize=1)
def _lexicon() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    table = lineages()
    rows = zip(table["pattern"], table["compartment"], table["lineage"], strict=True)
    return tuple((re.compile(pattern), compartment, lineage) for pattern, compartment, lineage in rows)
