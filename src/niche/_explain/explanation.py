"""What :func:`niche.explain` returns: tables to read on, text and HTML to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

_TABLE = ["organ", "patient", "ligand_log2cpm", "receptor_log2cpm", "mean_log2cpm", "weight", "n_source",
          "n_target", "n_samples", "used", "reason"]  # fmt: skip
_TESTS = ["contrast", "log2fc", "ci_low", "ci_high", "pval", "qval", "qval_joint", "driver", "call", "reason",
          "n_patients", "sign_stability", "ambient_share", "min_detectable_log2fc"]  # fmt: skip
_WITHIN = ["organ", "ligand_means", "receptor_means", "ligand_props", "receptor_props", "pval", "qval",
           "n_samples", "n_patients", "status", "reason", "ambient_share"]  # fmt: skip
_PUBLISHED = ["kind", "organ", "what", "claim", "status", "citation"]

CAVEAT = (
    "RNA of two cell types in one biopsy: neither protein, nor contact, nor response. A p-value within "
    "samples is no evidence about patients; those between organs are, patients being counted once in each."
)


@dataclass(frozen=True, repr=False)
class EdgeExplanation:
    """One edge from its verdict down to every patient's numbers, returned by :func:`niche.explain`.

    Attributes
    ----------
    edge
        ``"source -> target: LIGAND - RECEPTOR"``.
    verdicts
        One paragraph per organ: the call, which side drives it (seed or soil), in how many patients, what
        ambient RNA explains, what is published, what would change it, what it does not say.
    table
        Every patient in every organ, as :func:`niche.get.compare_samples` gives them: both sides, their mean
        in log2 counts per million, weights, cells, biopsies, and whether and why they are not used.
    tests
        Every contrast of the edge, as :func:`niche.get.compare_communication` gives them; empty where a gene
        is not measured.
    communication
        The edge within samples, organ by organ, as :func:`niche.get.communication` gives it, with the
        ``ambient_share`` of its expression.
    published
        Axes and mediators among the genes of the edge: ``kind, organ, what, claim, status, citation, doi,
        note``.
    params
        ``run, parameter, value`` of the two runs, versions among them.

    Examples
    --------
    >>> import niche
    >>> adata = niche.datasets.demo()
    >>> niche.pp.normalize(adata)
    >>> niche.tl.communication(adata, "cell_type", null="analytic")
    >>> niche.tl.compare_communication(adata)
    >>> found = niche.explain(adata, "Fibroblast -> Malignant: CXCL12 - CXCR4")
    >>> list(found.verdicts)
    ['bone', 'brain', 'liver', 'lung']
    """

    edge: str
    verdicts: Mapping[str, str]
    table: pd.DataFrame
    tests: pd.DataFrame
    communication: pd.DataFrame
    published: pd.DataFrame
    params: pd.DataFrame

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        """What is shown, with titles."""
        found = [
            ("Every patient (log2 counts per million)", self.table[_TABLE]),
            ("Between organs", self.tests[_TESTS]),
            ("Within samples", self.communication[[c for c in _WITHIN if c in self.communication]]),
            ("Published", self.published[_PUBLISHED]),
            ("Parameters", self.params),
        ]
        return [(title, _rounded(table)) for title, table in found if len(table)]

    def __repr__(self) -> str:
        lines = [f"EdgeExplanation: {self.edge}", ""]
        for text in self.verdicts.values():
            lines += [text, ""]
        lines += [CAVEAT]
        for title, table in self._tables():
            lines += ["", title, table.to_string(index=False, na_rep="-")]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<h3>{escape(self.edge)}</h3>"]
        parts += [f"<p>{escape(text)}</p>" for text in self.verdicts.values()]
        parts.append(f"<p><em>{escape(CAVEAT)}</em></p>")
        for i, (title, table) in enumerate(self._tables()):
            opened = " open" if i == 0 else ""
            parts.append(
                f"<details{opened}><summary>{escape(title)}</summary>"
                f"{table.to_html(index=False, border=0, na_rep='')}</details>"
            )
        return "\n".join(parts)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers short enough to read; small p-values keep their digits."""
    out: dict[str, Any] = {}
    for name in table:
        column = table[name]
        if column.dtype.kind == "f":
            column = column.map(lambda value: float(f"{value:.3g}"), na_action="ignore")
        out[str(name)] = column
    return pd.DataFrame(out)
