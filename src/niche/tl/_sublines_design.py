"""Which rows belong to which subline, and what each subline was selected for."""

from __future__ import annotations

from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd

from niche._slots import tables, validate
from niche._slots.validate import Factor, Samples
from niche._stats.contrasts import Groups
from niche.errors import InputValueError

REPLICATE, ORIGIN = "subline", "parental"


@dataclass(frozen=True)
class Sublines:
    """Sublines and the organs they were selected for.

    Attributes
    ----------
    rows
        Subline of each row of the data.
    organ
        (n_sublines,) organ, the parental level for parental lines.
    organs
        Organs in rising order, the parental level last.
    n_replicates
        (n_sublines,) cultures.
    """

    rows: Factor
    organ: np.ndarray
    organs: list[str]
    n_replicates: np.ndarray

    @property
    def names(self) -> np.ndarray:
        """(n_sublines,) names."""
        return np.array(self.rows.names, dtype=object)

    @property
    def code(self) -> np.ndarray:
        """(n_sublines,) place of its organ among ``organs``."""
        return np.array([self.organs.index(name) for name in self.organ], dtype=np.int64)

    @property
    def tissue(self) -> np.ndarray:
        """(n_sublines,) parental lines stand where primary tumors do, derivatives where metastases do."""
        return np.where(self.organ == self.organs[-1], "primary", "metastasis").astype(object)

    @property
    def samples(self) -> Samples:
        """Sublines as the samples of a study in which each is a replicate."""
        return Samples(self.rows, self.names, self.organ, self.tissue, tissue_given=True)

    @property
    def groups(self) -> Groups:
        """Organs and the parental line; one parental line is enough to test against."""
        tissue = ["metastasis"] * (len(self.organs) - 1) + ["primary"]
        return Groups(
            list(self.organs), list(self.organs), tissue,
            replicate=REPLICATE, origin=ORIGIN, lone_origin=True,
        )  # fmt: skip


def sublines_of(
    adata: ad.AnnData,
    subline_key: str | None,
    organ_key: str | None,
    replicate_key: str | None,
    parental: str,
) -> Sublines:
    """Read the design; refuse sublines of two organs, cultures of two sublines, and data without a parent."""
    rows = validate.factor(adata, subline_key, "subline_key")
    selected = validate.factor(adata, organ_key, "organ_key")
    parental = tables.label(parental)
    organ = _one_each(rows, selected, "a subline is selected for one organ", "sublines")
    if parental not in selected.names:
        raise InputValueError(
            f"no parental line: no row has {parental!r} in adata.obs[{selected.key!r}]. Found: "
            f"{validate.shown(selected.names)}. Name the level of the parental line with parental=. Without "
            "one, niche.tl.compare_expression compares the organs with each other."
        )
    organs = sorted({*selected.names} - {parental})
    if not organs:
        raise InputValueError(
            f"every row is parental ({parental!r} in adata.obs[{selected.key!r}]): there is no subline to "
            "compare with it."
        )
    n_replicates = np.bincount(rows.codes, minlength=len(rows.names))
    if replicate_key is not None:
        cultures = validate.factor(adata, replicate_key, "replicate_key")
        _one_each(cultures, rows, "a culture belongs to one subline", "cultures")
        pairs = pd.DataFrame({"subline": rows.codes, "culture": cultures.codes}).drop_duplicates()
        n_replicates = np.bincount(pairs["subline"], minlength=len(rows.names))
    return Sublines(rows, organ, [*organs, parental], n_replicates)


def _one_each(inner: Factor, outer: Factor, rule: str, noun: str) -> np.ndarray:
    """The outer label of every inner one, (n_inner,) object; refuse an inner label that has two."""
    pairs = pd.DataFrame({"inner": inner.codes, "outer": outer.codes}).drop_duplicates()
    twice = pairs["inner"][pairs["inner"].duplicated()].unique()
    if len(twice):
        found = pairs.loc[pairs["inner"] == twice[0], "outer"]
        raise InputValueError(
            f"{rule}: {len(twice)} of {len(inner.names)} {noun} in adata.obs[{inner.key!r}] have several "
            f"values of {outer.key!r}, for example {inner.names[twice[0]]!r} has "
            f"{validate.shown(sorted(outer.names[i] for i in found))}. Name {noun} so that no two share a "
            "name, for example by joining both columns."
        )
    place = pairs.set_index("inner")["outer"].reindex(range(len(inner.names))).to_numpy()
    return np.array(outer.names, dtype=object)[place]
