"""Figures of stored results; each takes ``ax=`` or returns its own figure."""

from __future__ import annotations

from niche.pl.ambient import ambient
from niche.pl.axes_heatmap import axes_heatmap
from niche.pl.cnv import cnv
from niche.pl.communication import communication
from niche.pl.design import design
from niche.pl.malignant_evidence import malignant_evidence
from niche.pl.stability import stability
from niche.pl.umap import umap

__all__ = [
    "ambient",
    "axes_heatmap",
    "cnv",
    "communication",
    "design",
    "malignant_evidence",
    "stability",
    "umap",
]
