"""What a design can detect, before any sequencing."""

from __future__ import annotations

from niche._power.power import power
from niche._power.report import PowerReport

__all__ = ["PowerReport", "power"]
