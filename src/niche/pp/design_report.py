"""The design report: tables to read on, text and HTML to look at."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd


@dataclass(frozen=True)
class DesignReport:
    """What a study can answer, returned by :func:`niche.pp.check`.

    Attributes
    ----------
    table
        One row per sample: ``sample, patient, organ, tissue, n_cells, n_cell_types_usable`` (types
        with ``min_cells`` cells), ``usable, median_counts`` (NaN without counts) and, with compartments,
        ``n_tumor, n_stromal, ...``. Usable means that a type has ``min_cells`` cells; with compartments,
        that a tumor and a host type have.
    organs
        One row per organ and tissue: ``organ, tissue, n_samples, n_patients, n_patients_usable,
        n_patients_paired, n_cells, possible, reason``. ``possible`` is the most the numbers of patients
        allow: ``test and call``, ``test, no call`` or ``describe only``.
    cell_types
        One row per cell type, organ and tissue: ``cell_type, organ, tissue, n_cells, n_samples,
        n_samples_usable, n_patients_usable``.
    issues
        ``severity`` (error, warning, note), ``what, where, found, advice``; the most severe first.
    title
        One line with the size of the study.

    Examples
    --------
    >>> import niche
    >>> report = niche.pp.check(niche.datasets.demo())
    >>> report.ok
    True
    """

    table: pd.DataFrame
    organs: pd.DataFrame
    cell_types: pd.DataFrame
    issues: pd.DataFrame
    title: str

    @property
    def ok(self) -> bool:
        """Whether no issue is an error."""
        return not (self.issues["severity"] == "error").any()

    def __repr__(self) -> str:
        lines = [f"DesignReport: {self.title}", self._verdict(), "", self._organ_text()]
        for severity, part in self.issues.groupby("severity", sort=False):
            lines += ["", f"{severity}s ({len(part)})"]
            for what, where, found, advice in zip(
                part["what"], part["where"], part["found"], part["advice"], strict=True
            ):
                lines.append(f"  {what}, {where}: {found}{f' -> {advice}' if advice else ''}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [
            f"<h3>Design: {escape(self.title)}</h3>",
            f"<p>{escape(self._verdict())}</p>",
            "<h4>Organs</h4>",
            self.organs.to_html(index=False, border=0),
            "<h4>Issues</h4>",
            self.issues.to_html(index=False, border=0),
            f"<details><summary>{len(self.table)} samples</summary>",
            self.table.to_html(index=False, border=0, na_rep=""),
            "</details>",
        ]
        return "\n".join(parts)

    def _verdict(self) -> str:
        counts = self.issues["severity"].value_counts()
        numbers = {name: int(counts.get(name, 0)) for name in ("error", "warning", "note")}
        found = [f"{n} {name}{'' if n == 1 else 's'}" for name, n in numbers.items()]
        return f"{'usable' if self.ok else 'not usable as it is'} ({', '.join(found)})"

    def _organ_text(self) -> str:
        columns = ["organ", "tissue", "n_samples", "n_patients", "n_cells", "possible"]
        return self.organs[columns].to_string(index=False)
