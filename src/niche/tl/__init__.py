"""Tools: infer, test and store; read what they store through :mod:`niche.get`."""

from __future__ import annotations

from niche.tl.communication import communication
from niche.tl.scores import ScoreSpec, available_scores, register_score

__all__ = ["ScoreSpec", "available_scores", "communication", "register_score"]
