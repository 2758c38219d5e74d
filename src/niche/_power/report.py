"""What :func:`niche.power` returns: tables to read on, text and HTML to look at."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd


@dataclass(frozen=True)
class PowerReport:
    """Smallest effects a design detects, returned by :func:`niche.power`.

    Attributes
    ----------
    table
        One row per contrast of the design and assumed ``sd``: ``contrast, organ, n_patients,
        n_patients_other, n_patients_both, sd, standard_error, df, alpha, min_detectable_log2fc,
        min_detectable_fold, status, reason``. Status is ``test and call`` (3 patients on both sides),
        ``test, no call`` (2) or ``not_testable``, whose numbers are NaN.
    curve
        The same for as many organs with equal numbers of patients: ``n_patients`` (per organ), ``pairing,
        contrast`` (``organ_vs_rest``, ``organ_vs_organ``), ``sd, df, min_detectable_log2fc, status``.
    assumptions
        ``assumption, value, meaning``: everything that was assumed and not measured.

    Examples
    --------
    >>> import niche
    >>> report = niche.power({"bone": 4, "brain": 4})
    >>> list(report.curve)
    ['n_patients', 'pairing', 'contrast', 'sd', 'df', 'min_detectable_log2fc', 'status']
    """

    table: pd.DataFrame
    curve: pd.DataFrame
    assumptions: pd.DataFrame

    def _title(self) -> str:
        value = self.assumptions.set_index("assumption")["value"]
        return f"smallest log2 fold change found with power {value['power']} at alpha {value['alpha']}"

    def _wide(self) -> pd.DataFrame:
        """One row per contrast, one column per assumed sd."""
        names = ["contrast", "n_patients", "n_patients_other", "n_patients_both", "status", "reason"]
        wide = self.table[names].drop_duplicates("contrast").reset_index(drop=True)
        for sd, part in self.table.groupby("sd"):
            values = part.set_index("contrast")["min_detectable_log2fc"]
            wide.insert(len(wide.columns) - 2, f"sd {sd:g}", wide["contrast"].map(values).round(2))
        return wide

    def _curve(self) -> pd.DataFrame:
        """Patients per organ in rows; contrast and pairing in columns, at the middle sd."""
        sds = sorted(self.curve["sd"].unique())
        part = self.curve[self.curve["sd"] == sds[len(sds) // 2]]
        return part.pivot(
            index="n_patients", columns=["contrast", "pairing"], values="min_detectable_log2fc"
        ).round(2)

    def __repr__(self) -> str:
        lines = [f"PowerReport: {self._title()}", "", self._wide().to_string(index=False, na_rep="-"), ""]
        sds = sorted(self.curve["sd"].unique())
        if len(self.curve):
            lines += [f"by patients per organ, sd {sds[len(sds) // 2]:g}", self._curve().to_string(), ""]
        lines += ["assumed, not measured"]
        lines += [
            f"  {name} = {value}: {meaning}"
            for name, value, meaning in self.assumptions.itertuples(index=False, name=None)
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [
            f"<h3>Power: {escape(self._title())}</h3>",
            "<p>Every number rests on the assumptions below; none was measured in your study.</p>",
            self._wide().to_html(index=False, border=0, na_rep=""),
        ]
        if len(self.curve):
            parts += ["<h4>By patients per organ</h4>", self._curve().to_html(border=0)]
        parts += ["<h4>Assumed</h4>", self.assumptions.to_html(index=False, border=0)]
        return "\n".join(parts)
