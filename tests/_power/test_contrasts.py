"""Which contrasts a design has, and with which weights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from niche._power.contrasts import contrasts


def test_names_and_weights():
    samples = pd.DataFrame(
        {
            "patient": ["p1", "p2", "p3", "p4", "p5", "p6", "p1"],
            "organ": ["bone", "bone", "lung", "lung", "liver", "breast", "bone"],
            "tissue": [*["metastasis"] * 5, "primary", "normal"],
        }
    )
    found = {contrast.name: contrast for contrast in contrasts(samples)}
    assert list(found) == [
        "bone_vs_rest", "liver_vs_rest", "lung_vs_rest", "bone_vs_liver", "bone_vs_lung", "liver_vs_lung",
        "bone_vs_primary", "liver_vs_primary", "lung_vs_primary", "bone_vs_normal",
    ]  # fmt: skip
    # groups in order: bone, its normal, the primary, liver, lung; liver has one patient and is in nobody's rest
    assert np.array_equal(found["bone_vs_rest"].weights, [1, 0, 0, 0, -1])
    assert np.array_equal(found["liver_vs_rest"].weights, [-0.5, 0, 0, 1, -0.5])
    assert np.array_equal(found["lung_vs_primary"].weights, [0, 0, -1, 0, 1])
    assert np.array_equal(found["bone_vs_normal"].weights, [1, -1, 0, 0, 0])
    assert found["liver_vs_lung"].organ == "liver"
    assert all(abs(contrast.weights.sum()) < 1e-12 for contrast in found.values())
