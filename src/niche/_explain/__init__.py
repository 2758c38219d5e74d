"""From a verdict down to every patient's numbers."""

from __future__ import annotations

from niche._explain.explain import explain
from niche._explain.explanation import EdgeExplanation

__all__ = ["EdgeExplanation", "explain"]
