"""A small hand-made table of times to relapse."""

from __future__ import annotations

import pandas as pd


def followed_patients() -> pd.DataFrame:
    """Twelve patients of two groups: bone, lung, death, censored in two ways."""
    return pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(12)],
            "time": [1.0, 2, 3, 4, 5, 6, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5],
            "organ": [
                "bone",
                "lung",
                "bone",
                "censored",
                "death",
                "bone",
                "lung",
                None,
                "bone",
                "",
                "lung",
                "bone",
            ],
            "group": ["a", "b"] * 6,
            "score": [0.3, -1, 2, 0.1, -0.5, 1.2, -0.7, 0.4, 0.9, -1.4, 0.2, 0.0],
        }
    )
