"""Draws shared by the tests of the simulator; read-only."""

from __future__ import annotations

import anndata as ad
import pytest

from niche.datasets import simulate_metastases
from niche.datasets._simulate.assemble import make_plan
from niche.datasets._simulate.options import Options
from niche.datasets._simulate.plan import Plan

SMALL = {"organs": ("bone", "liver"), "patients_per_organ": 3, "cells": 60, "n_genes": 1400}


@pytest.fixture(scope="session")
def small() -> ad.AnnData:
    """Two organs, three patients each, primaries and normals."""
    return simulate_metastases(7, **SMALL)


@pytest.fixture(scope="session")
def deep() -> ad.AnnData:
    """Two organs and six primaries with quiet patients: effects can be read off."""
    return simulate_metastases(
        3,
        organs=("bone", "liver"),
        design="unpaired",
        patients_per_organ=6,
        primaries=6,
        normals=2,
        cells=220,
        n_genes=1500,
        patient_sd=0.2,
        cnv_effect=0.0,
        max_clones=1,
    )


@pytest.fixture(scope="session")
def plan() -> Plan:
    """What the samples of a small draw share."""
    import numpy as np

    options = Options(organs=("bone", "liver"), n_genes=1400)
    return make_plan(np.random.default_rng(5), options, options)
