"""Data sets: a generator with known truth, a small bundled draw, and public data."""

from __future__ import annotations

from niche.datasets.bioluminescence import simulate_bioluminescence
from niche.datasets.chung2017 import chung2017
from niche.datasets.demo import demo
from niche.datasets.maynard2020 import maynard2020
from niche.datasets.relapse import simulate_relapse
from niche.datasets.simulate import simulate_metastases
from niche.datasets.simulate_spatial import simulate_spatial
from niche.datasets.simulate_sublines import simulate_sublines
from niche.datasets.thrane2018 import thrane2018
from niche.datasets.xenograft import simulate_xenograft

__all__ = [
    "chung2017",
    "demo",
    "maynard2020",
    "simulate_bioluminescence",
    "simulate_metastases",
    "simulate_relapse",
    "simulate_spatial",
    "simulate_sublines",
    "simulate_xenograft",
    "thrane2018",
]
