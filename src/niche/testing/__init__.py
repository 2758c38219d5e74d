"""Score any tool's table of edges on simulated studies whose truth is known."""

from __future__ import annotations

from niche.testing.calibration import calibration
from niche.testing.designs import designs
from niche.testing.null_metastases import null_metastases
from niche.testing.recovery import recovery
from niche.testing.true_contrasts import true_contrasts

__all__ = ["calibration", "designs", "null_metastases", "recovery", "true_contrasts"]
