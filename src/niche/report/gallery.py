"""All figures of a report."""

from __future__ import annotations

from niche.report.account_figures import account_figures
from niche.report.between_figures import between_figures
from niche.report.figures import ReportFigure, general_figures
from niche.report.findings import Findings
from niche.report.program_figures import program_figures
from niche.report.spatial_figures import spatial_figures
from niche.report.species import species_figures
from niche.report.tumor_figures import tumor_figures


def figures(found: Findings) -> dict[str, ReportFigure]:
    """Return the figures that can be drawn from what is stored, by name."""
    made = [
        *account_figures(found),
        *general_figures(found),
        *species_figures(found),
        *tumor_figures(found),
        *between_figures(found),
        *spatial_figures(found),
        *program_figures(found),
    ]
    return {figure.name: figure for figure in made}
