"""Defaults of :func:`niche.tl.infer_cnv`, taken too by a profile that is made on the way to compartments."""

from __future__ import annotations

WINDOW_SIZE, STEP = 100, 10
"""Genes of a window, and between the beginnings of windows."""

LFC_CLIP = 3.0
"""Largest log fold change of a gene."""

DYNAMIC_THRESHOLD = 1.5
"""Standard deviations of the noise below which a value is zero."""

EXCLUDED_CHROMOSOMES = ("chrX", "chrY", "chrM")

MIN_DETECTED = 0.02
"""Share of the cells that must express a gene."""
