"""Parts are drawn from streams of their own: changing one leaves the others alone."""

from __future__ import annotations

import numpy as np

from niche.datasets import simulate_metastases

SMALL = {"organs": ("bone", "liver"), "patients_per_organ": 2, "cells": 30, "n_genes": 1400}


def test_clones_and_design_do_not_depend_on_other_options() -> None:
    first = simulate_metastases(3, **SMALL).uns["truth"]
    second = simulate_metastases(3, **SMALL, depth=1000.0, patient_sd=0.9, ambient=0.2).uns["truth"]
    for name in ("clones", "segments", "program_genes", "composition", "cell_types"):
        assert first[name].equals(second[name]), name
    assert first["samples"].drop(columns="ambient").equals(second["samples"].drop(columns="ambient"))


def test_normal_samples_show_the_share_asked_for() -> None:
    def level(share: float, tissue: str) -> float:
        adata = simulate_metastases(
            3,
            **SMALL | {"organs": ("bone",), "cells": 300},
            soil_in_normal=share,
            patient_sd=0.0,
            ambient=0.0,
            doublets=0.0,
        )
        cells = ((adata.obs["cell_type"] == "Fibroblast") & (adata.obs["tissue"] == tissue)).to_numpy()
        return float(np.log2(adata[cells, "CXCL12"].X.sum() / adata[cells].X.sum()))

    none, full = level(0.0, "normal"), level(1.0, "normal")
    assert abs(full - none - 2.0) < 0.6
    assert abs(full - level(1.0, "metastasis")) < 0.6


def test_random_axes_are_on_genes_that_can_be_drawn() -> None:
    for seed in (1, 2, 7):  # the first pairs drawn hold a pseudogene, an immunoglobulin, an alias
        adata = simulate_metastases(
            seed, **SMALL | {"cells": 10, "patients_per_organ": 1}, primaries=0, normals=0, extra_axes=8
        )
        edges = adata.uns["truth"]["edges"]
        sides = edges.loc[edges["planted"], ["ligand_complex", "receptor_complex"]].astype(str).to_numpy()
        genes = {gene for name in sides.ravel() for gene in name.split("_")}
        assert edges["planted"].sum() == 2 * 8 * 3 + 10
        assert genes <= set(adata.var_names)
