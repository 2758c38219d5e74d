"""A stored ambient result, and the shares of genes computed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from niche._kernels import ambient_share as kernel
from niche._slots import keys, read, validate
from niche._slots.organ_names import METASTASIS, organ_and_tissue, organ_name
from niche.errors import InputValueError

RUN_FIRST = "niche.pp.ambient"
Against = str | Sequence[str] | None

_GENES_AT_A_TIME = 2048


@dataclass(frozen=True)
class Ambient:
    """A stored result, ready to compute with.

    Attributes
    ----------
    stored
        The slot.
    counts
        csr (n_groups, n_genes).
    profile
        csr (n_samples, n_genes), rows sum to 1.
    organs
        Names of the organs; primary and normal tissue apart, as ``"<organ> (primary)"``.
    metastatic
        (n_organs,) whether it is an organ of metastases.
    cell_types
        Their names.
    rows
        Which (organ, cell type) there are, and how groups are averaged to them.
    """

    stored: Mapping[str, Any]
    counts: sparse.csr_matrix
    profile: sparse.csr_matrix
    organs: list[str]
    metastatic: np.ndarray
    cell_types: list[str]
    rows: kernel.Cohort

    @property
    def group_sample(self) -> np.ndarray:
        """(n_groups,) sample of each group."""
        return np.asarray(self.stored["groups"]["sample"])

    @property
    def sample_organ(self) -> np.ndarray:
        """(n_samples,) label of the organ of each sample."""
        return organ_labels(self.stored["samples"])

    def row_of(self, organ: Sequence[str], cell_type: Sequence[str]) -> np.ndarray:
        """Row of every (organ, cell type), -1 where no sample has enough of its cells."""
        table = np.full((len(self.organs) + 1, len(self.cell_types) + 1), -1, dtype=np.int64)
        table[self.rows.organ, self.rows.cell_type] = np.arange(self.rows.organ.size)
        return table[
            pd.Index(self.organs).get_indexer(np.asarray(organ, dtype=object)),
            pd.Index(self.cell_types).get_indexer(np.asarray(cell_type, dtype=object)),
        ]

    def references(self, against: Against) -> sparse.csr_matrix:
        """What every row is compared with (see :func:`niche.get.ambient`)."""
        n, codes = len(self.organs), np.arange(len(self.organs))
        if against is not None:
            listed = [against] if isinstance(against, str) else [str(name) for name in against]
            unknown = [name for name in listed if name not in self.organs]
            if unknown or not listed:
                raise InputValueError(
                    f"against: {validate.shown(unknown) or 'no organ'} not in the result. "
                    f"Available: {validate.shown(self.organs)}."
                )
            wanted = np.isin(self.organs, listed)
        else:
            wanted = self.metastatic if self.metastatic.sum() > 1 else np.ones(n, dtype=bool)
        return kernel.references(self.rows, [codes[wanted & (codes != organ)] for organ in range(n)])

    def shares(self, genes: np.ndarray, against: Against = None) -> kernel.Shares:
        """Shares of these columns for every row."""
        groups, reference = self.stored["groups"], self.references(against)
        parts = []
        for start in range(0, max(genes.size, 1), _GENES_AT_A_TIME):
            some = genes[start : start + _GENES_AT_A_TIME]
            parts.append(
                kernel.shares(
                    self.counts[:, some].toarray().astype(np.float64), np.asarray(groups["library"]),
                    np.asarray(groups["fraction"]), np.asarray(groups["log_se"]),
                    self.profile[:, some].toarray()[self.group_sample],
                    self.rows, reference, float(self.stored["params"]["max_share"]),
                )
            )  # fmt: skip
        names = [field.name for field in fields(kernel.Shares)]
        return kernel.Shares(
            **{name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in names}
        )


def largest_share(adata: ad.AnnData, key: str = keys.AMBIENT) -> float:
    """Share from which ambient molecules count as the explanation; 1 where they were not assessed."""
    return float(adata.uns[key]["params"]["max_share"]) if key in adata.uns else 1.0


def load(adata: ad.AnnData, key: str = keys.AMBIENT) -> Ambient:
    """Read a stored result; refuse one that is not there or no longer fits."""
    stored = read.result(adata, key, run_first=RUN_FIRST)
    samples, groups = stored["samples"], stored["groups"]
    counts = _matrix(stored["counts"], len(groups["sample"]), adata.n_vars)
    group_sample = np.asarray(groups["sample"], dtype=np.int64)
    n_samples = len(samples["name"])
    pool = sparse.csr_matrix(
        (np.ones(group_sample.size), (group_sample, np.arange(group_sample.size))),
        shape=(n_samples, group_sample.size),
    )
    soup = sparse.csr_matrix(pool @ counts)
    if "profile" in stored:
        given = _matrix(stored["profile"], n_samples, adata.n_vars)
        told = np.array([name == "empty droplets" for name in read.strings(samples["profile"])])
        soup = sparse.diags_array(told * 1.0) @ given + sparse.diags_array(~told * 1.0) @ soup
    total = np.maximum(np.asarray(soup.sum(axis=1)).ravel(), 1.0)
    label = organ_labels(samples)
    organs = sorted(set(label))
    metastatic = np.array([organ_and_tissue(name)[1] == METASTASIS for name in organs])
    known = np.isfinite(groups["fraction"]) & (np.asarray(groups["n_cells"]) >= stored["params"]["min_cells"])
    rows = kernel.cohort(
        pd.Index(organs).get_indexer(label)[group_sample],
        pd.factorize(np.asarray(samples["patient"], dtype=object))[0][group_sample],
        np.asarray(groups["cell_type"], dtype=np.int64), np.asarray(groups["library"]), known,
    )  # fmt: skip
    profile = sparse.csr_matrix(sparse.diags_array(1 / total) @ soup)
    return Ambient(stored, counts, profile, organs, metastatic, read.strings(stored["cell_types"]), rows)


def organ_labels(samples: Mapping[str, Any]) -> np.ndarray:
    """Organ of every sample; primary and normal tissue named as such."""
    pairs = zip(read.strings(samples["organ"]), read.strings(samples["tissue"]), strict=True)
    return np.array([organ_name(o, t) for o, t in pairs], dtype=object)


def _matrix(parts: Mapping[str, Any], n_rows: int, n_genes: int) -> sparse.csr_matrix:
    values = (np.asarray(parts["data"]), np.asarray(parts["indices"]), np.asarray(parts["indptr"]))
    return sparse.csr_matrix(values, shape=(n_rows, n_genes))
