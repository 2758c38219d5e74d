"""Tidy views of stored results."""

from __future__ import annotations

from niche.get.axes import axes
from niche.get.communication import communication
from niche.get.design import design

__all__ = ["axes", "communication", "design"]
